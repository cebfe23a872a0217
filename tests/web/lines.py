"""Connections over which tests send bytes, and see whether the framework got them (see `web.http.repeats`)."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson

from tests.conftest import Client
from tests.web.helpers import INV, poll_url

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
BEHIND = {"If-None-Match": '"version-1"'}


class Answer:
    """One answer as it came over the line."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = dict(line.split(": ", 1) for line in lines if line)
        self.body: Any = orjson.loads(body) if body else None


class Line:
    """A kept connection."""

    def __init__(self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.client = client
        self._reader = reader
        self.writer = writer

    async def ask(self, request: bytes) -> Answer:
        self.writer.write(request)
        return await self.answer(has_body=not request.startswith(b"HEAD"))

    async def answer(self, *, has_body: bool = True) -> Answer:
        async with asyncio.timeout(10):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            return Answer(head, await self._reader.readexactly(int(length[1])) if length and has_body else b"")

    async def is_closed(self) -> bool:
        async with asyncio.timeout(10):
            return not await self._reader.read()

    @property
    def seen(self) -> int:
        """How many requests the framework has seen."""
        runner = self.client.server.runner
        assert runner is not None
        assert runner.server is not None
        return runner.server.requests_count

    async def both(self, request: bytes) -> tuple[Answer, Answer]:
        """Return the answers to a request and to the same again, which the framework does not get to see."""
        first, seen = await self.ask(request), self.seen
        second = await self.ask(request)
        assert self.seen == seen, "it went the ordinary way"
        return first, second

    async def ordinary(self, request: bytes) -> Answer:
        """Return the answer to a request that goes the ordinary way."""
        seen = self.seen
        answer = await self.ask(request)
        assert self.seen == seen + 1, "it was answered as one that came before"
        return answer


def get(
    headers: Mapping[str, str] | None = None, *, query: str = "", identifier: str = INV, method: str = "GET"
) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **(headers or {})}.items())
    return f"{method} {poll_url(identifier)}{query} HTTP/1.1\r\n{lines}\r\n".encode()


@asynccontextmanager
async def line_to(client: Client) -> AsyncIterator[Line]:
    """Return a connection whose first request is answered, so that it waits for the next."""
    assert client.port is not None
    line = Line(client, *await asyncio.open_connection(client.host, client.port))
    assert (await line.ask(HEALTH)).status == 200
    try:
        yield line
    finally:
        line.writer.close()
        await line.writer.wait_closed()


def but_what_differs(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in ("Date", "X-Request-Id", "RateLimit")}
