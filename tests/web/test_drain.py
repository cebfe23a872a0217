import asyncio
import re
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    Answer,
    create,
    hold_commits,
    parked,
    patch,
    poll,
    polling,
    rows,
    sending,
    soon,
    start,
    url,
)
from tests.web.moments import around_the_next_read, before_the_next_park
from wizard_server.app import DATABASE
from wizard_server.pace import Pace
from wizard_server.web.http.context import HUB

RETRY_AFTER = r"[1-9]\d*"


def leaving(client: Client) -> asyncio.Task[None]:
    """Begin to shut the server down."""
    return asyncio.create_task(client.server.close())


def assert_drained(answer: Answer) -> None:
    assert re.fullmatch(RETRY_AFTER, answer.headers["Retry-After"])
    assert answer.headers["Connection"] == "close"


async def test_every_parked_poll_is_answered_unchanged(client: Client) -> None:
    await start(client)
    asked: list[dict[str, Any]] = [
        {"since_version": 2},
        {"since_version": 2, "watch": "status"},
        {"since_version": 2, "until": "status:ERROR"},
        {"since_version": 2, "view": "summary"},
    ]
    waiting = [polling(client, **parameters) for parameters in asked]
    tagged = polling(client, headers={"If-None-Match": '"version-2"'})
    await parked(client, len(waiting) + 1)
    closing = leaving(client)
    for task in waiting:
        answer = await soon(task)
        assert (answer.status, answer.body["has_changes"], answer.body["version"]) == (200, False, 2)
        assert_drained(answer)
    answer = await soon(tagged)
    assert (answer.status, answer.headers["ETag"]) == (304, '"version-2"')
    assert_drained(answer)
    async with asyncio.timeout(20):
        await closing


async def test_a_crowd_of_parked_polls_is_answered_and_told_to_come_back_at_different_times(client: Client) -> None:
    await create(client)
    count = 90  # as many as the client has connections for
    waiting = [polling(client, since_version=1) for _ in range(count)]
    await parked(client, count)
    closing = leaving(client)
    answers = [await soon(task) for task in waiting]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.headers["Retry-After"] for answer in answers}) > 1
    await closing


async def test_a_poll_that_comes_while_draining_does_not_park(client: Client) -> None:
    await create(client)
    client.app[HUB].drain()
    answer = await poll(client, since_version=1, wait=30)
    assert (answer.status, answer.body["has_changes"]) == (200, False)
    assert_drained(answer)


async def test_news_are_news_while_draining(client: Client) -> None:
    await start(client)
    client.app[HUB].drain()
    answer = await poll(client, since_version=1, wait=30)
    assert (answer.body["has_changes"], answer.body["version"]) == (True, 2)


async def test_a_change_before_the_drain_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await start(client)

    async def change_and_drain() -> None:
        await patch(client, {"status": "ERROR"})
        client.app[HUB].drain()

    before_the_next_park(monkeypatch, change_and_drain)
    answer = await poll(client, since_version=2, wait=30)
    assert (answer.body["has_changes"], answer.body["version"]) == (True, 3)


async def test_an_unwatched_change_before_the_drain_is_no_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reached the waiter before the server drained; what the poll gets is still the answer of a drained one."""
    await start(client)

    async def change_and_drain() -> None:
        await patch(client, {"progress": factories.progress()})
        client.app[HUB].drain()

    around_the_next_read(monkeypatch, client, after=change_and_drain)
    answer = await poll(client, since_version=2, watch="status", wait=30)
    assert (answer.status, answer.body["has_changes"]) == (200, False)
    assert_drained(answer)


async def test_a_writer_during_the_drain_is_durable_once_acknowledged(
    client: Client, start_server: StartServer, database: str
) -> None:
    await start(client)
    waiting = polling(client, since_version=2)
    await parked(client)
    door = hold_commits(client)
    change = sending(client, "PATCH", url(), json={"status": "ERROR"})
    await door.reached.wait()
    closing = leaving(client)
    answer = await soon(waiting)
    assert (answer.body["has_changes"], answer.body["version"]) == (False, 2)
    door.open()
    assert (await soon(change)).body["version"] == 3
    await closing
    assert rows(database, "SELECT version, status FROM investigation_states") == [{"version": 3, "status": "ERROR"}]
    again = await start_server()
    assert (await poll(again, since_version=2)).body["version"] == 3


async def test_a_writer_after_the_last_commit_is_refused_and_leaves_nothing(
    start_server: StartServer, database: str
) -> None:
    client = await start_server(pace=Pace(tidy=3600.0))  # a drain has ended the looks at the files
    await start(client)
    await client.app[DATABASE].close()
    answer = await soon(sending(client, "PATCH", url(), json={"status": "ERROR"}))
    assert (answer.status, answer.body["code"]) == (503, "storage-unavailable")
    assert re.fullmatch(RETRY_AFTER, answer.headers["Retry-After"])
    assert rows(database, "SELECT version FROM investigation_states") == [{"version": 2}]
