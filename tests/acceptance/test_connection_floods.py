"""Connections that say nothing: they take nobody's place, no time and no file that others need (contract 5)."""

import asyncio
import os
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import jwt
import pytest

from tests import factories
from tests.acceptance.client import GONE, STATES, Connection, connect, eventually
from tests.acceptance.conftest import Serve, on_each_loop
from tests.acceptance.process import PATIENCE_SECONDS, ServerProcess, processor_seconds, write_config

FILES = 120
SILENT = 300
# Of one core, in percent; today it is less than 2.
MOST_PROCESSOR = 20
WATCHED_SECONDS = 1.5
MOST_WAIT = 0.1
SLACK = 3
BACK_SECONDS = 2.0
SECRET = "s" * 32
LIMITED = (
    sys.executable,
    "-c",
    f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}));"
    "os.execv(sys.executable, [sys.executable, '-m', 'wizard_server', *sys.argv[1:]])",
)


@pytest.fixture
def limited(config: Path) -> Iterator[ServerProcess]:
    """A server with few files, in mode none; it must not have complained in the end."""
    with ServerProcess(config, command=LIMITED) as server:
        yield server.ready()
    assert not server.complaints, server.stderr


@asynccontextmanager
async def silent(server: ServerProcess, count: int = SILENT) -> AsyncIterator[list[Connection]]:
    """Connect `count` times and send nothing."""
    async with connect(server.port, count) as connections:
        yield connections


async def is_well_served(control: Connection, server: ServerProcess) -> None:
    """Assert that who is in is answered in time, and that the server has little to do, for a while."""
    begun, used, waits = time.monotonic(), processor_seconds(server.pid), []
    while (passed := time.monotonic() - begun) < WATCHED_SECONDS:
        asked = time.perf_counter()
        assert (await control.ask("GET", "/healthz")).status == 200
        waits.append(time.perf_counter() - asked)
        await asyncio.sleep(0.05)  # the time over which is measured
    share = 100 * (processor_seconds(server.pid) - used) / passed
    print(f"\nprocessor {share:.1f} %, longest wait {max(waits) * 1000:.1f} ms")
    assert share < MOST_PROCESSOR
    assert max(waits) < SLACK * MOST_WAIT


async def is_back(server: ServerProcess, headers: dict[str, str] | None = None) -> None:
    """Assert that somebody new is served soon."""
    begun = time.monotonic()

    async def served() -> bool:
        try:
            async with connect(server.port) as [new]:
                return (await new.ask("GET", STATES, headers=headers)).status == 200
        except GONE:
            return False

    await eventually(served)
    assert time.monotonic() - begun < SLACK * BACK_SECONDS


async def metric(control: Connection, name: str) -> float:
    await control.send(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    lines = (await control.answer()).body.decode().splitlines()
    return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(f"wizard_{name} ")))


async def test_silent_connections_beyond_the_files_trouble_nobody(limited: ServerProcess) -> None:
    begun = time.monotonic()
    async with connect(limited.port) as [control]:
        assert (await control.ask("GET", "/healthz")).status == 200
        async with silent(limited):
            await is_well_served(control, limited)
            assert (await control.ask("POST", STATES, factories.creation())).status == 201
            await is_back(limited)  # before they have gone
            limit = await metric(control, "connections_limit")
            assert 16 <= limit < FILES
            assert await metric(control, "connections_turned_away_total") >= SILENT - limit
            assert await metric(control, 'connections{kind="known"}') == 1
        await is_back(limited)
        assert (await control.ask("GET", STATES)).json()["total"] == 1
    seconds = time.monotonic() - begun
    assert limited.stderr.count("connections closed: too many") <= 2 + seconds  # one line a second, however many come
    assert "no connection accepted" not in limited.stderr


def bearer(user: str) -> dict[str, str]:
    claims = {"sub": user, "scope": "wizard:read wizard:write", "exp": int(time.time()) + 600}
    return {"Authorization": f"Bearer {jwt.encode(claims, SECRET)}"}


async def ask(connection: Connection, user: str) -> int:
    return (await connection.ask("GET", STATES, headers=bearer(user))).status


@asynccontextmanager
async def inside(server: ServerProcess, count: int, user: str) -> AsyncIterator[list[Connection]]:
    """Connect `count` times, each with a token."""
    async with AsyncExitStack() as stack:
        connections = []
        for _ in range(count):
            [connection] = await stack.enter_async_context(connect(server.port))
            assert await ask(connection, user) == 200
            connections.append(connection)
        yield connections


async def is_turned_away(control: Connection, count: int) -> bool:
    """Whether `count` connections were closed because there were too many; who is the oldest depends on the queues."""
    return await metric(control, "connections_turned_away_total") == count


async def status_of(stranger: Connection) -> int | None:
    """Ask without a token; return None when the connection was closed."""
    try:
        return (await stranger.ask("GET", STATES)).status
    except (ConnectionError, EOFError):
        return None


async def test_strangers_shut_out_nobody_who_has_a_token(config: Path, serve: Serve) -> None:
    write_config(config.parent, auth={"mode": "jwt", "jwt_secret": SECRET}, server={"max_connections": 40})
    server = serve(config)
    async with inside(server, 10, "ada") as first, silent(server, 100) as strangers:
        await eventually(partial(is_turned_away, first[0], 80))  # half of the places are for strangers
        answers = [await status_of(stranger) for stranger in strangers]
        assert (answers.count(401), answers.count(None)) == (20, 80)  # they show no token, and stay strangers
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(silent(server, 100))
            await eventually(partial(is_turned_away, first[0], 180))  # accepted: none of them comes in after bob
            second = await stack.enter_async_context(inside(server, 20, "bob"))
            await stack.enter_async_context(silent(server, 100))
            assert {await ask(each, "bob") for each in (*first, *second)} == {200}
            assert await metric(first[0], 'connections{kind="known"}') == 30
            assert await metric(first[0], 'connections{kind="stranger"}') <= 10
        for stranger in strangers:
            with suppress(ConnectionError):
                assert await stranger.ended()


async def test_those_who_have_a_token_leave_a_place_to_who_comes(config: Path, serve: Serve) -> None:
    write_config(config.parent, auth={"mode": "jwt", "jwt_secret": SECRET}, server={"max_connections": 10})
    server = serve(config)
    async with inside(server, 9, "ada") as first:
        for _ in range(5):
            async with inside(server, 1, "bob"), silent(server, 1):
                assert await metric(first[0], 'connections{kind="known"}') == 9
        assert {await ask(each, "ada") for each in first} == {200}


@on_each_loop
async def test_a_server_that_has_no_file_left_says_so_once_a_second_and_serves_who_is_in(
    config: Path, serve: Serve, loop: str
) -> None:
    write_config(config.parent, server={"loop": loop})
    server = serve(config)
    soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    async with connect(server.port) as [control]:
        assert (await control.ask("POST", STATES, factories.creation())).status == 201
        open_now = len(os.listdir(f"/proc/{server.pid}/fd"))  # noqa: PTH208 - the loop waits for no disk here
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (open_now + 5, hard))
        async with silent(server):
            await is_well_served(control, server)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
        await is_back(server)
        assert (await control.ask("GET", STATES)).status == 200
    complaints = [line for line in server.stderr.splitlines() if "no connection accepted" in line]
    assert 1 <= len(complaints) <= 8


async def test_an_idle_connection_is_closed_after_keepalive_seconds(config: Path, serve: Serve) -> None:
    write_config(config.parent, server={"keepalive_seconds": 1})
    async with connect(serve(config).port) as [idle]:
        assert (await idle.ask("GET", "/healthz")).status == 200
        begun = time.monotonic()
        assert await idle.ended()
        assert 0.9 < time.monotonic() - begun < SLACK * 2


async def test_who_sends_thousands_of_requests_ahead_leaves_everybody_else_a_turn(config: Path, serve: Serve) -> None:
    server = serve(config)
    ahead = 5000
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

    async def answered() -> int:
        for _ in range(ahead):
            await reader.readuntil(b'{"status":"alive"}')
        return ahead

    try:
        async with connect(server.port) as [control]:
            assert (await control.ask("GET", "/healthz")).status == 200
            flood, waits = asyncio.create_task(answered()), []
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * ahead)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not flood.done():
                    asked = time.perf_counter()
                    assert (await control.ask("GET", "/healthz")).status == 200
                    waits.append(time.perf_counter() - asked)
            assert await flood == ahead
    finally:
        writer.transport.abort()
    print(f"\nmedian {statistics.median(waits) * 1000:.1f} ms of {len(waits)}")
    assert len(waits) > ahead / 500  # without a turn in between, one or two
    assert statistics.median(waits) < SLACK * MOST_WAIT
