"""Eight agents report at random to a server that is killed, drained, slowed, and answers twice: nothing is lost."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests import factories
from wizard_server.client import Investigation, WizardClient
from wizard_server.client.patching import patched
from wizard_server.testing import Fault, Wizard
from wizard_server.testing.loops import LoopThread

HANGS_AFTER_SECONDS = 60.0
AGENTS = tuple(f"agent-{number}" for number in range(8))
REPORTS = 125  # of each agent


class Author:
    """One agent: what it reports, and what is to be seen of that in the end."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.lines: list[str] = []
        self.progress = self.phase = 0.0
        self._random = random.Random(f"{name} {seed}")

    async def work(self, investigation: Investigation, said: Callable[[], None]) -> None:
        """Report at random, and wait at random until all of it stands."""
        async with investigation.reporting(agent=self.name) as reports:
            for _ in range(REPORTS):
                reports.report(**self._report())
                said()
                await asyncio.sleep(0)
                if self._random.random() < 0.1:
                    await reports.flush()

    def _report(self) -> dict[str, Any]:
        self.progress = self._random.uniform(0, 100)
        report: dict[str, Any] = {"progress": self.progress}
        if self._random.random() < 0.5:
            self.phase = self._random.uniform(0, 100)
            report["phases"] = [{"phase_name": self.name, "status": "running", "progress": self.phase}]
        lines = [f"{self.name} says {len(self.lines) + number}" for number in range(self._random.randrange(4))]
        self.lines += lines
        return {**report, "log": lines}


class Troubles:
    """What happens to the server: one trouble after the other, as the agents get on."""

    def __init__(self, wizard: Wizard, seed: int) -> None:
        self._wizard = wizard
        self._random = random.Random(seed)
        self._said = 0
        self._moved = asyncio.Event()
        self.faults: list[Fault] = []

    def said(self) -> None:
        """Count a report."""
        self._said += 1
        self._moved.set()

    async def come(self) -> None:
        """Have all of them happen, in any order, evenly over the reports."""
        troubles = [self._kill, self._drain, self._slow, self._twice, self._lossy, self._busy]
        self._random.shuffle(troubles)
        for number, trouble in enumerate(troubles):
            while self._said < number * REPORTS * len(AGENTS) // len(troubles):
                self._moved.clear()
                await self._moved.wait()
            await trouble()

    async def _kill(self) -> None:
        await asyncio.to_thread(self._wizard.kill)
        await asyncio.to_thread(self._wizard.restart)

    async def _drain(self) -> None:
        await asyncio.to_thread(self._wizard.restart)

    async def _slow(self) -> None:
        self.faults.append(self._wizard.faults.delay(0.1, path="/progress", times=16))

    async def _twice(self) -> None:
        self.faults.append(self._wizard.faults.duplicate(path="/progress", times=32))

    async def _lossy(self) -> None:
        faults, cut = self._wizard.faults, self._random.randrange(200)
        self.faults.append(faults.drop(path="/progress", times=4))
        self.faults.append(faults.cut(after=cut, path="/progress", times=4))
        self.faults.append(faults.lose(path="/progress", times=4))

    async def _busy(self) -> None:
        status = self._random.choice((429, 502, 503))
        self.faults.append(self._wizard.faults.refuse(status, path="/progress", times=8))


@asynccontextmanager
async def started(wizard: Wizard) -> AsyncIterator[Investigation]:
    async with wizard.client("alice") as alice:
        investigation = await alice.create(settings=factories.settings(), investigation_id="inv-1")
        await investigation.update({"wizard_step": "PROGRESS"})
        yield investigation


@pytest.fixture(params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, wizard_loop: LoopThread) -> Iterator[Wizard]:
    """A server on each engine."""
    if request.param == "sqlite":
        yield request.getfixturevalue("wizard")
        return
    with Wizard(wizard_loop, request.getfixturevalue("postgres").url, {}) as wizard:
        yield wizard


async def test_every_line_is_in_the_trail_once_and_in_order_and_the_last_number_stands(served: Wizard) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    authors = [Author(name, seed) for name in AGENTS]
    troubles = Troubles(served, seed)
    requests = served.faults.delay(0, path="/progress")
    async with started(served) as investigation, asyncio.timeout(HANGS_AFTER_SECONDS):
        async with asyncio.TaskGroup() as group:
            for author in authors:
                group.create_task(work(served.agent(author.name), author, troubles.said))
            group.create_task(troubles.come())
        state = await investigation.read()
        trail = await lines_of_the_trail(investigation, state.version)
        assert state.progress is not None
        agents = {agent.agent_name: agent for agent in state.progress.agents}
        phases = {phase.phase_name: phase.progress for phase in state.progress.phases}
    met = {fault.kind: fault.hits for fault in troubles.faults}
    print(f"{REPORTS * len(AGENTS)} reports, {requests.hits} requests, {state.version} versions; met {met}")
    said = {author.name: author.lines for author in authors}
    assert said == trail
    assert said == {name: agent.logs for name, agent in agents.items()}
    assert {author.name: author.progress for author in authors} == {name: agents[name].progress for name in agents}
    assert {author.name: author.phase for author in authors if author.phase} == phases
    assert requests.hits < REPORTS * len(AGENTS) / 2
    assert sum(met.values()) >= 16


async def work(client: WizardClient, author: Author, said: Callable[[], None]) -> None:
    async with client:
        await author.work(client.investigation("inv-1"), said)


async def lines_of_the_trail(investigation: Investigation, version: int) -> dict[str, list[str]]:
    """Return the lines of each agent as the changes added them, one after the other."""
    document: Any = (await investigation.read(version=1)).model_dump(mode="json")
    added: dict[str, list[str]] = {}
    async for change in investigation.changes(since=1):
        document = patched(document, change.patch)
        for agent in (document["progress"] or {}).get("agents", ()):
            known = added.setdefault(agent["agent_name"], [])
            assert agent["logs"][: len(known)] == known, "a line that was there has changed"
            known += agent["logs"][len(known) :]
        if change.version == version:
            break
    return added
