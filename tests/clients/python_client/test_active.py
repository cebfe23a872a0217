"""`watch_active`: what runs is handed to one worker of each group, and again when that one is gone."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from tests import factories
from wizard_server.client import InvalidToken, Investigation, WizardClient
from wizard_server.client.active import PACE_SECONDS
from wizard_server.domain.models.enumerations import InvestigationStatus
from wizard_server.testing import Wizard

HANGS_AFTER_SECONDS = 20.0


class Worker:
    """One worker of a group; `next` is the investigation that it is handed next."""

    def __init__(self, client: WizardClient, group: str, name: str) -> None:
        self.handed = client.watch_active(group, worker=name)

    async def next(self) -> Investigation:
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            return await anext(self.handed)


@asynccontextmanager
async def at_work(wizard: Wizard, group: str, name: str) -> AsyncIterator[Worker]:
    """Run a worker; at the end of the block it is gone, without a word."""
    async with wizard.agent(name) as client:
        worker = Worker(client, group, name)
        yield worker
        await worker.handed.aclose()


async def start(client: WizardClient, investigation_id: str) -> Investigation:
    investigation = await client.create(settings=factories.settings(), investigation_id=investigation_id)
    await investigation.update({"wizard_step": "PROGRESS"})
    return investigation


async def entries(investigation: Investigation) -> dict[str, str]:
    """Return what the agents of an investigation say of themselves."""
    progress = (await investigation.read()).progress
    return {agent.agent_name: agent.status for agent in progress.agents} if progress else {}


async def test_each_investigation_is_handed_to_one_worker_of_each_group(wizard: Wizard) -> None:
    handed: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()

    async def work(group: str, name: str) -> None:
        async with at_work(wizard, group, name) as worker:
            async for investigation in worker.handed:
                handed.put_nowait((investigation.id, group, name))

    async with wizard.client("alice") as alice, asyncio.timeout(HANGS_AFTER_SECONDS), asyncio.TaskGroup() as group:
        before = [await start(alice, f"inv-{number}") for number in range(3)]
        crew = [("device", "d-1"), ("device", "d-2"), ("device", "d-3"), ("payments", "p-1"), ("payments", "p-2")]
        workers = [group.create_task(work(*each)) for each in crew]
        after = [await start(alice, f"inv-{number}") for number in range(3, 6)]
        found = [await handed.get() for _ in range(12)]
        for investigation in before + after:
            holders = {f"claimed by {name}" for which, _, name in found if which == investigation.id}
            assert set((await entries(investigation)).values()) == holders
        assert len({(which, group) for which, group, _ in found}) == 12
        for worker in workers:
            worker.cancel()


async def test_of_two_workers_that_saw_it_free_one_has_it(wizard: Wizard) -> None:
    async with (
        wizard.client("alice") as alice,
        at_work(wizard, "device", "d-1") as one,
        at_work(wizard, "device", "d-2") as two,
    ):
        investigation = await start(alice, "inv-1")
        # The first read is answered when the second is, so both saw the same version.
        both = wizard.faults.reorder(within=HANGS_AFTER_SECONDS, method="GET", path="/wizard-state/inv-1", times=1)
        waiting = [asyncio.create_task(each.next()) for each in (one, two)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert both.hits == 1
        [has] = [number for number, task in enumerate(waiting) if task.done()]
        assert await entries(investigation) == {"device": f"claimed by d-{has + 1}"}
        await start(alice, "inv-2")
        other = await asyncio.wait_for(waiting[1 - has], HANGS_AFTER_SECONDS)
        assert other.id == "inv-2"


async def test_what_others_report_costs_a_pool_few_requests(wizard: Wizard) -> None:
    async with (
        wizard.client("alice") as alice,
        at_work(wizard, "device", "d-1") as holder,
        at_work(wizard, "device", "d-2") as other,
    ):
        await start(alice, "inv-1")
        investigation = await holder.next()
        asked, began = wizard.faults.delay(0, path="/active-investigations"), time.monotonic()
        waiting = asyncio.create_task(other.next())
        for percent in range(50):
            investigation.report(agent="device", progress=percent)
            await investigation.flush()
        await start(alice, "inv-2")
        assert (await waiting).id == "inv-2"
        assert asked.hits <= 5 + (time.monotonic() - began) / PACE_SECONDS


@pytest.mark.parametrize("again", ["reset", "retry"])
async def test_a_run_that_begins_again_is_handed_out_again(wizard: Wizard, again: str) -> None:
    async with wizard.client("alice") as alice, at_work(wizard, "device", "d-1") as worker:
        investigation = await start(alice, "inv-1")
        status = InvestigationStatus.COMPLETED if again == "reset" else InvestigationStatus.ERROR
        await (await worker.next()).finish(factories.results(), status=status)
        following = asyncio.create_task(worker.next())
        if again == "reset":
            await investigation.update({"wizard_step": "SETTINGS"})
            await investigation.update({"wizard_step": "PROGRESS"})
        else:
            await investigation.update({"wizard_step": "PROGRESS", "status": "IN_PROGRESS"})
        assert (await following).id == "inv-1"


async def test_a_pool_goes_on_over_a_crash_of_the_server_and_ends_with_its_token(wizard: Wizard) -> None:
    async with wizard.client("alice") as alice, at_work(wizard, "device", "d-1") as worker:
        following = asyncio.create_task(worker.next())
        await wizard.parked(1)
        wizard.kill()
        wizard.restart()
        await start(alice, "inv-1")
        assert (await following).id == "inv-1"
    async with WizardClient(wizard.url, token=wizard.token("agent", ttl=-60)) as late:
        with pytest.raises(InvalidToken):
            await anext(late.watch_active())


class TestStalled:
    """On a server that counts an investigation as stalled as soon as it can."""

    @pytest.fixture
    def wizard_config(self) -> Mapping[str, Mapping[str, Any]]:
        return {"polling": {"stall_after_seconds": 1}}

    async def test_what_a_crashed_worker_had_is_handed_out_again_once_it_counts_as_stalled(
        self, wizard: Wizard
    ) -> None:
        async with wizard.client("alice") as alice, at_work(wizard, "device", "d-2") as other:
            await start(alice, "inv-1")
            async with at_work(wizard, "device", "d-1") as crashed:
                investigation = await crashed.next()
                investigation.report(agent="device", status="running", progress=10, log="before the crash")
                await investigation.flush()
            again = await other.next()
            assert again.id == "inv-1"
            assert await entries(again) == {"device": "claimed by d-2"}
            state = await again.finish(factories.results())
            assert state.progress is not None
            assert state.progress.agents[0].logs == ["before the crash"]

    async def test_a_part_that_is_completed_is_not_handed_out_again_though_the_rest_has_stalled(
        self, wizard: Wizard
    ) -> None:
        async with wizard.client("alice") as alice, AsyncExitStack() as gone:
            investigation = await start(alice, "inv-1")
            device = await gone.enter_async_context(at_work(wizard, "device", "d-1"))
            payments = await gone.enter_async_context(at_work(wizard, "payments", "p-1"))
            async with (await device.next()).reporting(agent="device") as reports:
                reports.report(100, status="completed")
            await payments.next()
            await gone.aclose()
            async with at_work(wizard, "device", "d-2") as device, at_work(wizard, "payments", "p-2") as payments:
                following = asyncio.create_task(device.next())
                assert (await payments.next()).id == "inv-1"
                await start(alice, "inv-2")
                assert (await following).id == "inv-2"
            assert await entries(investigation) == {"device": "completed", "payments": "claimed by p-2"}
