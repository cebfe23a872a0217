import asyncio
from typing import Any

import pytest

from tests.conftest import Client, StartServer
from tests.web.helpers import (
    STATES,
    Door,
    StoppedClock,
    create,
    engine_of,
    noticed,
    parked,
    patch,
    poll,
    polling,
    read,
    rows,
    send,
    sending,
    soon,
    start,
    trail,
    url,
)
from wizard_server.app import DATABASE

ACCESSED = "2026-01-09T08:07:00.000Z"
QUERY = "SELECT version, last_accessed FROM investigation_states"


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
async def timed(start_server: StartServer, clock: StoppedClock) -> Client:
    """A server whose clock has moved on by seven minutes since inv-1 came to version 2."""
    client = await start_server(clock=clock)
    await start(client)
    clock.move(minutes=7)
    return client


async def listed(client: Client) -> Any:
    return (await send(client, "GET", STATES)).body["items"][0]["last_accessed"]


@pytest.mark.parametrize("tags", [None, '"version-2"'])
async def test_a_read_is_an_access_and_no_version(timed: Client, database: str, tags: str | None) -> None:
    headers = {"If-None-Match": tags} if tags else {}
    answer = await send(timed, "GET", url(), headers=headers)
    assert answer.headers["ETag"] == '"version-2"'
    assert await listed(timed) == ACCESSED
    assert len(trail(database)) == 2


async def test_a_poll_is_an_access(timed: Client) -> None:
    assert (await poll(timed, since_version=2)).body["state"]["last_accessed"] == ACCESSED
    assert await listed(timed) == ACCESSED


async def test_a_read_says_that_it_is_the_last_access(timed: Client) -> None:
    assert (await read(timed))["last_accessed"] == ACCESSED


async def test_who_may_not_read_does_not_access(timed: Client) -> None:
    before = await listed(timed)
    await send(timed, "GET", url(), headers={"X-User-Id": "eve"})
    assert await listed(timed) == before


async def test_accesses_are_in_the_file_after_a_shutdown(
    timed: Client, start_server: StartServer, database: str
) -> None:
    await read(timed)
    await timed.server.close()
    assert rows(database, QUERY) == [{"version": 2, "last_accessed": ACCESSED}]
    assert len(trail(database)) == 2
    again = await start_server()
    assert await listed(again) == ACCESSED


async def test_an_access_wakes_nobody_also_when_it_is_written(timed: Client, database: str) -> None:
    waiting = polling(timed, since_version=2)
    await parked(timed)
    await read(timed)
    await timed.app[DATABASE].flush_touched()
    await noticed(timed)
    assert rows(database, QUERY) == [{"version": 2, "last_accessed": ACCESSED}]
    assert not waiting.done()
    await patch(timed, {"status": "ERROR"})
    assert (await soon(waiting)).body["version"] == 3


async def test_an_access_does_not_spoil_a_precondition(timed: Client) -> None:
    await read(timed)
    await timed.app[DATABASE].flush_touched()
    answer = await send(timed, "PATCH", url(), json={"status": "ERROR"}, headers={"If-Match": '"version-2"'})
    assert answer.status == 200


async def test_a_change_does_not_forget_the_last_access(timed: Client, database: str) -> None:
    await read(timed)
    await timed.app[DATABASE].flush_touched()
    await patch(timed, {"status": "ERROR"}, Prefer="wait=0")
    await timed.app[DATABASE].flush_touched()
    assert rows(database, QUERY) == [{"version": 3, "last_accessed": ACCESSED}]


async def test_a_new_state_under_an_old_id_was_not_accessed_before_it_was_made(
    timed: Client, clock: StoppedClock
) -> None:
    await read(timed)
    await send(timed, "DELETE", url())
    clock.move(minutes=7)
    state = await create(timed)
    last = await listed(timed)
    assert last is None or last >= state["created_at"]


async def test_a_change_while_accesses_are_written_waits_its_turn(timed: Client, database: str) -> None:
    """Both go over the one connection that writes: neither may meet the other's open transaction."""
    door, engine = Door(), engine_of(timed)
    write, writing = engine.commit, asyncio.Event()

    async def held(writes: Any, locked: Any = None, *more: Any) -> Any:
        if locked is None:  # what was touched
            await door.go_through()
        else:
            writing.set()
        return await write(writes, locked, *more)

    await read(timed)
    engine.commit = held
    flushing = asyncio.create_task(timed.app[DATABASE].flush_touched())
    await door.reached.wait()
    change = sending(timed, "PATCH", url(), json={"status": "ERROR"}, headers={"Prefer": "return=minimal"})
    waiting = asyncio.create_task(writing.wait())
    await asyncio.wait([change, waiting], return_when=asyncio.FIRST_COMPLETED)
    door.open()
    assert (await soon(change)).status == 204
    await flushing
    waiting.cancel()
    assert rows(database, QUERY) == [{"version": 3, "last_accessed": ACCESSED}]
