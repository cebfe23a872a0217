"""What the tests of server-sent events and WebSocket share: readers that keep what they were told in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import jsonpatch
import orjson
from aiohttp import ClientResponse, ClientWebSocketResponse, WSMsgType

from tests import factories
from tests.conftest import Client
from tests.web.helpers import (
    HANGS_AFTER_SECONDS,
    INV,
    Answer,
    create,
    hold_commits,
    queued,
    sending,
    until,
    url,
)
from wizard_server.web.http.context import HUB

WebSocket = ClientWebSocketResponse
Act = Callable[[], Awaitable[Any]]
_READ = ("last_accessed", "stale", "stalled")


def events_url(investigation_id: str = INV) -> str:
    return f"/api/v1/events/wizard-state/{investigation_id}"


def socket_url(investigation_id: str = INV) -> str:
    return f"/ws/investigation/{investigation_id}"


def report(percent: float, *logs: str) -> dict[str, Any]:
    return {"progress": factories.progress(overall_progress=percent, logs=list(logs))}


@dataclass(frozen=True)
class Event:
    """One block of an event stream; a comment and ``retry:`` are events of these names."""

    name: str
    data: Any = None
    version: int | None = None

    @classmethod
    def parse(cls, block: str) -> "Event":
        fields = dict(line.split(":", 1) for line in block.split("\n"))
        if "" in fields:
            return cls("comment", fields[""].strip())
        if "retry" in fields:
            return cls("retry", int(fields["retry"]))
        version = int(fields["id"]) if "id" in fields else None
        return cls(fields["event"].strip(), orjson.loads(fields["data"]), version)


class EventStream:
    """A client of server-sent events that reads a block whenever it is asked for one."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self._read = b""

    async def block(self) -> Event | None:
        """Return the next block, comments included; None at the end of the stream."""
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            while b"\n\n" not in self._read:
                piece = await self.response.content.readany()
                if not piece:
                    assert not self._read, "the stream ends within an event"
                    return None
                self._read += piece
        block, _, self._read = self._read.partition(b"\n\n")
        return Event.parse(block.decode())

    async def event(self, *, of: str) -> Event:
        """Return the next event, which is named `of`."""
        while (found := await self.block()) is not None:
            if found.name not in ("comment", "retry"):
                assert found.name == of, found
                return found
        raise AssertionError(f"the stream ended before an event {of}")

    async def changes(self, count: int) -> list[Any]:
        """Return the data of the next events, all of them changes whose id is their version."""
        found = [await self.event(of="change") for _ in range(count)]
        assert all(event.version == event.data["version"] for event in found)
        return [event.data for event in found]


@asynccontextmanager
async def events(client: Client, investigation_id: str = INV, **headers: str) -> AsyncIterator[EventStream]:
    """Follow by server-sent events; header names with underscores."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.get(events_url(investigation_id), headers=sent) as response:
        yield EventStream(response)


@asynccontextmanager
async def socket(
    client: Client, investigation_id: str = INV, *, headers: Mapping[str, str] | None = None, **kwargs: Any
) -> AsyncIterator[WebSocket]:
    """Follow by WebSocket."""
    async with client.ws_connect(socket_url(investigation_id), headers=headers or {}, **kwargs) as opened:
        yield opened


async def told(opened: WebSocket, *, of: str) -> Any:
    """Return the next message that is no heartbeat, unless one is asked for; it is of the type `of`."""
    while True:
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            message = await opened.receive()
        assert message.type is WSMsgType.TEXT, message
        content = orjson.loads(message.data)
        if content["type"] != "heartbeat" or of == "heartbeat":
            assert content["type"] == of, content
            return content


async def updates(opened: WebSocket, count: int) -> list[Any]:
    return [await told(opened, of="state_updated") for _ in range(count)]


async def closing(opened: WebSocket) -> tuple[int | None, str | None]:
    """Return code and reason of the close frame, which comes next."""
    while True:
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            message = await opened.receive()
        if message.type is WSMsgType.CLOSE:
            return message.data, message.extra
        assert message.type is WSMsgType.TEXT, message
        assert orjson.loads(message.data)["type"] in ("heartbeat", "connection_closed"), message


def rebuilt(state: Any, changes: Iterable[Any]) -> Any:
    """Return `state` with the patches of `changes` applied by an RFC 6902 library that is not the server's code."""
    for change in changes:
        state = jsonpatch.apply_patch(state, change["patch"])
    return state


def canonical(state: Mapping[str, Any]) -> bytes:
    """Return a state as bytes that are equal for equal content: 1 and 1.0 differ, what reading adds is left out."""
    kept = {key: value for key, value in state.items() if key not in _READ}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)


def nobody_is_left(client: Client) -> bool:
    """Whether the hub holds no place for anybody."""
    hub = client.app[HUB]
    return not (hub.parked or hub.has_waiters or hub.users)


async def everybody_has_gone(client: Client) -> None:
    await until(lambda: nobody_is_left(client))


async def waiting(client: Client, count: int = 1) -> None:
    """Return once `count` subscribers sleep until the next commit."""
    await until(lambda: client.app[HUB].asleep == count)


async def commit_together(client: Client, *percents: float) -> list[asyncio.Task[Answer]]:
    """Have one commit of several changes, of which the hub tells in one event."""
    await create(client, "aside")
    door = hold_commits(client)
    aside = sending(client, "PATCH", url("aside"), json={"status": "ERROR"})
    await door.reached.wait()
    tasks = [sending(client, "PATCH", url(), json=report(percent)) for percent in percents]
    await until(lambda: queued(client) == len(percents))
    door.open()
    return [aside, *tasks]
