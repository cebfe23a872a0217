"""``/ws/investigation/{id}``: the same changes over a WebSocket (contract 6)."""

import asyncio
import contextlib
import logging
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from pydantic import Field

from wizard_server.domain.callers import Caller
from wizard_server.domain.clock import to_wire
from wizard_server.domain.field_types import Schema
from wizard_server.domain.history import encoded_change
from wizard_server.domain.record import StateRecord
from wizard_server.domain.trail import AuditEntry
from wizard_server.errors import RequestError, StorageUnavailableError, UnreadableRowError, ValidationFailedError
from wizard_server.web.api.state_body import seen
from wizard_server.web.auth.tokens import TOKEN_PROTOCOL
from wizard_server.web.http import open_streams
from wizard_server.web.http.connections import Connection
from wizard_server.web.http.context import CLOCK, CONFIG, RULES
from wizard_server.web.http.flood import MESSAGES_BURST, MESSAGES_PER_SECOND, WEIGHTS, Allowance
from wizard_server.web.http.parameters import path_identifier, query
from wizard_server.web.http.slow_readers import reset, taken_within
from wizard_server.web.live.following import End, Follower, Following

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 64 * 1024
CLOSE_SECONDS = 1.0
TOKEN_ENDED = 4001
SLOW_READER = 4008
_FLOOD = (WSCloseCode.POLICY_VIOLATION, "too many messages")
_EXPECTED = 'expected a JSON object whose "type" is heartbeat, acknowledgment, sync or ping'
_HANDSHAKE = ("connection", "upgrade", "sec-websocket-")
_TOO_MANY = f"more than {MESSAGES_BURST:g} messages at once, and {MESSAGES_PER_SECOND:g} a second in the long run"
_CLOSES = {
    End.DELETED: (4004, "deleted"),
    End.DRAINING: (WSCloseCode.GOING_AWAY, "going away"),
    End.EXPIRED: (TOKEN_ENDED, "token expired"),
    End.WITHDRAWN: (TOKEN_ENDED, "key withdrawn"),
    End.UNAVAILABLE: (WSCloseCode.TRY_AGAIN_LATER, "try again later"),
}


class SocketQuery(Schema):
    """The parameters of the WebSocket; with `since_version` it resumes there instead of sending the state."""

    since_version: int | None = Field(None, ge=1, description="the version that the client has")


async def stream(request: web.Request, caller: Caller) -> web.StreamResponse:
    """Send the state, then every change; answer ``heartbeat`` and ``sync``.

    A WebSocket handshake. Messages are JSON objects with ``type``, ``investigation_id`` and ``timestamp``. The server
    sends ``connection_established`` (with ``version`` and ``state``; resumed, without ``state``), ``state_updated``
    (one change as ``/changes`` has it), ``state_sync`` (the whole state again), ``heartbeat`` and
    ``connection_closed`` (with ``code`` and ``reason``). The client may send ``{"type": ...}`` with ``heartbeat``,
    ``acknowledgment``, ``sync`` or ``ping`` (answered by ``pong``); anything else is answered by ``error`` (with
    ``message``) and ends nothing. Close codes: 1001 the server drains, 1008 the client sends too many messages (100 at
    once, 20 a second; a ``sync`` counts as 10, ten ``acknowledgment`` as one), 1009 a message is over 64 KiB, 1013 try
    again later, 4001 the token has expired or its key was withdrawn, 4004 the
    state was deleted, 4008 the client reads too slowly.
    """
    _check_handshake(request)
    investigation_id = path_identifier(request)
    since = query(request, SocketQuery).since_version
    with Following(request, caller, investigation_id) as follower:
        record = await follower.state(since or 0)
        socket = web.WebSocketResponse(
            protocols=_protocols(request),
            heartbeat=float(request.app[CONFIG].polling.heartbeat_seconds),
            timeout=CLOSE_SECONDS,
            max_msg_size=MAX_MESSAGE_BYTES,
            autoping=False,  # the framework would answer any number of them without a pause
            compress=False,  # every browser offers it, and it would cost 100 KiB for each connection
        )
        await open_streams.begin(request, socket)
        session = Session(request, socket, follower)
        try:
            if since is None or since > record.version:
                await session.send_state("connection_established", record)
            else:
                follower.resume(since)
                await session.send("connection_established", {"version": since})
            await session.run()
        except TimeoutError:
            logger.info("slow reader cut off", extra={"investigation_id": investigation_id, "transport": "websocket"})
            await session.cut_off()
        return socket


def _check_handshake(request: web.Request) -> None:
    """Raise `ValidationFailedError` for a header with bytes that are no ASCII: the framework would stumble."""
    for name, value in request.headers.items():
        if name.lower().startswith(_HANDSHAKE) and not value.isascii():
            raise ValidationFailedError.of(name, "a WebSocket handshake consists of ASCII characters", "ascii")


def _protocols(request: web.Request) -> tuple[str, ...]:
    """Return the subprotocol to agree on: a browser fails the connection unless the server takes one that it offers."""
    offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]
    plain = [name for name in offered if not name.startswith(TOKEN_PROTOCOL)]
    return tuple(plain or offered)[:1]


class Session:
    """One open WebSocket: a task that follows the state, and one that listens to the client."""

    __slots__ = ("_ended", "_ending", "_follower", "_messages", "_request", "_sending", "_socket")

    def __init__(self, request: web.Request, socket: web.WebSocketResponse, follower: Follower) -> None:
        self._request = request
        self._socket = socket
        self._follower = follower
        self._sending = asyncio.Lock()
        self._ending: tuple[int, str] | None = None
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._messages = Allowance(MESSAGES_PER_SECOND, MESSAGES_BURST)

    async def run(self) -> None:
        """Follow and listen until either ends; raises `TimeoutError` for a reader that does not read."""
        tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._listen())]
        for task in tasks:
            task.add_done_callback(self._end)
        try:
            await self._ended  # `asyncio.wait` would cost a kilobyte for as long as it waits
            for task in tasks:
                if task.done():
                    task.result()
        except ConnectionError:
            logger.debug("client went away", extra={"investigation_id": self._follower.investigation_id})
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self._ending is not None:  # nobody reads any more, so `close` waits for the client's close frame
            with contextlib.suppress(ConnectionError):
                await self._close(*self._ending)

    def _end(self, _: asyncio.Task[None]) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    async def _follow(self) -> None:
        while True:
            try:
                found = await self._follower.next()
                if found in (End.STALLED, End.SYNC):
                    await self.send_state("state_sync", await self._follower.state())
                    continue
            except (StorageUnavailableError, UnreadableRowError):
                found = End.UNAVAILABLE
            except RequestError:
                found = End.DELETED
            if found is End.IDLE:
                await self.send("heartbeat", {})
            elif isinstance(found, End):
                self._ending = _CLOSES[found]
                return
            else:
                for entry in found:
                    await self.write(_updated(entry))

    async def _listen(self) -> None:
        """Answer the client's messages; whatever has arrived already, others run between one and the next."""
        async for message in self._socket:
            kind = _kind(message)
            if not self._messages.takes(WEIGHTS.get(kind or "", 1.0)):
                await self._refuse_the_rest()
                return
            if kind == "heartbeat":
                await self.send("heartbeat", {})
            elif kind == "sync":
                self._follower.sync()
            elif kind == "ping":
                await self.send("pong", {})
            elif message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif kind != "acknowledgment":
                await self.send("error", {"message": _EXPECTED})
            await asyncio.sleep(0)

    async def _refuse_the_rest(self) -> None:
        """Say once that these are too many messages, and look at no other."""
        connection = self._request.protocol
        if isinstance(connection, Connection):
            connection.discard_input()
        logger.info("flood cut off", extra={"investigation_id": self._follower.investigation_id})
        await self.send("error", {"message": _TOO_MANY})
        self._ending = _FLOOD

    async def send(self, kind: str, members: dict[str, Any]) -> None:
        """Send one message of the given type."""
        now = to_wire(self._request.app[CLOCK]())
        base = {"type": kind, "investigation_id": self._follower.investigation_id, "timestamp": now}
        await self.write(orjson.dumps({**base, **members}))

    async def send_state(self, kind: str, record: StateRecord) -> None:
        """Send a message that carries the whole state."""
        after = seen(self._request.app[RULES], record, self._request.app[CLOCK]())
        state = orjson.Fragment(record.opened + after)
        await self.send(kind, {"version": record.version, "state": state})

    async def write(self, text: bytes) -> None:
        """Send the text of one message, one after the other; raises `TimeoutError` when the client takes nothing."""
        seconds = self._request.app[CONFIG].polling.send_timeout_seconds
        async with taken_within(seconds, self._request.transport), self._sending:
            await self._socket.send_frame(text, WSMsgType.TEXT)

    async def _close(self, code: int, reason: str) -> None:
        await self.send("connection_closed", {"code": code, "reason": reason})
        await self._socket.close(code=code, message=reason.encode())

    async def cut_off(self) -> None:
        """End the connection of a reader that does not read: the close frame may still reach it, nothing waits."""
        transport = self._request.transport
        if transport is not None:
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, reset, transport)
        async with asyncio.timeout(CLOSE_SECONDS):
            await self._socket.close(code=SLOW_READER, message=b"slow reader")


def _updated(entry: AuditEntry) -> bytes:
    """Return the message of one change, made once for all who follow it here; a change has its own timestamp."""
    known = entry.renderings.get("socket")
    if known is None:
        named = orjson.dumps({"type": "state_updated", "investigation_id": entry.investigation_id})
        known = entry.renderings["socket"] = b"%b,%b" % (named[:-1], encoded_change(entry)[1:])
    return known


def _kind(message: WSMessage) -> str | None:
    """Return the type of a client's message, None for what is no message; a pong asks for as little as an answer."""
    if message.type is not WSMsgType.TEXT:
        return "acknowledgment" if message.type is WSMsgType.PONG else None
    try:
        content = orjson.loads(message.data)
    except orjson.JSONDecodeError:
        return None
    kind = content.get("type") if isinstance(content, dict) else None
    return kind if isinstance(kind, str) else None
