"""What the fuzz tests share: requests of bytes that no client sends, and what is true of every answer to them."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.conftest import Client
from tests.web.helpers import HANGS_AFTER_SECONDS, stored
from tests.web.openapi_world import USER

# The same cases in every run: what a run finds is found again. One server and database serve all cases of a test.
FIXED = settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TRIED: Counter[str] = Counter()


@dataclass(frozen=True)
class Reply:
    """What came back; `head` in lower case."""

    status: int
    head: bytes
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


async def ask_raw(
    client: Client,
    method: str,
    path: str,
    headers: Sequence[tuple[str, bytes]],
    body: bytes = b"",
    *,
    stream: bool = False,
) -> Reply:
    """Send a request of bytes on a connection of its own; of a `stream` only the head is read."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: 127.0.0.1", b"X-User-Id: " + USER.encode()]
    lines += [b"Content-Length: %d" % len(body), b"Connection: close"]
    lines += [name.encode() + b": " + value for name, value in headers]
    writer.write(b"\r\n".join([*lines, b"", body]))
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        streams = stream and b"text/event-stream" in head
        answer = b"" if streams else await reader.read()
    writer.close()
    return Reply(int(head.split()[1]), head, answer)


def check(reply: Reply, before: tuple[Any, ...], database: str) -> None:
    """Check what is true of every answer: no mistake of the server; a refusal says what and why and changes nothing."""
    assert reply.status < 500, reply.body
    if reply.status >= 400:
        assert b"content-type: application/problem+json" in reply.head, reply
        assert reply.problem["code"], reply
        assert stored(database) == before, reply


def report(request: pytest.FixtureRequest, line: str) -> None:
    """Print how much was tried, past what captures the output of tests."""
    plugins = request.config.pluginmanager
    capture, terminal = plugins.get_plugin("capturemanager"), plugins.get_plugin("terminalreporter")
    if capture is not None and terminal is not None:
        with capture.global_and_fixture_disabled():
            terminal.write_line(f"\n{line}")
