"""A fast client on a slow line is not a stuck one: who takes a little all the time gets all, who stops is cut off.

Readers take a little between any two answers to somebody else, a few hundred kilobytes in a second. Seconds pass by the
server's own clock: whoever sends half a head is told after one that the rest did not come.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests import factories
from tests.acceptance.client import STATES, Connection, connect, request_bytes
from tests.acceptance.conftest import Serve
from tests.acceptance.process import ServerProcess, write_config

EVENTS = "/api/v1/events/wizard-state/inv-1"
SOCKET = "/ws/investigation/inv-1"
_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
BIG = 400_000
ANSWERS = CHANGES = 50
# More than the kernel keeps for a connection, so that most of it waits in the server.
OWED = 8 * 1024 * 1024
# A second. The kernel tells the sender of about 32 KiB at once, so several times in the second that the server waits;
# and less than `OWED` in all the seconds of a test.
PACE_BYTES = 128 * 1024
STEADY_SECONDS = 3
# Looked at once a second, so cut off within two; a WebSocket has a moment to read why.
CUT_WITHIN_SECONDS = {"answers": 2, "events": 2, "socket": 4}
SLACK = 3
TCP_CLOSE = 7


@pytest.fixture
def server(config: Path, serve: Serve) -> ServerProcess:
    """A server that waits one second for a reader, and for the rest of a head."""
    write_config(
        config.parent,
        polling={"send_timeout_seconds": 1, "heartbeat_seconds": 300},
        server={"receive_timeout_seconds": 1},
    )
    return serve(config)


async def seconds(server: ServerProcess, count: int) -> None:
    for _ in range(count):
        async with connect(server.port) as [half]:
            await half.send(b"GET /")
            assert (await half.answer()).status == 408


class Reader:
    """One client, and how much it has read."""

    def __init__(self, opened: socket.socket) -> None:
        self.opened = opened
        self.received = 0

    async def take(self, count: int) -> None:
        """Read `count` bytes; fail when the connection ends before."""
        until = self.received + count
        while self.received < until:
            piece = await asyncio.get_running_loop().sock_recv(self.opened, until - self.received)
            assert piece, f"it ended after {self.received} bytes"
            self.received += len(piece)

    @property
    def is_cut(self) -> bool:
        """Whether the other side has reset the connection; nothing is read to find out."""
        return self.opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE


@asynccontextmanager
async def asking(server: ServerProcess, text: bytes) -> AsyncIterator[Reader]:
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        opened.setblocking(False)  # noqa: FBT003 - the standard library's signature
        await asyncio.get_running_loop().sock_connect(opened, ("127.0.0.1", server.port))
        await asyncio.get_running_loop().sock_sendall(opened, text)
        yield Reader(opened)


async def owe_much(control: Connection, way: str) -> bytes:
    """Make a state, and return what asks for more of it than the kernel keeps for a connection."""
    assert (await control.ask("POST", STATES, factories.creation("inv-1"))).status == 201
    assert (await control.ask("PATCH", f"{STATES}/inv-1", {"wizard_step": "PROGRESS"})).status == 200
    for number in range(1 if way == "answers" else CHANGES):
        progress = factories.progress(overall_progress=float(number % 100), logs=[f"{number} " + "x" * BIG])
        assert (await control.ask("PATCH", f"{STATES}/inv-1", {"progress": progress})).status == 200
    if way == "events":
        return request_bytes("GET", EVENTS, headers={"Last-Event-ID": "2"})
    if way == "socket":
        return request_bytes("GET", f"{SOCKET}?since_version=2", headers=_UPGRADE)
    return request_bytes("GET", f"{STATES}/inv-1") * ANSWERS


@asynccontextmanager
async def steadily(control: Connection, *readers: Reader) -> AsyncIterator[None]:
    """Have `readers` take what is due after each answer to somebody else, as long as the block runs."""
    loop = asyncio.get_running_loop()

    async def go_on() -> None:
        begun, taken = loop.time(), 0
        while True:
            assert await is_served(control)
            due = int((loop.time() - begun) * PACE_BYTES) - taken  # more, where somebody else was answered late
            taken += due
            for reader in readers:
                await reader.take(due)

    task = asyncio.create_task(go_on())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def is_served(control: Connection) -> bool:
    return (await control.ask("GET", "/healthz")).status == 200


@pytest.mark.parametrize("way", ["answers", "events", "socket"])
async def test_a_steady_reader_gets_all_and_one_that_stops_is_cut_off(server: ServerProcess, way: str) -> None:
    async with connect(server.port) as [control]:
        request = await owe_much(control, way)
        async with asking(server, request) as steady, asking(server, request) as stops:
            async with steadily(control, steady, stops):
                await seconds(server, STEADY_SECONDS)
            assert not stops.is_cut
            async with steadily(control, steady):
                for _ in range(SLACK * CUT_WITHIN_SECONDS[way]):
                    if not stops.is_cut:
                        await seconds(server, 1)
            assert stops.is_cut
            await steady.take(max(OWED - steady.received, BIG))
    assert server.terminate() == 0
    assert "slow reader cut off" in server.stderr
