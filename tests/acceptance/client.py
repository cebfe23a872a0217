"""An HTTP client that is nothing but a socket: thousands fit into one process, and each can stop in mid-sentence."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.acceptance.process import PATIENCE_SECONDS

HEALTH = "/api/v1/polling/health"
STATES = "/api/v1/wizard-state"
POLLS = "/api/v1/polling/wizard-state"
# What a client meets whose server has gone, or does not take its request any more.
GONE = (ConnectionError, asyncio.IncompleteReadError)


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    protocol: str

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)


def request_bytes(method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a whole HTTP/1.1 request with a JSON body, or with none."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(content)}"]
    if content:
        lines.append("Content-Type: application/json")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Connection:
    """One connection, kept alive; `send` and `answer` are apart so that a test decides what happens in between."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, text: bytes) -> None:
        """Send bytes: a request, or a part of one."""
        self._writer.write(text)
        await self._writer.drain()

    async def answer(self) -> Answer:
        """Return the next answer; raises one of `GONE` when there is none."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")[:-2]
            pairs = (line.partition(":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        protocol, status = first.split()[:2]
        return Answer(int(status), headers, body, protocol)

    async def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request and return its answer."""
        await self.send(request_bytes(method, path, body, headers))
        return await self.answer()

    async def ended(self) -> bool:
        """Whether the server closes the connection without another byte."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._reader.read(1) == b""

    def leave(self, *, reset: bool) -> None:
        """Be gone at once: with a RST, as after a crash, or with a FIN, as a closed browser tab."""
        if reset:
            linger = struct.pack("ii", 1, 0)
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()


@asynccontextmanager
async def connect(port: int, count: int = 1) -> AsyncIterator[list[Connection]]:
    """Open `count` connections to 127.0.0.1; whatever happens, they are closed in the end."""
    opened: list[Connection] = []
    try:
        for _ in range(count):
            opened.append(Connection(*await asyncio.open_connection("127.0.0.1", port)))  # noqa: PERF401 - so that each is closed
        yield opened
    finally:
        for connection in opened:
            connection.leave(reset=False)
        await asyncio.sleep(0)  # aborted transports close in the next turn of the loop


async def parked(connection: Connection) -> int:
    """Return how many polls the server says are parked."""
    answer = await connection.ask("GET", HEALTH)
    count: int = answer.json()["server_load"]["active_connections"]
    return count


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as `condition` holds; fail when it does not within `PATIENCE_SECONDS`."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - it comes true in another process
            await asyncio.sleep(0.005)
