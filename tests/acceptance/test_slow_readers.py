"""Readers that do not read: they cost the server no memory without bound and nobody else a wait (contract 6)."""

import asyncio
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests import factories
from tests.acceptance.client import POLLS, STATES, Connection, connect, eventually, parked
from tests.acceptance.conftest import Serve, on_each_loop
from tests.acceptance.memory import SOCKET, resident_bytes
from tests.acceptance.process import PATIENCE_SECONDS, ServerProcess, write_config

BIG = 200_000
READERS = 20
CHANGES = 100
EVENTS = "/api/v1/events/wizard-state/inv-1"
_UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@asynccontextmanager
async def unread(port: int, path: str, count: int = 1) -> AsyncIterator[None]:
    """Ask for a stream `count` times, and never read a byte of the answers."""
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            connection = socket.socket()
            opened.append(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)  # noqa: FBT003 - the standard library's signature
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
            head = f"GET {path} HTTP/1.1\r\nHost: x\r\n{_UPGRADE if path.startswith(SOCKET) else ''}\r\n"
            await asyncio.get_running_loop().sock_sendall(connection, head.encode())
        yield
    finally:
        for connection in opened:
            connection.close()


async def begin(control: Connection) -> None:
    assert (await control.ask("POST", STATES, factories.creation("inv-1"))).status == 201
    assert (await control.ask("PATCH", f"{STATES}/inv-1", {"wizard_step": "PROGRESS"})).status == 200


async def change_much(control: Connection, number: int) -> None:
    """Commit one big change, which a poll is told at once."""
    progress = factories.progress(overall_progress=float(number % 100), logs=[f"{number} " + "x" * BIG])
    answer = await control.ask("PATCH", f"{STATES}/inv-1", {"progress": progress})
    assert answer.status == 200, answer.body
    version: int = answer.json()["version"]
    polled = await control.ask("GET", f"{POLLS}/inv-1?since_version={version - 1}&wait=50")
    assert (polled.status, polled.json()["version"]) == (200, version)


@on_each_loop
@pytest.mark.parametrize("path", [EVENTS, SOCKET], ids=["events", "socket"])
async def test_a_reader_that_never_reads_is_cut_off_while_others_are_served(
    path: str, config: Path, serve: Serve, loop: str
) -> None:
    polling = {"send_timeout_seconds": 1, "heartbeat_seconds": 300}
    write_config(config.parent, polling=polling, server={"loop": loop})
    server = serve(config)
    async with connect(server.port) as [control], asyncio.timeout(PATIENCE_SECONDS):
        await begin(control)
        async with unread(server.port, path):
            await eventually(lambda: _are_following(control, 1))
            number = 0
            while await parked(control):
                number += 1
                await change_much(control, number)
        await change_much(control, 0)
    assert server.terminate() == 0
    assert "slow reader cut off" in server.stderr
    assert "unforeseen" not in server.stderr


@pytest.mark.parametrize("path", [EVENTS, SOCKET], ids=["events", "socket"])
async def test_readers_that_do_not_read_are_not_buffered_for(path: str, config: Path, serve: Serve) -> None:
    write_config(config.parent, polling={"send_timeout_seconds": 300, "heartbeat_seconds": 300})
    server = serve(config)
    async with connect(server.port) as [control]:
        await begin(control)
        for number in range(20):
            await change_much(control, number)
        before = resident_bytes(server)
        async with unread(server.port, path, READERS):
            await eventually(lambda: _are_following(control, READERS))
            for number in range(CHANGES):
                await change_much(control, number)
            assert await parked(control) == READERS
            grown = resident_bytes(server) - before
        await eventually(lambda: _are_following(control, 0))
    assert server.terminate() == 0
    sent = READERS * CHANGES * BIG
    print(f"\n{READERS} readers owed {sent >> 20} MiB: the server has grown by {grown >> 20} MiB")
    assert grown < sent / 4


async def test_readers_that_resume_far_behind_and_do_not_read_are_not_buffered_for(config: Path, serve: Serve) -> None:
    write_config(config.parent, polling={"send_timeout_seconds": 300, "heartbeat_seconds": 300})
    server = serve(config)
    async with connect(server.port) as [control]:
        await begin(control)
        for number in range(CHANGES):
            await change_much(control, number)
        before = resident_bytes(server)
        async with unread(server.port, f"{SOCKET}?since_version=2", READERS):
            await eventually(lambda: _are_following(control, READERS))
            for number in range(20):  # meanwhile each reader gets as far as it will
                await change_much(control, number)
            grown = resident_bytes(server) - before
    owed = READERS * CHANGES * BIG
    print(f"\n{READERS} readers resume with {owed >> 20} MiB to come: the server has grown by {grown >> 20} MiB")
    assert grown < owed / 3


@pytest.mark.parametrize("path", [EVENTS, SOCKET], ids=["events", "socket"])
async def test_a_reader_that_does_not_read_does_not_keep_the_server_from_going(
    path: str, config: Path, serve: Serve
) -> None:
    write_config(config.parent, polling={"send_timeout_seconds": 300}, server={"shutdown_timeout_seconds": 1})
    server = serve(config)
    async with connect(server.port) as [control]:
        await begin(control)
        async with unread(server.port, path):
            await eventually(lambda: _are_following(control, 1))
            for number in range(60):
                await change_much(control, number)
            assert await asyncio.to_thread(server.terminate) == 0
    assert "unforeseen" not in server.stderr


async def _are_following(control: Connection, count: int) -> bool:
    return await parked(control) == count


async def test_an_answer_that_is_under_way_when_the_signal_comes_arrives_whole(config: Path, serve: Serve) -> None:
    write_config(config.parent, logging={"level": "DEBUG"})
    server = serve(config)
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.settimeout(PATIENCE_SECONDS)
    with reader:
        async with connect(server.port) as [control]:
            created = factories.creation("inv-1", settings=factories.settings(description="x" * 450_000))
            assert (await control.ask("POST", STATES, created)).status == 201
            reader.connect(("127.0.0.1", server.port))
            reader.sendall(f"GET {STATES}/inv-1 HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20)
            received = reader.recv(1000)
            await until_it_is_stuck(server, control)
        server.signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):  # it waits for the reader, as long as the configuration lets it
            server.wait(2)
        while chunk := await asyncio.to_thread(reader.recv, 65536):
            received += chunk
    assert server.wait() == 0
    assert whole_answers(received) > 1


async def until_it_is_stuck(server: ServerProcess, control: Connection) -> None:
    """Return when the server has answered others twice and meanwhile nothing more of what was asked for at once."""
    begun, before = server.stderr.count("method=GET"), -1
    while begun != before:
        before = begun
        for _ in range(50):
            await parked(control)
        begun = server.stderr.count("method=GET route=/api/v1/wizard-state/{investigation_id}")
    assert 0 < begun < 20


def whole_answers(received: bytes) -> int:
    """Return how many answers came; fail when the last of them is cut off."""
    count = 0
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        [length] = [int(line.split()[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")]
        assert len(rest) >= length, "the last answer is cut off"
        received, count = rest[length:], count + 1
    return count
