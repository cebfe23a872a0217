"""Waiting for changes: whatever commits at whatever moment is told at once, in order, without a gap."""

import asyncio
from typing import Any

import jsonpatch
import pytest

from tests.conftest import Client
from tests.web.deltas import applied, content
from tests.web.helpers import (
    Answer,
    Door,
    as_operator,
    create,
    forbid_reading,
    hold_told,
    noticed,
    parked,
    patch,
    poll_url,
    read,
    send,
    sending,
    soon,
    start,
    url,
)
from tests.web.moments import around_the_next_read, before_changes_park
from wizard_server.web.http.context import HUB

CHANGES = f"{poll_url()}/changes"
PROGRESS = url(suffix="/progress")


def waiting(client: Client, since: int, **parameters: Any) -> asyncio.Task[Answer]:
    params = {"since_version": str(since), "wait": "30", **{name: str(value) for name, value in parameters.items()}}
    return sending(client, "GET", CHANGES, params=params)


async def report(client: Client, *lines: str) -> Any:
    answer = await send(client, "POST", PROGRESS, json={"logs": lines})
    assert answer.status == 200, answer.body
    return answer.body


def versions(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.body
    return [change["version"] for change in answer.body["changes"]]


async def test_a_commit_wakes_who_waits(client: Client) -> None:
    await start(client)
    task = waiting(client, 2)
    await parked(client)
    await report(client, "a")
    assert versions(await soon(task)) == [3]
    assert client.app[HUB].parked == 0


async def test_a_change_that_is_there_already_is_answered_at_once(client: Client) -> None:
    await start(client)
    assert versions(await soon(waiting(client, 1))) == [2]


async def test_a_wait_that_ends_without_a_change_is_a_304(client: Client) -> None:
    await start(client)
    answer = await soon(waiting(client, 2, wait="0.01"))
    assert (answer.status, answer.headers["ETag"]) == (304, '"version-2"')


async def test_a_preference_waits_as_well_and_is_said_to(client: Client) -> None:
    await start(client)
    headers = {"If-None-Match": '"version-2"', "Prefer": "wait=30"}
    task = sending(client, "GET", CHANGES, headers=headers)
    await parked(client)
    await report(client, "a")
    answer = await soon(task)
    assert (versions(answer), answer.headers["Preference-Applied"]) == ([3], "wait=30")


async def test_a_wake_asks_nothing_of_the_database(client: Client) -> None:
    await start(client)
    tasks = [waiting(client, 2) for _ in range(5)]
    await parked(client, 5)

    forbid_reading(client)
    await report(client, "a")
    answers = [await soon(task) for task in tasks]
    assert {answer.text for answer in answers} == {answers[0].text}
    assert versions(answers[0]) == [3]


@pytest.mark.parametrize("commits", [1, 4])
@pytest.mark.parametrize("moment", ["before the read", "after the read", "before the park"])
async def test_commits_around_the_read_and_the_park_are_all_told_in_order(
    client: Client, monkeypatch: pytest.MonkeyPatch, commits: int, moment: str
) -> None:
    state = content(await start(client))

    async def write() -> None:
        for number in range(commits):
            await report(client, str(number))

    if moment == "before the park":
        before_changes_park(monkeypatch, client, write)
    else:
        around_the_next_read(monkeypatch, client, **{moment.partition(" ")[0]: write})
    task = waiting(client, 2)
    told: list[int] = []
    while not told or told[-1] < 2 + commits:
        answer = await soon(task)
        told += versions(answer)
        state = applied(state, answer.body)
        task = waiting(client, told[-1], wait="0")
    await soon(task)
    assert told == list(range(3, 3 + commits))
    assert state == content(await read(client))


async def test_several_commits_before_the_woken_runs_are_all_told(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest event alone does not hold them all, so the rest comes from the trail."""
    await start(client)
    door = Door()
    before_changes_park(monkeypatch, client, door.go_through)
    task = waiting(client, 2)
    await door.reached.wait()
    for number in range(5):
        await report(client, str(number))
    door.open()
    answer = await soon(task)
    assert (versions(answer), answer.body["has_more"]) == ([3, 4, 5, 6, 7], False)


async def test_a_limit_holds_for_the_woken_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await start(client)

    async def write() -> None:
        for number in range(3):
            await report(client, str(number))

    before_changes_park(monkeypatch, client, write)
    answer = await soon(waiting(client, 2, limit=2))
    assert (versions(answer), answer.body["has_more"], answer.body["to_version"]) == ([3, 4], True, 4)


@pytest.mark.parametrize("since", [1, 2])
async def test_a_commit_on_disk_of_which_nobody_was_told_yet_is_no_410(client: Client, since: int) -> None:
    await start(client)
    door = hold_told(client)
    writing = asyncio.create_task(report(client, "a"))
    await door.reached.wait()
    params = {"since_version": str(since)}
    answer = await send(client, "GET", CHANGES, params=params)
    door.open()
    await writing
    assert answer.status in (200, 304), answer.body
    if answer.status == 304:
        assert since == 2
    else:
        assert versions(answer)[0] == since + 1


async def test_a_commit_on_disk_of_which_nobody_was_told_yet_is_told_once(client: Client) -> None:
    await start(client)
    door = hold_told(client)
    writing = asyncio.create_task(report(client, "a"))
    await door.reached.wait()
    task = waiting(client, 2)
    door.open()
    await writing
    answer = await soon(task)
    assert versions(answer) == [3]
    again = await send(client, "GET", CHANGES, params={"since_version": "3"})
    assert again.status == 304


async def test_a_deletion_ends_the_wait_with_a_404(client: Client) -> None:
    await start(client)
    task = waiting(client, 2)
    await parked(client)
    await send(client, "DELETE", url())
    assert (await soon(task)).status == 404


async def test_a_deletion_and_a_creation_before_the_park_are_told_both(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(client)

    async def replace() -> None:
        await send(client, "DELETE", url())
        await create(client)

    before_changes_park(monkeypatch, client, replace)
    answer = await soon(waiting(client, 2))
    assert [change["action_type"] for change in answer.body["changes"]] == ["STATE_DELETED", "STATE_CREATED"]


async def test_an_edit_by_hand_is_told_with_its_patch(client: Client, database: str) -> None:
    state = content(await start(client))
    task = waiting(client, 2)
    await parked(client)
    as_operator(database, "UPDATE investigation_states SET status = 'ERROR'")
    await noticed(client)
    answer = await soon(task)
    [change] = answer.body["changes"]
    assert (change["version"], change["source"], change["fields_changed"]) == (3, "SYSTEM", ["status"])
    assert jsonpatch.apply_patch(state, change["patch"]) == content(await read(client))


async def test_a_row_set_back_by_hand_ends_the_wait_with_a_410(client: Client, database: str) -> None:
    await start(client)
    await report(client, "a")
    task = waiting(client, 3)
    await parked(client)
    as_operator(database, "UPDATE investigation_states SET version = 2")
    await noticed(client)
    assert (await soon(task)).status == 410


async def test_a_drain_answers_who_waits_and_says_when_to_come_back(client: Client) -> None:
    await start(client)
    task = waiting(client, 2)
    await parked(client)
    client.app[HUB].drain()
    answer = await soon(task)
    assert (answer.status, answer.headers["ETag"]) == (304, '"version-2"')
    assert int(answer.headers["Retry-After"]) >= 1


async def test_what_changes_nothing_wakes_nobody(client: Client) -> None:
    await start(client)
    task = waiting(client, 2)
    await parked(client)
    await patch(client, {"wizard_step": "PROGRESS"})
    entry = {"investigation_id": "inv-1", "user_id": "dev", "action_type": "NOTE", "source": "USER"}
    await send(client, "POST", url(suffix="/history"), json=entry)
    assert not task.done()
    await patch(client, {"status": "ERROR"})
    assert versions(await soon(task)) == [3]
