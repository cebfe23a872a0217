"""What libraries read out of a stranger's headers never becomes a 500."""

import asyncio

import pytest

from tests.conftest import Client
from tests.web.helpers import HANGS_AFTER_SECONDS, INV, create, send

ACCEPTS = [
    "text/plain; version=x",
    "text/plain; version=",
    "text/plain; version=1e999; escaping=x",
    "application/openmetrics-text; version=x",
    "application/openmetrics-text; version=9.9.9; escaping=y",
    "application/openmetrics-text;;;==;version",
    "text/plain;version=1.0.0;escaping=allow-utf-8",
]


@pytest.mark.parametrize("accept", ACCEPTS)
async def test_whatever_a_scraper_accepts_it_gets_metrics(client: Client, accept: str) -> None:
    async with client.get("/metrics", headers={"Accept": accept}) as response:
        assert response.status == 200
        assert b"wizard_" in await response.read()


HANDSHAKE = {
    "Host": b"127.0.0.1",
    "Upgrade": b"websocket",
    "Connection": b"Upgrade",
    "Sec-WebSocket-Version": b"13",
    "Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": b"wizard",
    "Sec-WebSocket-Extensions": b"permessage-deflate",
    "Origin": b"http://127.0.0.1",
    "Cookie": b"a=b",
}


@pytest.mark.parametrize(
    "bad", [b"\xff\xfe", b"\xc3\xa9", b"a\xe2\x80\xa8b", b"permessage-deflate; server_max_window_bits=\xb2"]
)
@pytest.mark.parametrize("name", [*HANDSHAKE, "X-Request-Id", "Authorization"])
async def test_a_handshake_with_bytes_that_are_no_ascii_is_refused_or_taken(
    client: Client, name: str, bad: bytes
) -> None:
    await create(client)
    reader, writer = await asyncio.open_connection(client.host, client.port)
    lines = [f"GET /ws/investigation/{INV} HTTP/1.1".encode()]
    lines += [key.encode() + b": " + value for key, value in {**HANDSHAKE, name: bad}.items()]
    writer.write(b"\r\n".join([*lines, b"", b""]))
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        status = int((await reader.readline()).split()[1])
    writer.close()
    assert status < 500
    assert (await send(client, "GET", "/healthz")).status == 200
