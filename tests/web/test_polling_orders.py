"""Writes forced to every moment of a poll: none is missed, none is told twice, nobody hangs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client
from tests.web.helpers import (
    Answer,
    as_operator,
    create,
    hold_commits,
    noticed,
    parked,
    patch,
    poll,
    polling,
    queued,
    send,
    sending,
    soon,
    start,
    trail,
    until,
    url,
)
from tests.web.moments import around_the_next_read, before_the_next_park
from wizard_server.web.http.context import HUB

Act = Callable[[], Awaitable[Any]]


def report(percent: float) -> dict[str, Any]:
    return {"progress": factories.progress(overall_progress=percent)}


async def test_a_write_between_an_answer_and_the_next_wait_is_answered_at_once(client: Client) -> None:
    await start(client)
    version = (await poll(client)).body["version"]
    await patch(client, report(10))
    answer = await poll(client, since_version=version, wait=30)
    assert (answer.body["version"], answer.body["has_changes"]) == (3, True)


async def test_a_write_just_before_the_servers_read_is_answered_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(client)
    around_the_next_read(monkeypatch, client, before=lambda: patch(client, report(10)))
    assert (await soon(polling(client, since_version=2))).body["version"] == 3
    assert client.app[HUB].parked == 0


@pytest.mark.parametrize("hook", ["after the read", "before the park"])
@pytest.mark.parametrize("changes", [1, 3])
async def test_a_write_between_the_servers_read_and_its_park_is_answered_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch, hook: str, changes: int
) -> None:
    async def write() -> None:
        for percent in range(changes):
            await patch(client, report(percent))

    await start(client)
    if hook == "after the read":
        around_the_next_read(monkeypatch, client, after=write)
    else:
        before_the_next_park(monkeypatch, write)
    answer = await soon(polling(client, since_version=2))
    assert (answer.body["version"], answer.body["has_changes"]) == (2 + changes, True)


async def test_a_write_that_was_read_is_not_told_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit reaches the waiter before the read does; the next poll, with the version told, waits."""
    await start(client)
    around_the_next_read(monkeypatch, client, before=lambda: patch(client, {"status": "ERROR"}))
    first = await soon(polling(client, since_version=2, until="status:ERROR"))
    assert first.body["version"] == 3
    waiting = polling(client, since_version=3)
    await parked(client)
    assert not waiting.done()
    await patch(client, {"status": "IN_PROGRESS"})
    assert (await soon(waiting)).body["version"] == 4


async def test_an_unwatched_write_before_the_park_leaves_the_poll_waiting(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(client)
    before_the_next_park(monkeypatch, lambda: patch(client, report(10)))
    waiting = polling(client, since_version=2, watch="status")
    await parked(client)
    await patch(client, report(20))
    assert not waiting.done()
    await patch(client, {"status": "ERROR"})
    assert (await soon(waiting)).body["version"] == 5


async def test_a_deletion_between_the_read_and_the_park_is_a_404_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(client)
    before_the_next_park(monkeypatch, lambda: send(client, "DELETE", url()))
    assert (await soon(polling(client, since_version=2))).status == 404


async def test_a_deletion_and_a_creation_between_the_read_and_the_park_give_the_new_state(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def replace() -> None:
        await send(client, "DELETE", url())
        await create(client, settings=factories.settings(name="Again"))

    await start(client)
    before_the_next_park(monkeypatch, replace)
    answer = await soon(polling(client, since_version=2))
    assert (answer.body["version"], answer.body["state"]["settings"]["name"]) == (4, "Again")


async def test_an_operators_write_between_the_read_and_the_park_is_answered(
    client: Client, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    async def edit() -> None:
        as_operator(database, "UPDATE investigation_states SET status = 'ERROR'")
        await noticed(client)

    await start(client)
    before_the_next_park(monkeypatch, edit)
    assert (await soon(polling(client, since_version=2))).body["version"] == 3


async def test_a_write_at_the_very_time_limit_is_told_or_left_for_the_next_poll(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait has ended without an event, and the change comes before the state is read for the answer."""
    await start(client)

    async def arm() -> None:
        around_the_next_read(monkeypatch, client, before=lambda: patch(client, report(10)))

    before_the_next_park(monkeypatch, arm)
    answer = await soon(polling(client, since_version=2, wait=0.01))
    assert (answer.body["version"], answer.body["has_changes"]) == (3, True)


async def test_of_two_writers_on_one_version_one_wins(client: Client, database: str) -> None:
    await start(client)
    waiting = polling(client, since_version=2)
    await parked(client)
    both = [
        sending(client, "PATCH", url(), json=report(percent), headers={"If-Match": '"version-2"'})
        for percent in (10, 20)
    ]
    answers = sorted([await soon(task) for task in both], key=lambda answer: answer.status)
    assert [answer.status for answer in answers] == [200, 412]
    assert answers[1].body["current"]["progress"] == answers[0].body["progress"]
    assert (await soon(waiting)).body["state"]["progress"] == answers[0].body["progress"]
    assert [entry["version"] for entry in trail(database)] == [1, 2, 3]


async def test_of_two_writers_in_one_commit_one_wins(client: Client, database: str) -> None:
    await start(client)
    await create(client, "inv-2")
    door = hold_commits(client)
    other = sending(client, "PATCH", url("inv-2"), json={"status": "ERROR"})
    await door.reached.wait()
    both = [sending(client, "PATCH", url(), json={**report(percent), "version": 2}) for percent in (10, 20)]
    await until(lambda: queued(client) == 2)
    door.open()
    assert sorted([(await soon(task)).status for task in both]) == [200, 409]
    assert [entry["version"] for entry in trail(database)] == [1, 2, 3]
    await soon(other)


class Follower:
    """A client that polls from answer to answer and keeps what it was told."""

    def __init__(self, client: Client, **asked: Any) -> None:
        self._client, self._asked = client, asked
        self.told = [2]
        self.task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            answer: Answer = await polling(self._client, since_version=self.told[-1], **self._asked)
            if answer.status == 404:
                return
            assert answer.body["has_changes"], answer.body
            self.told.append(answer.body["version"])


async def test_followers_are_told_every_end_once_and_in_order(client: Client) -> None:
    await start(client)
    followers = [Follower(client) for _ in range(5)] + [Follower(client, watch="progress") for _ in range(5)]
    for percent in range(20):
        await patch(client, report(percent))
        if percent % 4 == 0:
            await patch(client, {"status": "ERROR"})
            await patch(client, {"status": "IN_PROGRESS"})
    newest = 2 + 20 + 2 * 5
    await until(lambda: all(follower.told[-1] >= newest - 2 for follower in followers))
    await until(lambda: all(follower.told[-1] == newest for follower in followers))
    await send(client, "DELETE", url())
    async with asyncio.timeout(20):
        await asyncio.gather(*(follower.task for follower in followers))
    for follower in followers:
        assert follower.told == sorted(set(follower.told))
