"""No connection outlives the server, nor keeps it: one is accepted as it closes and begins a moment later."""

import asyncio
import socket

import pytest

from tests.conftest import StartServer
from tests.web.helpers import HANGS_AFTER_SECONDS


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_comes_as_the_server_closes_is_closed_at_once(
    start_server: StartServer, turns: int
) -> None:
    client, loop = await start_server(), asyncio.get_running_loop()
    assert client.port is not None
    with socket.socket() as connection:
        connection.connect((client.host, client.port))
        connection.setblocking(False)  # noqa: FBT003 - the standard library's signature
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            await client.server.close()
            try:
                assert await loop.sock_recv(connection, 1) == b""
            except ConnectionResetError:
                assert turns < 2, "it was accepted"
