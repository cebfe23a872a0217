import asyncio
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.once import once
from tests.web.helpers import (
    Answer,
    but_access,
    create,
    hold_commits,
    parked,
    patch,
    poll,
    poll_url,
    polling,
    queued,
    send,
    sending,
    soon,
    start,
    until,
    url,
)
from wizard_server.web.http.context import HUB, STORE
from wizard_server.web.live.waits import with_jitter

ACTIVE = "/api/v1/polling/active-investigations"
BRIEF = 0.01


@pytest.fixture
def limits(client: Client, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds for which polls are parked, in order; none of them waits longer than a moment.

    Nobody else is told for how long a poll was let wait.
    """
    seen: list[float] = []
    hub = client.app[HUB]
    begin = hub.begin

    def noted(waiter: Any, user_id: str, wants: Any, seconds: float) -> Any:
        seen.append(seconds)
        return begin(waiter, user_id, wants, 0.0)

    monkeypatch.setattr(hub, "begin", noted)
    park_list = hub.park_list

    def noted_list(waiter: Any, user_id: str, seconds: float) -> Any:
        seen.append(seconds)
        return park_list(waiter, user_id, 0.0)

    monkeypatch.setattr(hub, "park_list", noted_list)
    return seen


@pytest.mark.parametrize("asked", [{"since_version": 2}, {"headers": {"If-None-Match": 'W/"version-2"'}}])
async def test_a_parked_poll_wakes_on_the_commit_with_the_new_state(client: Client, asked: dict[str, Any]) -> None:
    await start(client)
    waiting = polling(client, **asked)
    await parked(client)
    after = await patch(client, {"progress": factories.progress()})
    answer = await soon(waiting)
    assert (answer.status, answer.headers["ETag"], answer.body["has_changes"]) == (200, '"version-3"', True)
    assert but_access(answer.body["state"]) == but_access(after)
    assert answer.body["next_poll_interval"] == 500


async def test_any_tag_waits_for_whatever_comes_next(client: Client) -> None:
    await start(client)
    waiting = polling(client, headers={"If-None-Match": "*"})
    await parked(client)
    await patch(client, {"status": "ERROR"})
    assert (await soon(waiting)).body["version"] == 3


async def test_nobody_is_answered_before_the_commit(client: Client) -> None:
    await start(client)
    waiting = polling(client, since_version=2)
    await parked(client)
    door = hold_commits(client)
    change = sending(client, "PATCH", url(), json={"status": "ERROR"})
    await door.reached.wait()
    assert (await poll(client, since_version=2)).body["has_changes"] is False
    assert not waiting.done()
    door.open()
    assert (await soon(waiting)).body["version"] == (await soon(change)).body["version"] == 3


async def test_several_changes_in_one_commit_give_one_answer_with_the_newest(client: Client) -> None:
    await start(client)
    await create(client, "inv-2")
    waiting = polling(client, since_version=2)
    await parked(client)
    door = hold_commits(client)
    other = sending(client, "PATCH", url("inv-2"), json={"status": "ERROR"})
    await door.reached.wait()
    changes = [
        sending(client, "PATCH", url(), json={"progress": factories.progress(overall_progress=percent)})
        for percent in (10, 20, 30)
    ]
    await until(lambda: queued(client) == len(changes))
    assert not waiting.done()
    door.open()
    versions = sorted([(await soon(task)).body["version"] for task in changes])
    answer = await soon(waiting)
    assert (versions, answer.body["version"]) == ([3, 4, 5], 5)
    assert door.passed == 2
    await soon(other)


async def test_everybody_who_waits_wakes_and_others_do_not(client: Client) -> None:
    await start(client)
    await create(client, "inv-2")
    waiting = [polling(client, since_version=2) for _ in range(20)]
    elsewhere = polling(client, "inv-2", since_version=1)
    await parked(client, 21)
    await patch(client, {"status": "ERROR"})
    assert [(await soon(task)).body["version"] for task in waiting] == [3] * 20
    assert not elsewhere.done()
    await patch(client, {"status": "ERROR"}, "inv-2")
    assert (await soon(elsewhere)).body["version"] == 2


async def test_time_limit_unchanged_for_each_way_to_ask(client: Client) -> None:
    await start(client)
    answer = await poll(client, since_version=2, wait=BRIEF)
    assert (answer.status, answer.body["has_changes"], answer.body["version"]) == (200, False, 2)
    answer = await poll(client, wait=BRIEF, headers={"If-None-Match": '"version-2"'})
    assert (answer.status, answer.headers["ETag"]) == (304, '"version-2"')
    assert "Retry-After" not in answer.headers
    assert client.app[HUB].parked == 0


@pytest.mark.parametrize("wait", [None, 0])
async def test_without_a_wait_nobody_parks(client: Client, limits: list[float], wait: int | None) -> None:
    await create(client)
    assert (await poll(client, since_version=1, wait=wait)).body["has_changes"] is False
    assert limits == []


def test_a_little_jitter_spreads_the_clients() -> None:
    waits = sorted(with_jitter(16) for _ in range(1000))
    assert 15 <= waits[0] < 15.1 < 15.7 < waits[-1] <= 15.75


class LoopClock:
    """The clock of the running loop: it stands still until it is moved on."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> LoopClock:
    """The loop's own, because by it the loop lets wait."""
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop.time())
    monkeypatch.setattr(loop, "time", clock)
    return clock


@pytest.mark.parametrize("path", [f"{poll_url()}?since_version=1", f"{poll_url()}/changes?since_version=1", ACTIVE])
@pytest.mark.parametrize(("reading", "least", "most"), [(10, 5, 6), (20, 0, 0)])
async def test_the_time_that_reading_takes_is_a_part_of_the_wait(
    client: Client,
    limits: list[float],
    clock: LoopClock,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    reading: float,
    least: float,
    most: float,
) -> None:
    await create(client)
    if path == ACTIVE:
        path += f"?cursor={(await send(client, 'GET', ACTIVE)).body['cursor']}"

    async def pass_time() -> None:
        clock.now += reading

    once(monkeypatch, client.app[STORE], "active_since" if path.startswith(ACTIVE) else "state", before=pass_time)
    await send(client, "GET", f"{path}&wait=16")
    [seconds] = limits
    assert least <= seconds <= most


@pytest.mark.parametrize("path", [f"{poll_url()}?since_version=1", f"{poll_url()}/changes?since_version=1", ACTIVE])
@pytest.mark.parametrize("asked", ["parameter", "header"])
async def test_what_a_client_asks_to_wait_is_an_upper_bound(
    client: Client, limits: list[float], clock: LoopClock, path: str, asked: str
) -> None:
    await create(client)
    headers = {"Prefer": "wait=16"} if asked == "header" else {}
    if path == ACTIVE:
        path += f"?cursor={(await send(client, 'GET', ACTIVE)).body['cursor']}"
    for _ in range(20):
        await send(client, "GET", path + ("&wait=16" if asked == "parameter" else ""), headers=headers)
    assert len(limits) == 20
    assert all(15 <= seconds < 16 for seconds in limits), "more, and clients with a time-out just above it give up"
    assert len(set(limits)) > 1, "they do not all come back at once"


@pytest.mark.parametrize("asked", [{"wait": 3600}, {"wait": "1e300"}, {"headers": {"Prefer": "wait=3600"}}])
async def test_a_wait_is_capped_by_the_configuration(
    client: Client, limits: list[float], asked: dict[str, Any]
) -> None:
    await create(client)
    assert (await poll(client, since_version=1, **asked)).status == 200
    assert 55 - 55 / 16 <= limits[0] <= 55


async def test_the_cap_is_configurable(start_server: StartServer) -> None:
    client = await start_server(polling={"max_wait_seconds": 7})
    await create(client)
    assert (await poll(client, headers={"Prefer": "wait=30"})).headers["Preference-Applied"] == "wait=7"


async def test_who_goes_away_frees_its_waiter(client: Client) -> None:
    await create(client)
    waiting = [polling(client, since_version=1) for _ in range(3)]
    await parked(client, 3)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    await parked(client, 0)
    assert list(client.app[HUB].watched()) == []
    assert (await patch(client, {"status": "ERROR"}))["version"] == 2


async def test_over_the_global_limit_a_poll_is_answered_at_once_with_a_longer_interval(
    start_server: StartServer,
) -> None:
    client = await start_server(polling={"max_waiters": 2})
    await start(client)
    at_rest = (await poll(client)).body["next_poll_interval"]
    waiting = [polling(client, since_version=2), polling(client, since_version=2)]
    await parked(client, 2)
    crowded = await poll(client, since_version=2, wait=30)
    assert (crowded.status, crowded.body["has_changes"], crowded.body["version"]) == (200, False, 2)
    assert crowded.body["next_poll_interval"] > at_rest
    assert crowded.headers["X-Recommended-Interval"] == str(crowded.body["next_poll_interval"])
    await patch(client, {"status": "ERROR"})
    assert [(await soon(task)).body["version"] for task in waiting] == [3, 3]
    waiting = [polling(client, since_version=3)]
    await parked(client, 1)
    await patch(client, {"status": "IN_PROGRESS"})
    assert (await soon(waiting[0])).body["version"] == 4


async def test_over_a_users_limit_that_user_alone_is_answered_at_once(start_server: StartServer) -> None:
    client = await start_server(polling={"max_waiters_per_user": 1})
    await start(client)
    await create(client, "inv-eve", user_id="eve")
    waiting = polling(client, since_version=2)
    await parked(client)
    crowded = await poll(client, since_version=2, wait=30)
    assert (crowded.status, crowded.body["has_changes"]) == (200, False)
    assert crowded.body["next_poll_interval"] > 500
    eve = polling(client, "inv-eve", since_version=1, headers={"X-User-Id": "eve"})
    await parked(client, 2)
    await patch(client, {"status": "ERROR"})
    await soon(waiting)
    await patch(client, {"status": "ERROR"}, "inv-eve", **{"X-User-Id": "eve"})
    assert (await soon(eve)).body["version"] == 2


async def test_over_the_limit_news_are_news_all_the_same(start_server: StartServer) -> None:
    client = await start_server(polling={"max_waiters_per_user": 1})
    await start(client)
    waiting = polling(client, since_version=2)
    await parked(client)
    answer: Answer = await poll(client, since_version=1, wait=30)
    assert (answer.body["has_changes"], answer.body["next_poll_interval"]) == (True, 500)
    await send(client, "DELETE", url())
    assert (await soon(waiting)).status == 404
