"""A WebSocket that is not read: it is cut off, and told why if it reads on in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.conftest import Client, StartServer
from tests.web.helpers import HANGS_AFTER_SECONDS, patch, start
from tests.web.push import everybody_has_gone, nobody_is_left, report, socket_url
from wizard_server.web.live import websocket

CUT_OFF = "slow reader cut off"
CLOSE_FRAME = b"\x88\x0d" + (4008).to_bytes(2, "big") + b"slow reader"
HANDSHAKE = (
    "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@asynccontextmanager
async def unread(client: Client) -> AsyncIterator[asyncio.StreamReader]:
    """Open a WebSocket and read nothing of it but the answer to the handshake."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    try:
        writer.write(f"GET {socket_url()} HTTP/1.1\r\n{HANDSHAKE}".encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        yield reader
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def flood(client: Client, enough: Any) -> None:
    """Commit big changes until `enough` holds."""
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        number = 0
        while not enough():
            number += 1
            await patch(client, report(number % 100, f"{number} " + "x" * 250_000))


@pytest.fixture
async def impatient(start_server: StartServer, caplog: pytest.LogCaptureFixture) -> Client:
    """A server that waits one second for a reader."""
    caplog.set_level("INFO")
    client = await start_server(polling={"send_timeout_seconds": 1, "heartbeat_seconds": 300})
    await start(client)
    return client


async def test_a_slow_reader_that_reads_on_in_time_finds_code_and_reason(
    impatient: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_SECONDS", HANGS_AFTER_SECONDS)  # which no setting changes
    async with unread(impatient) as reader:
        await flood(impatient, lambda: CUT_OFF in caplog.text)
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            received = await reader.read()
        assert received.endswith(CLOSE_FRAME)
    await everybody_has_gone(impatient)
    assert "unforeseen" not in caplog.text


async def test_a_reader_that_never_reads_is_gone_without_an_unforeseen_error(
    impatient: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.1)
    async with unread(impatient):
        await flood(impatient, lambda: nobody_is_left(impatient))
    assert CUT_OFF in caplog.text
    assert "unforeseen" not in caplog.text
