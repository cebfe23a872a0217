"""`watch` and `changes` go on for ever: nothing is missed, nothing comes twice, whatever happens on the line."""

import asyncio
import gc
import shutil
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests import factories
from tests.accepting import Accepting
from tests.clients.python_client.stub import HANGS_AFTER_SECONDS, Stub, client_of, later, refusal
from wizard_server.client import Change, NotFound, WizardClient
from wizard_server.client.patching import patched
from wizard_server.domain.models.states import WizardStateResponse
from wizard_server.testing import Wizard


async def _started(wizards: WizardClient) -> Any:
    investigation = await wizards.create(settings=factories.settings(), investigation_id="inv-1")
    await investigation.update({"wizard_step": "PROGRESS"})
    return investigation


async def _next(iterator: AsyncIterator[Any]) -> Any:
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        return await anext(iterator)


async def test_watch_yields_every_state_until_the_one_that_is_asked_for(wizard: Wizard, wizards: WizardClient) -> None:
    investigation = await _started(wizards)

    async def watch() -> list[tuple[int, float]]:
        states = investigation.watch(until="status:COMPLETED")
        return [(s.version, s.progress.overall_progress if s.progress else 0.0) async for s in states]

    watching = asyncio.create_task(watch())
    for number in range(1, 4):
        await wizard.parked(1)
        await investigation.patch({"progress": {"overall_progress": number}})
    await investigation.finish(factories.results())
    assert await asyncio.wait_for(watching, HANGS_AFTER_SECONDS) == [(2, 0), (3, 1), (4, 2), (5, 3), (6, 3)]


async def test_what_watch_yields_is_what_read_returns(wizard: Wizard, wizards: WizardClient) -> None:
    investigation = await _started(wizards)
    states = investigation.watch()
    assert (await _next(states)).version == 2
    for number in range(5):
        following = asyncio.create_task(_next(states))
        await wizard.parked(1)
        report = factories.progress(overall_progress=number, logs=[f"line {each}" for each in range(number)])
        await investigation.update({"progress": report})
        assert _but_access(await following) == _but_access(await investigation.read())
    await states.aclose()


def _but_access(state: WizardStateResponse) -> dict[str, Any]:
    return state.model_dump(exclude={"last_accessed", "stalled", "stale"})


async def test_watch_of_fields_yields_only_where_they_are_others(wizard: Wizard, wizards: WizardClient) -> None:
    investigation = await _started(wizards)
    states = investigation.watch(watch="status", until="wizard_step:RESULTS")
    assert (await _next(states)).version == 2
    following = asyncio.create_task(_next(states))
    await wizard.parked(1)
    await investigation.patch({"progress": {"overall_progress": 50}})
    await wizard.parked(1)
    await investigation.finish(factories.results())
    assert (await following).status == "COMPLETED"
    with pytest.raises(StopAsyncIteration):
        await _next(states)


async def test_watch_from_a_known_version_tells_only_what_is_newer(wizard: Wizard, wizards: WizardClient) -> None:
    investigation = await _started(wizards)
    states = investigation.watch(since=2)
    following = asyncio.create_task(_next(states))
    await wizard.parked(1)
    await investigation.patch({"progress": {"overall_progress": 50}})
    assert (await following).version == 3
    await states.aclose()
    assert [state.version async for state in investigation.watch(since=3, until="wizard_step:PROGRESS")] == [3]


@pytest.mark.parametrize("until", ["state:COMPLETED", "status:FINISHED", "status", "status:COMPLETED, ERROR"])
async def test_a_condition_that_no_state_reaches_is_refused(wizards: WizardClient, until: str) -> None:
    with pytest.raises(ValueError, match="until must be"):
        await _next(wizards.investigation("inv-1").watch(until=until))


async def test_a_watch_ends_with_the_state(wizard: Wizard, wizards: WizardClient) -> None:
    investigation = await _started(wizards)
    states = investigation.watch()
    await _next(states)
    following = asyncio.create_task(_next(states))
    await wizard.parked(1)
    await investigation.delete()
    with pytest.raises(NotFound):
        await following


async def test_changes_lead_from_each_state_to_the_next(wizard: Wizard, wizards: WizardClient) -> None:
    investigation = await _started(wizards)
    changes = investigation.changes()
    following = asyncio.create_task(_next(changes))
    await wizard.parked(1)
    await investigation.patch({"progress": {"overall_progress": 50}})
    change = await following
    assert isinstance(change, Change)
    assert (change.version, change.fields_changed, change.user_id) == (3, ["progress"], "dev")
    await changes.aclose()
    changes = investigation.changes(since=1)
    document: Any = (await investigation.read(version=1)).model_dump(mode="json")
    for version in (2, 3):
        change = await _next(changes)
        document = {**patched(document, change.patch), "version": change.version}
        assert change.version == version
    await changes.aclose()
    state = (await investigation.read()).model_dump(mode="json")
    assert document["progress"] == state["progress"]


def _state(version: int, **members: Any) -> dict[str, Any]:
    return {
        "investigation_id": "inv-1",
        "user_id": "dev",
        "wizard_step": "PROGRESS",
        "status": "IN_PROGRESS",
        "version": version,
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
        **members,
    }


def _polled(version: int, *, news: bool = True, **members: Any) -> tuple[int, dict[str, str], Any]:
    body = {"state": _state(version), "version": version, "has_changes": news, "timestamp": "2026-01-01T00:00:00.000Z"}
    return 200, {"X-Recommended-Interval": "1"}, {**body, **members}


def _changed(since: int, *versions: int, patch: Any = ()) -> tuple[int, dict[str, str], Any]:
    changes = [
        {
            "version": version,
            "timestamp": "2026-01-01T00:00:00.000Z",
            "action_type": "STATE_CHANGE",
            "source": "USER",
            "user_id": "dev",
            "fields_changed": [],
            "patch": list(patch),
        }
        for version in versions
    ]
    return 200, {"X-Recommended-Interval": "1"}, {"from_version": since, "to_version": versions[-1], "changes": changes}


async def _versions(stub: Stub, count: int) -> list[int]:
    async with client_of(stub) as client:
        states = client.investigation("inv-1").watch()
        found = [(await _next(states)).version for _ in range(count)]
        await states.aclose()
    return found


async def test_an_old_answer_is_no_news() -> None:
    stub = Stub()
    stub.answers.extend([_polled(5), _changed(3, 4, 5), _changed(5, 6), _changed(5, 6), _changed(6, 7)])
    assert await _versions(stub, 3) == [5, 6, 7]


async def test_after_a_restored_backup_the_state_is_told_anew() -> None:
    stub = Stub()
    stub.answers.extend([_polled(9), refusal(410, "history-gone"), _polled(4, reset=True), _changed(4, 5)])
    assert await _versions(stub, 3) == [9, 4, 5]
    assert [asked.query.get("since_version") for asked in stub.asked] == [None, "9", "9", "4"]


async def test_a_watch_goes_on_over_a_backup_that_is_restored_on_a_real_server(
    wizard: Wizard, wizards: WizardClient, tmp_path: Path
) -> None:
    investigation = await _started(wizards)
    database, backup = wizard.database_url.removeprefix("sqlite:///"), tmp_path / "backup.db"
    wizard.stop()
    shutil.copy(database, backup)
    wizard.restart()
    states, changes = investigation.watch(), investigation.changes(since=2)
    assert (await _next(states)).version == 2
    for percent in (10, 20):
        version = (await investigation.patch({"progress": {"overall_progress": percent}})).version
        assert [(await _next(each)).version for each in (states, changes)] == [version, version]
    wizard.stop()
    shutil.copy(backup, database)
    wizard.restart()
    restored, reset = await _next(states), await _next(changes)
    assert (restored.version, reset.version, reset.reset) == (2, 2, True)
    await investigation.patch({"progress": {"overall_progress": 30}})
    assert [(await _next(each)).version for each in (states, changes)] == [3, 3]
    await states.aclose()
    await changes.aclose()


async def test_changes_tell_a_restored_backup_as_one_that_replaces_everything() -> None:
    stub = Stub()
    stub.answers.extend([refusal(410, "history-gone"), _polled(4, reset=True), _changed(4, 5)])
    async with client_of(stub) as client:
        changes = client.investigation("inv-1").changes(since=9)
        reset, after = await _next(changes), await _next(changes)
        await changes.aclose()
    assert (reset.version, reset.reset, reset.patch[0]["path"]) == (4, True, "")
    assert (after.version, after.reset) == (5, False)


async def test_a_patch_that_does_not_apply_has_the_whole_state_asked_for() -> None:
    stub = Stub()
    wrong = [{"op": "replace", "path": "/progress/agents/7/progress", "value": 1}]
    stub.answers.extend([_polled(5), _changed(5, 6, patch=wrong), _polled(6), _changed(6, 7)])
    assert await _versions(stub, 3) == [5, 6, 7]


async def test_a_watch_goes_on_over_refusals_that_pass_and_a_drain() -> None:
    stub = Stub()
    drained = (200, {"Retry-After": "0"}, _changed(5, 6)[2] | {"from_version": 4})
    stub.answers.extend(
        [_polled(5), later(503, "storage-unavailable"), later(429, "rate-limited"), drained, _changed(5, 6)]
    )
    assert await _versions(stub, 2) == [5, 6]


async def test_a_watch_learns_how_long_a_proxy_lets_it_wait(wizard: Wizard, wizards: WizardClient) -> None:
    investigation = await _started(wizards)
    states = investigation.watch()
    assert (await _next(states)).version == 2
    wizard.faults.timeout(1.5, path="/polling/")
    shorter = wizard.faults.delay(0, path="wait=1")
    following = asyncio.create_task(_next(states))
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        while not shorter.hits:
            await wizard.parked(1)
            await wizard.parked(0)  # it was cut; aiohttp itself repeats it once
    await investigation.patch({"progress": {"overall_progress": 50}})
    assert (await following).version == 3
    await states.aclose()


async def test_the_memory_of_a_watch_stays_flat_over_a_hundred_thousand_changes() -> None:
    """The server is a stub, which makes changes as quickly as they are asked for, a thousand at a time."""

    async def answer(request: web.Request) -> web.Response:
        since = int(request.query.get("since_version", 0))
        if not request.path.endswith("/changes"):
            return web.json_response(_polled(1, state=_state(1, progress={"current_phase": ""}))[2])
        patch = [{"op": "replace", "path": "/progress/current_phase", "value": f"{since:0200}"}]
        return web.json_response(_changed(since, *range(since + 1, since + 1001), patch=patch)[2])

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with Accepting(app) as server, WizardClient(str(server.make_url("/")), user="dev") as client:
        states = client.investigation("inv-1").watch()
        sizes = []
        try:
            async for state in states:
                if state.version == 3_000:
                    tracemalloc.start()
                if state.version in (4_000, 100_000):
                    gc.collect()
                    sizes.append((tracemalloc.get_traced_memory()[0], len(gc.get_objects())))
                if state.version >= 100_000:
                    break
        finally:
            tracemalloc.stop()
        await states.aclose()
    (early, few), (late, many) = sizes
    print(f"KiB since 3,000 changes: after 4,000 {early >> 10}, after 100,000 {late >> 10}; objects {few}, {many}")
    assert late - early < 1 << 20
    assert many - few < 3_000
