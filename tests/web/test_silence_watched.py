"""No crowd of watchers holds the loop (contract 4): one change of a large state, and who begins to watch it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import orjson
import pytest

from tests import factories
from tests.benchmarks.trails import with_chips
from tests.conftest import Client
from tests.silence import LOUD, Silence, ask, unobserved
from tests.web.helpers import HANGS_AFTER_SECONDS, create, parked, patch, poll_url, url
from wizard_server.web.http.context import HUB

NODES = 18_000
WATCHERS = 40
MANY = 1_000
# Of a crowd's waking the least of so many rounds counts: what the server computes in one turn it computes each time,
# while whoever shares the machine, or a collection of garbage that was due, lengthens one of them.
ROUNDS = 3
# 20 ms (contract 4), with slack.
LONG = 0.06
EVENTS = "/api/v1/events/wizard-state/inv-1"
SOCKET = "/ws/investigation/inv-1"
DASHBOARD = "/api/v1/polling/active-investigations"
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
# Where, what else is in the head, and how the first state and a change begin.
STREAMS = {
    "server-sent events": (EVENTS, "", b"event: state", b"event: change"),
    "WebSockets": (SOCKET, UPGRADE, b'"connection_established"', b'"state_updated"'),
}
# Who waits for what comes after a version, and how many of them.
POLLS = {
    "polls": (MANY, f"{poll_url()}?since_version={{}}&wait=30"),
    "polls for a summary": (5 * WATCHERS, f"{poll_url()}?since_version={{}}&wait=30&view=summary"),
    "changes": (5 * WATCHERS, f"{poll_url()}/changes?since_version={{}}&wait=30"),
    "dashboards": (MANY, None),
}


@pytest.fixture
async def client(database: str) -> AsyncIterator[Client]:
    async with unobserved(database) as client:
        await create(client)
        await patch(client, settings(0))
        yield client


def settings(kind: int) -> dict[str, object]:
    """Return an update that makes each node of a large state another one than the other `kind` does."""
    return {"settings": with_chips([[] if kind else {} for _ in range(NODES)])}


class Watcher:
    """A connection that sent one request; what comes is forgotten as soon as it was looked at."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._end = b""

    def ask(self, path: str, headers: str = "") -> None:
        """Send a request."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode())

    def send(self, text: bytes) -> None:
        """Send a short WebSocket message, masked with zeros."""
        self._writer.write(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)

    async def read(self, text: bytes, times: int = 1) -> None:
        """Return when `text` has come so many times since the last call."""
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            while times > 0:
                data = await self._reader.read(1 << 20)
                assert data, "the server ended it"
                times -= (self._end + data).count(text)
                self._end = data[1 - len(text) :]


@asynccontextmanager
async def watching(client: Client, path: str, headers: str = "") -> AsyncIterator[Watcher]:
    reader, writer = await asyncio.open_connection(client.host, client.port)
    watcher = Watcher(reader, writer)
    watcher.ask(path, headers)
    try:
        yield watcher
    finally:
        writer.close()


async def change(client: Client, kind: int = 1) -> None:
    status, text = await ask(client, "PATCH", url(), orjson.dumps(settings(kind)), {"Prefer": "return=minimal"})
    assert status == 204, text[:500]


@pytest.mark.parametrize("kind", STREAMS)
async def test_a_change_that_many_streams_are_told_holds_nobody_up(client: Client, kind: str) -> None:
    path, headers, begins, changes = STREAMS[kind]
    async with AsyncExitStack() as stack:
        async with Silence() as silence:
            watchers = [await stack.enter_async_context(watching(client, path, headers)) for _ in range(WATCHERS)]
            await asyncio.gather(*(watcher.read(begins) for watcher in watchers))
        assert silence.longest < LOUD
        async with Silence() as silence:
            await change(client)
            await asyncio.gather(*(watcher.read(changes) for watcher in watchers))
        assert silence.longest < LOUD


@pytest.mark.parametrize("kind", POLLS)
async def test_a_change_that_wakes_many_polls_holds_nobody_up(client: Client, kind: str) -> None:
    count, path = POLLS[kind]
    silences = []
    async with AsyncExitStack() as stack:
        watchers: list[Watcher] = []
        for round_ in range(ROUNDS):
            question = path.format(2 + round_) if path else await dashboard(client)
            for watcher in watchers:
                watcher.ask(question)
            while len(watchers) < count:
                watchers.append(await stack.enter_async_context(watching(client, question)))
            await parked(client, count)
            async with Silence() as silence:
                await change(client, (round_ + 1) % 2)
                await asyncio.gather(*(watcher.read(b"HTTP/1.1 200 OK") for watcher in watchers))
            assert client.app[HUB].parked == 0
            silences.append(silence.longest)
    assert min(silences) < LONG, silences


async def dashboard(client: Client) -> str:
    """Return the question for what changes after now in the list of everything active."""
    _, text = await ask(client, "GET", DASHBOARD)
    return f"{DASHBOARD}?cursor={orjson.loads(text)['cursor']}&wait=30"


async def test_an_event_stream_that_resumes_far_behind_holds_nobody_up(client: Client) -> None:
    for version in range(6):
        await patch(client, settings(version % 2 == 0))
    async with Silence() as silence, watching(client, EVENTS, "Last-Event-ID: 2\r\n") as watcher:
        await watcher.read(b"event: change", 6)
    assert silence.longest < LOUD


async def test_a_websocket_that_asks_for_the_state_again_and_again_holds_nobody_up(client: Client) -> None:
    async with watching(client, SOCKET, UPGRADE) as watcher:
        await watcher.read(b'"connection_established"')
        async with Silence() as silence:
            for _ in range(9):  # as often as it may at once
                watcher.send(b'{"type": "sync"}')
                await watcher.read(b'"state_sync"')
    assert silence.longest < LOUD


async def test_a_large_template_that_is_applied_holds_nobody_up(client: Client) -> None:
    template = {"name": "large", **settings(1)}
    _, text = await ask(client, "POST", "/api/v1/templates", orjson.dumps(template))
    path = f"/api/v1/templates/{orjson.loads(text)['template_id']}/apply"
    async with Silence() as silence:
        status, text = await ask(client, "POST", path, b'{"overrides": {"description": "another"}}')
    assert status == 201, text[:500]
    assert silence.longest < LOUD


LINE = "agent-03: looked at one more of the entities and took note of what it found: " + "x" * 20
FINDING = {
    **factories.results()["findings"][0],
    "evidence": [{"device_id": f"d-{n}", "accounts": n} for n in range(12)],
}
LARGE = {
    "400 KB of logs": {"progress": factories.progress(logs=[LINE] * 4000)},
    "200 KB of findings": {
        "status": "COMPLETED",
        "wizard_step": "RESULTS",
        "results": factories.results(findings=[FINDING] * 300),
    },
}


@pytest.mark.parametrize("named", LARGE)
async def test_an_ordinary_large_change_holds_nobody_up(client: Client, named: str) -> None:
    await patch(client, {"settings": factories.settings(), "wizard_step": "PROGRESS"})
    async with Silence() as silence:
        status, text = await ask(client, "PATCH", url(), orjson.dumps(LARGE[named]))
        assert status == 200, text[:500]
        for path in (url(), poll_url(), f"{poll_url()}/changes?since_version=3", url(suffix="/history")):
            status, text = await ask(client, "GET", path)
            assert status == 200, text[:500]
    assert silence.longest < LOUD
