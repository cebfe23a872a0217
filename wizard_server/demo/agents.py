"""Who works on an investigation: agents side by side, and a lead who takes it through its phases.

Each part of the document has one author: an agent writes its own entry, the lead the phases, the whole and the results.
All of them speak HTTP with the server and share nothing else but the count of what is done in a phase.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from wizard_server.client import Investigation
from wizard_server.demo.script import TICKS_PER_LINE, Phase, Script, Task
from wizard_server.domain.clock import to_wire, utc_now

LEAD = "lead"

Ticks = asyncio.Queue[None]


class Agent:
    """One agent, which works through its tasks and reports at every tick."""

    def __init__(self, investigation: Investigation, name: str, ticks: int) -> None:
        self._investigation = investigation
        self._name = name
        self._ticks = ticks
        self._done = 0

    async def work(self, task: Task, ticks: Ticks, speed: float) -> None:
        """Do `task`, `speed` times as fast as it says, and put a None into `ticks` for every report."""
        async with self._investigation.reporting(agent=self._name) as reports:
            for tick in range(1, task.ticks + 1):
                await asyncio.sleep(task.seconds / task.ticks / speed)
                self._done += 1
                line, pending = divmod(tick, TICKS_PER_LINE)
                reports.report(
                    _percent(self._done, self._ticks),
                    status=self._status(last=tick == task.ticks),
                    log=None if pending else task.lines[line - 1],
                )
                ticks.put_nowait(None)

    def _status(self, *, last: bool) -> str:
        if self._done == self._ticks:
            return "completed"
        return "waiting" if last else "running"


class Lead:
    """Takes an investigation through the phases of `script`, one after the other, and completes it."""

    def __init__(self, investigation: Investigation, script: Script, agents: Mapping[str, Agent]) -> None:
        self._investigation = investigation
        self._script = script
        self._agents = agents
        self._reports = investigation.reporting(agent=LEAD)
        self._done = 0

    async def run(self, speed: float = 1.0) -> None:
        """Run the whole investigation; raises a `WizardClientError`, alone or in a group."""
        await self._begin()
        for phase in self._script.phases:
            await self._phase(phase, speed)
        done = [{"agent_name": LEAD, "progress": 100.0}]
        await self._investigation.finish(self._script.results(_now()), agents=done)

    async def _begin(self) -> None:
        """Lay out all phases and agents as pending, before anybody else reports."""
        self._reports.report(
            0.0,
            status="running",
            overall_progress=0.0,
            phases=[{"phase_name": phase.name, "status": "pending"} for phase in self._script.phases],
            agents=[{"agent_name": name, "status": "pending"} for name in self._agents],
            logs=[f"investigation started with {len(self._agents)} agents"],
            started_at=_now(),
        )
        await self._reports.flush()

    async def _phase(self, phase: Phase, speed: float) -> None:
        ticks = Ticks()
        self._report(phase, 0)
        async with asyncio.TaskGroup() as group:
            for task in phase.tasks:
                group.create_task(self._agents[task.agent].work(task, ticks, speed))
            group.create_task(self._follow(phase, ticks))

    async def _follow(self, phase: Phase, ticks: Ticks) -> None:
        """Report how far the phase is until it is done; ticks that come together make one report."""
        done = 0
        while done < phase.ticks:
            await ticks.get()
            fresh = 1 + ticks.qsize()
            for _ in range(fresh - 1):
                ticks.get_nowait()
            done, self._done = done + fresh, self._done + fresh
            self._report(phase, done)

    def _report(self, phase: Phase, done: int) -> None:
        """Report how far `phase` and the whole are; 0 starts the phase, and all its ticks complete it."""
        is_completed = done == phase.ticks
        said: dict[str, Any] = {
            "phase_name": phase.name,
            "status": "completed" if is_completed else "running",
            "progress": _percent(done, phase.ticks),
        }
        if is_completed or not done:
            said["completed_at" if is_completed else "started_at"] = _now()
        overall = _percent(self._done, self._script.ticks)
        current = None if done else phase.name
        self._reports.report(overall, overall_progress=overall, phases=[said], current_phase=current)


def _percent(done: int, total: int) -> float:
    return round(100 * done / total, 1)


def _now() -> str:
    return to_wire(utc_now())
