"""Agents that stop reporting: every watcher sees `stalled`, at once, without a version; the next report clears it."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Client, StartServer
from tests.web.dashboards import ask
from tests.web.helpers import (
    COMPLETE,
    STATES,
    StoppedClock,
    parked,
    patch,
    poll,
    polling,
    read,
    send,
    soon,
    start,
    stored,
    url,
)

PROGRESS = url(suffix="/progress")
BRISK = {"stall_after_seconds": 1}


async def report(client: Client, percent: float) -> Any:
    answer = await send(client, "POST", PROGRESS, json={"overall_progress": percent})
    assert answer.status == 200, answer.body
    return answer.body


def stalled(state: Any) -> bool:
    """Return whether a state is marked as stalled; one that is not need not say so."""
    mark: bool = state.get("stalled", False)
    return mark


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
async def timed(start_server: StartServer, clock: StoppedClock) -> Client:
    """A server whose clock stands still, with inv-1 running."""
    client = await start_server(clock=clock, polling={"stall_after_seconds": 120})
    await start(client)
    return client


@pytest.fixture
async def brisk(start_server: StartServer) -> Client:
    """A server on which agents may go a second without a report, with inv-1 running."""
    client = await start_server(polling=BRISK)
    await start(client)
    return client


async def everywhere(client: Client) -> set[bool]:
    """Return what each way to look at inv-1 says of it."""
    return {
        stalled(await read(client)),
        stalled((await send(client, "GET", STATES)).body["items"][0]),
        stalled((await poll(client)).body["state"]),
        stalled((await poll(client, view="summary")).body["state"]),
        stalled((await ask(client)).body["investigations"][0]),
        stalled((await ask(client, cursor=0)).body["investigations"][0]),
    }


@pytest.mark.parametrize(("seconds", "stalled"), [(0, False), (119.999, False), (120, True), (100_000, True)])
async def test_silence_of_the_configured_length_is_a_stall_everywhere(
    timed: Client, clock: StoppedClock, seconds: float, stalled: bool
) -> None:
    clock.move(seconds=seconds)
    assert await everywhere(timed) == {stalled}


async def test_the_next_report_clears_it_everywhere(timed: Client, clock: StoppedClock) -> None:
    clock.move(seconds=500)
    assert await everywhere(timed) == {True}
    assert stalled(await report(timed, 5)) is False
    assert await everywhere(timed) == {False}


async def test_a_stall_is_no_version_and_no_entry(timed: Client, clock: StoppedClock, database: str) -> None:
    before = stored(database)
    clock.move(seconds=500)
    assert await everywhere(timed) == {True}
    assert (await read(timed))["version"] == 2
    assert stored(database) == before


@pytest.mark.parametrize(
    "fields", [{"wizard_step": "SETTINGS"}, {"status": "ERROR"}, {"status": "CANCELLED"}, COMPLETE]
)
async def test_only_what_runs_can_stall(timed: Client, clock: StoppedClock, fields: dict[str, str]) -> None:
    await patch(timed, fields)
    clock.move(seconds=500)
    assert await everywhere(timed) == {False}


async def test_an_older_version_is_never_stalled(timed: Client, clock: StoppedClock) -> None:
    await report(timed, 5)
    clock.move(seconds=500)
    assert stalled((await send(timed, "GET", url(), params={"version": "2"})).body) is False


@pytest.mark.parametrize(("shown", "unreported"), [("false", 500), ("true", 0)])
async def test_a_client_that_shows_it_wrongly_is_told_at_once(
    timed: Client, clock: StoppedClock, shown: str, unreported: int
) -> None:
    clock.move(seconds=unreported)
    for headers, since in (({}, 2), ({"If-None-Match": '"version-2"'}, None)):
        answer = await soon(polling(timed, since_version=since, stalled=shown, headers=headers))
        assert (answer.status, answer.body["version"]) == (200, 2)
        assert stalled(answer.body["state"]) is (shown == "false")


@pytest.mark.parametrize(("shown", "unreported"), [("false", 500), ("true", 0)])
async def test_a_client_that_shows_it_wrongly_is_told_without_a_wait_too(
    timed: Client, clock: StoppedClock, shown: str, unreported: int
) -> None:
    clock.move(seconds=unreported)
    answer = await poll(timed, headers={"If-None-Match": '"version-2"'}, stalled=shown)
    assert (answer.status, answer.body and stalled(answer.body["state"])) == (200, shown == "false")


async def test_a_client_that_shows_it_rightly_waits(timed: Client, clock: StoppedClock) -> None:
    clock.move(seconds=500)
    task = polling(timed, since_version=2, stalled="true")
    await parked(timed)
    assert not task.done()
    await report(timed, 5)
    assert stalled((await soon(task)).body["state"]) is False


async def test_a_client_without_the_parameter_waits_at_a_stall(timed: Client, clock: StoppedClock) -> None:
    clock.move(seconds=500)
    task = polling(timed, since_version=2)
    await parked(timed)
    assert not task.done()
    await report(timed, 5)
    assert (await soon(task)).body["version"] == 3


async def test_a_parked_poll_is_woken_when_the_agents_stop_reporting(brisk: Client, database: str) -> None:
    before = stored(database)
    answer = await soon(polling(brisk, since_version=2))
    assert (answer.body["version"], stalled(answer.body["state"]), answer.body["has_changes"]) == (2, True, True)
    assert stored(database) == before


async def test_a_parked_poll_by_header_is_woken_with_a_200(brisk: Client) -> None:
    answer = await soon(polling(brisk, headers={"If-None-Match": '"version-2"'}))
    assert (answer.status, answer.headers["ETag"], stalled(answer.body["state"])) == (200, '"version-2"', True)


async def test_a_parked_dashboard_is_woken_when_the_agents_stop_reporting(brisk: Client, database: str) -> None:
    place = (await ask(brisk)).body["cursor"]
    before = stored(database)
    async with asyncio.timeout(20):
        body = (await ask(brisk, cursor=place, wait=30)).body
    assert [(row["investigation_id"], stalled(row)) for row in body["investigations"]] == [("inv-1", True)]
    assert (body["cursor"], body["removed"]) == (place, [])
    assert stored(database) == before
    task = asyncio.create_task(ask(brisk, cursor=place, wait=30))
    await parked(brisk)
    await report(brisk, 5)
    [row] = (await soon(task)).body["investigations"]
    assert (row["version"], stalled(row)) == (3, False)


@pytest.mark.parametrize("wanted", [{"watch": "status"}, {"until": "status:COMPLETED"}])
async def test_unwatched_reports_put_the_stall_off(brisk: Client, wanted: dict[str, Any]) -> None:
    """The agents report while the poll is parked: it is not told until they have been silent for long enough."""
    task = polling(brisk, since_version=2, **wanted)
    await parked(brisk)
    state = await report(brisk, 5)
    answer = await soon(task)
    assert (stalled(answer.body["state"]), answer.body["version"]) == (True, state["version"])


@pytest.mark.parametrize("wanted", [{"watch": "results"}, {"until": "status:COMPLETED"}])
async def test_a_poll_parked_before_the_start_is_woken_by_the_stall_too(
    start_server: StartServer, wanted: dict[str, Any]
) -> None:
    client = await start_server(polling=BRISK)
    await start(client)
    await patch(client, {"wizard_step": "SETTINGS"})
    task = polling(client, since_version=3, **wanted)
    await parked(client)
    await patch(client, {"wizard_step": "PROGRESS"})
    answer = await soon(task)
    assert (stalled(answer.body["state"]), answer.body["has_changes"]) == (True, True)


async def test_the_report_that_clears_a_stall_wakes_who_shows_it(timed: Client, clock: StoppedClock) -> None:
    clock.move(seconds=500)
    task = polling(timed, since_version=2, stalled="true", watch="status")
    await parked(timed)
    await report(timed, 5)
    answer = await soon(task)
    assert (stalled(answer.body["state"]), answer.body["has_changes"]) == (False, True)


async def test_a_stall_wakes_only_dashboards_of_its_owner(brisk: Client) -> None:
    answer = await ask(brisk, cursor=0, wait=1.2, headers={"X-User-Id": "eve"})
    assert answer.body["investigations"] == []


async def test_a_stall_that_a_report_put_off_does_not_wake_a_dashboard_early(brisk: Client) -> None:
    place = (await ask(brisk)).body["cursor"]
    await report(brisk, 5)
    body = (await ask(brisk, cursor=place)).body
    task = asyncio.create_task(ask(brisk, cursor=body["cursor"], wait=30))
    answer = await soon(task)
    assert [stalled(row) for row in answer.body["investigations"]] == [True]


async def test_a_report_that_says_nothing_new_clears_it_without_a_version(timed: Client, clock: StoppedClock) -> None:
    before = await report(timed, 10.0)
    clock.move(seconds=121)
    assert stalled(await read(timed))
    waiting = asyncio.create_task(poll(timed, since_version=before["version"], wait=30))
    await parked(timed)
    assert (await report(timed, 10.0))["version"] == before["version"]
    answer = await soon(waiting)
    assert (answer.body["version"], stalled(answer.body["state"])) == (before["version"], False)
    assert not stalled(await read(timed))
