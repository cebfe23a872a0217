"""A server that is asked to go: it answers whom it kept waiting, and keeps what it acknowledges (contract 5)."""

import asyncio
import resource
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import factories
from tests.acceptance.client import (
    GONE,
    POLLS,
    STATES,
    Answer,
    Connection,
    connect,
    eventually,
    parked,
    request_bytes,
)
from tests.acceptance.conftest import Serve, on_each_loop
from tests.acceptance.process import write_config
from tests.acceptance.writers import Ledger, faults, make_shared, write_until_gone

WAITERS = 1000


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process, and the servers it starts, open as many files as the system permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def create(connection: Connection, investigation_id: str) -> None:
    answer = await connection.ask("POST", STATES, factories.creation(investigation_id))
    assert answer.status == 201


def poll(investigation_id: str, *, by_header: bool) -> bytes:
    path = f"{POLLS}/{investigation_id}?wait=30"
    if by_header:
        return request_bytes("GET", path, headers={"If-None-Match": '"version-1"'})
    return request_bytes("GET", f"{path}&since_version=1")


def unchanged(answer: Answer) -> bool:
    if answer.status == 304:
        return answer.headers["etag"] == '"version-1"'
    return answer.status == 200 and answer.json()["has_changes"] is False and answer.json()["version"] == 1


@on_each_loop
@pytest.mark.usefixtures("many_files")
async def test_a_thousand_parked_polls_are_answered_unchanged_and_told_when_to_come_back(
    config: Path, serve: Serve, loop: str
) -> None:
    write_config(config.parent, polling={"max_waiters_per_user": WAITERS}, server={"loop": loop})
    server = serve(config)
    async with connect(server.port) as [control], connect(server.port, WAITERS) as waiters:
        for number in range(10):
            await create(control, f"inv-{number}")
        for number, waiter in enumerate(waiters):
            await waiter.send(poll(f"inv-{number % 10}", by_header=number < WAITERS // 2))
        await eventually(lambda: _are_parked(control, WAITERS))

        began = time.monotonic()
        server.signal(signal.SIGTERM)
        answers = await asyncio.gather(*(waiter.answer() for waiter in waiters))
        answered = time.monotonic()
        assert all(await asyncio.gather(*(waiter.ended() for waiter in waiters)))
        assert await asyncio.to_thread(server.wait) == 0
        gone = time.monotonic()

    assert Counter(answer.status for answer in answers) == {304: WAITERS // 2, 200: WAITERS // 2}
    assert all(unchanged(answer) for answer in answers)
    assert len({answer.headers["retry-after"] for answer in answers}) > 1
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    print(f"\n{WAITERS} waiters: all answered {answered - began:.2f} s after SIGTERM, gone after {gone - began:.2f} s")


async def test_a_write_that_was_on_its_way_is_acknowledged_and_a_later_one_is_refused_or_kept(
    config: Path, serve: Serve
) -> None:
    server = serve(config)
    async with connect(server.port, 4) as [in_flight, waiter, late, control]:
        for connection, key in ((in_flight, "under-way"), (waiter, "watched"), (late, "late"), (control, "other")):
            await create(connection, key)
        body = request_bytes("PATCH", f"{STATES}/under-way", {"settings": factories.settings(name="under way")})
        await in_flight.send(body[:-20])
        await waiter.send(poll("watched", by_header=True))
        await eventually(lambda: _are_parked(control, 1))  # by now the server has read the half of the write as well

        server.signal(signal.SIGTERM)
        assert (await waiter.answer()).status == 304  # so the drain has begun, and the half write keeps it from ending
        late_acknowledged = await _patched(late, "late", "late")
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", server.port)
        await in_flight.send(body[-20:])
        acknowledged = await _acknowledged(in_flight)
        assert await asyncio.to_thread(server.wait) == 0

    on_disk = _names(config)
    assert (late_acknowledged, on_disk["late"]) in ((True, "late"), (False, factories.settings()["name"]))
    assert (acknowledged, on_disk["under-way"]) == (True, "under way")


@on_each_loop
async def test_nothing_acknowledged_is_lost_when_writers_do_not_stop_for_the_drain(
    config: Path, serve: Serve, loop: str
) -> None:
    write_config(config.parent, server={"loop": loop})
    ledger = Ledger()
    server = serve(config)
    await make_shared(server.port, ledger)
    ledger.after(500, lambda: server.signal(signal.SIGTERM))
    await write_until_gone(server.port, ledger, "drain")
    assert await asyncio.to_thread(server.wait) == 0
    assert faults(config.parent / "investigations.db", ledger) == []


async def _are_parked(control: Connection, count: int) -> bool:
    return await parked(control) == count


async def _patched(connection: Connection, investigation_id: str, name: str) -> bool:
    """Whether a write is acknowledged; see `_acknowledged`."""
    try:
        body = {"settings": factories.settings(name=name)}
        await connection.send(request_bytes("PATCH", f"{STATES}/{investigation_id}", body))
    except GONE:
        return False
    return await _acknowledged(connection)


async def _acknowledged(connection: Connection) -> bool:
    """Whether the answer is yes; a no has to be a 503 or a closed connection."""
    try:
        answer = await connection.answer()
    except GONE:
        return False
    assert answer.status in (200, 503)
    return answer.status == 200


def _names(config: Path) -> dict[str, str]:
    with closing(sqlite3.connect(config.parent / "investigations.db")) as connection:
        return dict(connection.execute("SELECT investigation_id, name FROM investigation_states").fetchall())


DRAIN_SECONDS = 2.0  # the contract's, asserted with a slack of three


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_whatever_connections_are_open_the_server_is_gone_in_time(
    config: Path, serve: Serve, number: signal.Signals
) -> None:
    server = serve(config)
    async with connect(server.port, 8) as [control, idle, silent, half_head, half_body, waiter, events, socket]:
        await create(control, "inv-1")
        assert (await idle.ask("GET", "/healthz")).status == 200
        await half_head.send(b"GET /healthz HTTP/1.1\r\nHost: 127")
        await half_body.send(request_bytes("PATCH", f"{STATES}/inv-1", {"status": "ERROR"})[:-5])
        await events.send(request_bytes("GET", "/api/v1/events/wizard-state/inv-1"))
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
        await socket.send(request_bytes("GET", "/ws/investigation/inv-1", headers=upgrade))
        await waiter.send(poll("inv-1", by_header=True))
        await eventually(lambda: _are_parked(control, 3))

        began = time.monotonic()
        server.signal(number)
        assert (await waiter.answer()).status == 304
        assert await asyncio.to_thread(server.wait) == 0
        gone = time.monotonic() - began
        assert await silent.ended()
        assert (await half_body.answer()).status == 503
    assert gone < DRAIN_SECONDS * 3
