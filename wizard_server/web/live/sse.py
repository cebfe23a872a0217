"""``/api/v1/events/wizard-state/{id}``: server-sent events (contract 6)."""

import logging

import orjson
from aiohttp import HttpVersion11, web

from wizard_server.domain.callers import Caller
from wizard_server.domain.history import encoded_change
from wizard_server.domain.record import StateRecord
from wizard_server.domain.trail import AuditEntry
from wizard_server.errors import RequestError, StorageUnavailableError, UnreadableRowError, ValidationFailedError
from wizard_server.web.api.state_body import seen
from wizard_server.web.http import open_streams
from wizard_server.web.http.context import CLOCK, CONFIG, RULES
from wizard_server.web.http.parameters import path_identifier
from wizard_server.web.http.slow_readers import reset, taken_within
from wizard_server.web.live.following import End, Follower, Following

logger = logging.getLogger(__name__)

RETRY_MS = 2000
# They end no line by the standard, but popular readers split there. In JSON they occur in texts only.
_LINE_ENDS = tuple((chr(code).encode(), b"\\u%04x" % code) for code in (0x85, 0x2028, 0x2029))
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


async def stream(request: web.Request, caller: Caller) -> web.StreamResponse:
    """Send the state, then every change, until the client goes away, the state is deleted or the server drains.

    ``event: state`` holds the state as ``GET /wizard-state/{investigation_id}`` does, ``event: change`` one change as
    ``/changes`` does; ``id`` is the version, and after ``Last-Event-ID`` the stream resumes without a gap.
    ``event: closed`` says in ``reason`` why nothing more comes: deleted, draining, unavailable, expired (the token) or
    withdrawn (its key). Comments are a sign
    of life.
    """
    investigation_id = path_identifier(request)
    last = _last_event_id(request)
    with Following(request, caller, investigation_id) as follower:
        record = await follower.state(last or 0)
        response = web.StreamResponse(headers=_HEADERS)
        if request.method == "HEAD":
            return web.Response(headers=_HEADERS)
        if request.version >= HttpVersion11:  # over HTTP/1.0 (nginx, unless told otherwise) the end is the connection's
            response.enable_chunked_encoding()
        await open_streams.begin(request, response)
        sender = Sender(response, request)
        try:
            await sender.send(f"retry: {RETRY_MS}\n\n".encode())
            if last is None or last > record.version:
                await sender.send(_state(request, record))
            else:
                follower.resume(last)
            await _follow(request, follower, sender)
        except ConnectionError:
            logger.debug("client went away", extra={"investigation_id": investigation_id})
        except TimeoutError:
            logger.info("slow reader cut off", extra={"investigation_id": investigation_id, "transport": "sse"})
            if request.transport is not None:
                reset(request.transport)
        return response


async def _follow(request: web.Request, follower: Follower, sender: "Sender") -> None:
    while True:
        try:
            found = await follower.next()
            if found in (End.STALLED, End.SYNC):
                await sender.send(_state(request, await follower.state()))
                continue
        except (StorageUnavailableError, UnreadableRowError):
            found = End.UNAVAILABLE
        except RequestError:
            found = End.DELETED
        if found is End.IDLE:
            await sender.send(b": heartbeat\n\n")
        elif isinstance(found, End):
            await sender.send(_event("closed", None, orjson.dumps({"reason": found.name.lower()})))
            return
        else:
            for entry in found:
                await sender.send(_change(entry))


class Sender:
    """Writes to one client; raises `TimeoutError` when it takes nothing of what it is sent."""

    def __init__(self, response: web.StreamResponse, request: web.Request) -> None:
        self._response = response
        self._request = request
        self._seconds = request.app[CONFIG].polling.send_timeout_seconds

    async def send(self, text: bytes) -> None:
        """Write `text`, whole events."""
        async with taken_within(self._seconds, self._request.transport):
            await self._response.write(text)


def _change(entry: AuditEntry) -> bytes:
    """Return the event of one change, made once for all who follow it here."""
    known = entry.renderings.get("sse")
    if known is None:
        known = entry.renderings["sse"] = _event("change", entry.version, encoded_change(entry))
    return known


def _last_event_id(request: web.Request) -> int | None:
    """Return the version that the client saw last, None when it has none; raise for an id that is no version."""
    value = request.headers.get("Last-Event-ID", "")
    if not value:
        return None
    if not value.isascii() or not value.isdecimal() or len(value) > 18:
        raise ValidationFailedError.of("Last-Event-ID", "must be a version", "pattern")
    return int(value)


def _state(request: web.Request, record: StateRecord) -> bytes:
    after = seen(request.app[RULES], record, request.app[CLOCK]())
    return _event("state", record.version, record.opened + after)


def _event(name: str, version: int | None, data: bytes) -> bytes:
    identity = b"" if version is None else b"id: %d\n" % version
    for line_end, escape in _LINE_ENDS:
        if line_end in data:
            data = data.replace(line_end, escape)
    return b"event: %s\n%sdata: %s\n\n" % (name.encode(), identity, data)
