"""What an open WebSocket costs the server's memory: at most 20 KiB, asserted with slack for what allocators round."""

import socket
from contextlib import ExitStack
from pathlib import Path

from tests import factories
from tests.acceptance.client import STATES, connect
from tests.acceptance.conftest import Serve
from tests.acceptance.memory import SOCKET, resident_bytes
from tests.acceptance.process import WIZARD_SERVER, write_config

FEW, MANY = 300, 900
KIBIBYTE = 1024
MOST = 20 * KIBIBYTE
SLACK = 1.2  # with the framework's ways of before it was 1.37
# What a browser sends.
_HEAD = (
    f"GET {SOCKET} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nAccept-Language: en-US,en;q=0.9\r\n"
    "Pragma: no-cache\r\nCache-Control: no-cache\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0\r\n\r\n"
)


def follow(stack: ExitStack, port: int, count: int) -> None:
    """Open `count` WebSockets, each of which has been told the state."""
    for _ in range(count):
        opened = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
        opened.sendall(_HEAD.encode())
        told = b""
        while b"connection_established" not in told:
            told += opened.recv(65536)
            assert told.startswith(b"HTTP/1.1 101"), told


async def test_a_websocket_costs_at_most_20_kib(config: Path, serve: Serve) -> None:
    write_config(config.parent, polling={"max_push_per_user": MANY, "heartbeat_seconds": 300})
    server = serve(config, command=WIZARD_SERVER)
    async with connect(server.port) as [control]:
        assert (await control.ask("POST", STATES, factories.creation("inv-1"))).status == 201
    with ExitStack() as stack:
        follow(stack, server.port, FEW)
        before = resident_bytes(server)
        follow(stack, server.port, MANY - FEW)
        each = (resident_bytes(server) - before) / (MANY - FEW)
    assert each < MOST * SLACK, f"{each / KIBIBYTE:.1f} KiB"
