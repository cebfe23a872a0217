"""Who works on the investigation: an analyst who configures and starts it, a lead, and agents that work in parallel.

Each part of the document has one author: an agent writes its own entry, the lead the phases, the whole and the results.
All of them speak HTTP with the server and share nothing else but the count of what is done in a phase.
"""

import asyncio

import aiohttp

from wizard_server.demo import scenario
from wizard_server.demo.client import Api
from wizard_server.demo.push import ProgressPush
from wizard_server.demo.scenario import Phase, Task
from wizard_server.domain.clock import to_wire, utc_now

STATES = "/wizard-state"
STATE = f"{STATES}/{scenario.INVESTIGATION_ID}"
OVERALL_TICKS = sum(phase.ticks for phase in scenario.PHASES)


class Analyst:
    """Does what a person does in the browser."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._api = Api(session, url, "analyst", source="USER")

    async def create(self) -> int:
        """Create the investigation with its settings; return its version."""
        body = {
            "investigation_id": scenario.INVESTIGATION_ID,
            "user_id": scenario.OWNER,
            "settings": scenario.SETTINGS,
        }
        return (await self._api.post(STATES, body)).version

    async def start(self, version: int) -> None:
        """Start the investigation as it is at `version`; what changed meanwhile would refuse it."""
        await self._api.patch(STATE, {"wizard_step": "PROGRESS"}, based_on=version)


class Agent:
    """One agent, which works through its tasks and reports at every tick."""

    def __init__(self, session: aiohttp.ClientSession, url: str, name: str) -> None:
        self._api = Api(session, url, name)
        self._push = ProgressPush(STATE)
        self._name = name
        self._ticks = scenario.agent_ticks(name)
        self._done = 0

    async def work(self, task: Task, ticks: "asyncio.Queue[None]", speed: float) -> None:
        """Do `task`, `speed` times as fast as it says, and put a None into `ticks` for every report."""
        for tick in range(1, task.ticks + 1):
            await asyncio.sleep(task.seconds / task.ticks / speed)
            self._done += 1
            line, pending = divmod(tick, scenario.TICKS_PER_LINE)
            await self._push.agent(
                self._api,
                self._name,
                status=self._status(last=tick == task.ticks),
                percent=_percent(self._done, self._ticks),
                line=None if pending else task.lines[line - 1],
            )
            ticks.put_nowait(None)

    def _status(self, *, last: bool) -> str:
        if self._done == self._ticks:
            return "completed"
        return "waiting" if last else "running"


class Lead:
    """Runs the phases one after the other, and closes the investigation."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._api = Api(session, url, "lead")
        self._push = ProgressPush(STATE)
        self._agents = {name: Agent(session, url, name) for name in scenario.AGENTS}
        self._done = 0

    async def run(self, speed: float = 1.0) -> int:
        """Run the whole investigation; return the version that completed it.

        Raises `DemoError`, alone or in a group.
        """
        await self._push.begin(self._api)
        for phase in scenario.PHASES:
            await self._phase(phase, speed)
        return await self._complete()

    async def _phase(self, phase: Phase, speed: float) -> None:
        ticks: asyncio.Queue[None] = asyncio.Queue()
        await self._push.phase(self._api, phase.name, percent=0.0, overall=_percent(self._done, OVERALL_TICKS))
        async with asyncio.TaskGroup() as group:
            for task in phase.tasks:
                group.create_task(self._agents[task.agent].work(task, ticks, speed))
            group.create_task(self._follow(phase, ticks))

    async def _follow(self, phase: Phase, ticks: "asyncio.Queue[None]") -> None:
        """Report how far the phase is until it is done; ticks that come together make one report."""
        done = 0
        while done < phase.ticks:
            await ticks.get()
            fresh = 1 + ticks.qsize()
            for _ in range(fresh - 1):
                ticks.get_nowait()
            done, self._done = done + fresh, self._done + fresh
            await self._push.phase(
                self._api,
                phase.name,
                percent=_percent(done, phase.ticks),
                overall=_percent(self._done, OVERALL_TICKS),
            )

    async def _complete(self) -> int:
        results = {
            "findings": scenario.FINDINGS,
            "risk_score": scenario.RISK_SCORE,
            "entity_summaries": scenario.ENTITY_SUMMARIES,
            "completed_at": to_wire(utc_now()),
        }
        return await self._push.complete(self._api, results)


def _percent(done: int, total: int) -> float:
    return round(100 * done / total, 1)
