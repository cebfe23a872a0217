"""One parked request watches everything of a user: woken by each change of it, and by nothing else."""

import asyncio
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.once import once
from tests.web.dashboards import ACTIVE, ask, cursor, ids, told, waiting
from tests.web.helpers import (
    STATES,
    create,
    forbid_reading,
    hold_commits,
    hold_told,
    noticed,
    parked,
    patch,
    queued,
    send,
    sending,
    soon,
    start,
    until,
    url,
)
from tests.web.moments import before_a_dashboard_parks
from wizard_server.app import DATABASE
from wizard_server.hub.waiters import ListWaiter
from wizard_server.web.http.context import HUB


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda client: create(client, "new"), (["new"], [])),
        (lambda client: patch(client, {"wizard_step": "PROGRESS"}, "a"), (["a"], [])),
        (lambda client: send(client, "DELETE", url("a")), ([], ["a"])),
    ],
    ids=["create", "change", "delete"],
)
async def test_every_kind_of_change_wakes(client: Client, act: Any, expected: Any) -> None:
    await create(client, "a")
    place = await cursor(client)
    task = waiting(client, place)
    await parked(client)
    await act(client)
    answer = await soon(task)
    assert told(answer) == expected
    assert answer.body["cursor"] > place
    assert told(await ask(client, cursor=answer.body["cursor"])) == ([], [])


async def test_a_change_that_is_there_already_is_answered_at_once(client: Client) -> None:
    place = await cursor(client)
    await create(client)
    assert told(await soon(waiting(client, place))) == (["inv-1"], [])


async def test_others_changes_leave_it_waiting(client: Client) -> None:
    await create(client, "mine")
    task = waiting(client, await cursor(client))
    await parked(client)
    await create(client, "yours", user_id="eve")
    await send(client, "DELETE", url("yours"), headers={"X-User-Id": "eve"})
    entry = {"investigation_id": "mine", "user_id": "dev", "action_type": "NOTE", "source": "USER"}
    await send(client, "POST", url("mine", "/history"), json=entry)
    assert not task.done()
    await patch(client, {"wizard_step": "PROGRESS"}, "mine")
    assert told(await soon(task)) == (["mine"], [])


async def test_a_wait_without_a_change_ends_as_it_began(client: Client) -> None:
    await create(client)
    place = await cursor(client)
    answer = await soon(waiting(client, place, wait="0.01"))
    assert (told(answer), answer.body["cursor"]) == (([], []), place)
    headers = {"If-None-Match": f'"list-{place}"', "Prefer": "wait=0"}
    assert (await ask(client, headers=headers, wait="0.01")).status == 304


async def test_a_tag_and_a_preference_wait_too(client: Client) -> None:
    await create(client, "a")
    headers = {"If-None-Match": f'"list-{await cursor(client)}"', "Prefer": "wait=30"}
    task = sending(client, "GET", ACTIVE, headers=headers)
    await parked(client)
    await create(client, "b")
    answer = await soon(task)
    assert (told(answer), answer.headers["Preference-Applied"]) == ((["b"], []), "wait=30")


async def test_a_wake_asks_nothing_of_the_database(client: Client) -> None:
    await start(client)
    place = await cursor(client)
    tasks = [waiting(client, place) for _ in range(3)]
    await parked(client, 3)

    forbid_reading(client)
    await patch(client, {"status": "ERROR"})
    assert [told(await soon(task)) for task in tasks] == [(["inv-1"], [])] * 3


@pytest.mark.parametrize(
    ("moment", "method"),
    [("before", "active_since"), ("after", "active_since"), ("before", "oldest_report"), ("before", "park_list")],
)
async def test_commits_around_the_read_and_the_park_are_all_told_once(
    client: Client, monkeypatch: pytest.MonkeyPatch, moment: str, method: str
) -> None:
    await create(client, "a")
    await create(client, "b")
    place = await cursor(client)

    async def write() -> None:
        await patch(client, {"wizard_step": "PROGRESS"}, "a")
        await create(client, "c")
        await send(client, "DELETE", url("b"))
        await patch(client, {"status": "ERROR"}, "a")

    owner = client.app[HUB] if method == "park_list" else client.app[DATABASE]
    once(monkeypatch, owner, method, **{moment: write})
    answer = await soon(waiting(client, place))
    assert (sorted(ids(answer)), answer.body["removed"]) == (["a", "c"], ["b"])
    versions = {row["investigation_id"]: row["version"] for row in answer.body["investigations"]}
    assert versions == {"a": 3, "c": 1}
    assert told(await ask(client, cursor=answer.body["cursor"])) == ([], [])


async def test_one_commit_of_many_changes_is_told_as_one(client: Client) -> None:
    for name in ("a", "b", "c"):
        await start(client, name)
    place = await cursor(client)
    task = waiting(client, place)
    await parked(client)
    door = hold_commits(client)
    tasks = [sending(client, "PATCH", url("a"), json={"status": "ERROR"})]
    await door.reached.wait()
    tasks += [
        sending(client, "PATCH", url("b"), json={"status": "ERROR"}),
        sending(client, "DELETE", url("c")),
        sending(client, "POST", STATES, json=factories.creation("d")),
    ]
    await until(lambda: queued(client) == 3)
    door.open()
    for each in tasks:
        assert (await soon(each)).status < 300
    changed: set[str] = set()
    removed: set[str] = set()
    answer = await soon(task)
    while told(answer) != ([], []):
        assert changed.isdisjoint(ids(answer))
        changed |= set(ids(answer))
        removed |= set(answer.body["removed"])
        answer = await ask(client, cursor=answer.body["cursor"])
    assert (changed, removed) == ({"a", "b", "d"}, {"c"})


async def test_deleted_and_created_anew_while_parked_is_there(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await create(client, "a")
    place = await cursor(client)

    async def replace() -> None:
        await send(client, "DELETE", url("a"))
        await create(client, "a")

    before_a_dashboard_parks(monkeypatch, client, replace)
    assert told(await soon(waiting(client, place))) == (["a"], [])


async def test_more_events_than_are_kept_are_read_instead(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ListWaiter, "MOST", 2)  # a thousand changes would take seconds
    place = await cursor(client)

    async def write() -> None:
        for number in range(5):
            await create(client, f"inv-{number}")

    before_a_dashboard_parks(monkeypatch, client, write)
    answer = await soon(waiting(client, place))
    assert sorted(ids(answer)) == [f"inv-{number}" for number in range(5)]


async def test_a_change_that_was_read_from_disk_before_it_was_told_is_not_repeated(client: Client) -> None:
    await create(client, "a")
    place = await cursor(client)
    gate = hold_told(client)
    writing = asyncio.create_task(patch(client, {"wizard_step": "PROGRESS"}, "a"))
    await gate.reached.wait()
    first = await ask(client, cursor=place)
    task = waiting(client, first.body["cursor"])
    await parked(client)
    gate.open()
    await writing
    if ids(first) == ["a"]:
        await create(client, "b")
        assert told(await soon(task)) == (["b"], [])
    else:
        assert told(await soon(task)) == (["a"], [])


async def test_the_touch_of_a_reader_is_no_change(client: Client) -> None:
    await create(client)
    task = waiting(client, await cursor(client))
    await parked(client)
    await send(client, "GET", url())
    await client.app[DATABASE].flush_touched()
    await noticed(client)
    assert not task.done()
    await patch(client, {"wizard_step": "PROGRESS"})
    assert told(await soon(task)) == (["inv-1"], [])


async def test_a_drain_answers_who_waits_and_says_when_to_come_back(client: Client) -> None:
    await create(client)
    place = await cursor(client)
    task = waiting(client, place)
    await parked(client)
    client.app[HUB].drain()
    answer = await soon(task)
    assert (told(answer), answer.body["cursor"]) == (([], []), place)
    assert int(answer.headers["Retry-After"]) >= 1


async def test_a_filter_that_nothing_comes_to_match_still_moves_the_cursor(start_server: StartServer) -> None:
    client = await start_server()
    await start(client)
    place = await cursor(client)
    task = waiting(client, place, status="COMPLETED")
    await parked(client)
    await patch(client, {"status": "COMPLETED"})
    answer = await soon(task)
    assert told(answer) == (["inv-1"], [])
    assert answer.body["cursor"] > place
