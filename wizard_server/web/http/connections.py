"""One connection: what it feeds to the parser, what it answers without, and what is not HTTP is told by a problem."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Any

from aiohttp import EMPTY_PAYLOAD, StreamReader, web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web_protocol import _ErrInfo

from wizard_server.errors import RequestTimeoutError
from wizard_server.web.http import problems
from wizard_server.web.http.accounting import REQUESTS
from wizard_server.web.http.common_headers import HEADERS
from wizard_server.web.http.connection_limit import CONNECTIONS
from wizard_server.web.http.context import CLOCK, INSTANT
from wizard_server.web.http.flood import BYTES_BURST, BYTES_PER_SECOND, Allowance
from wizard_server.web.http.refused_requests import OTHER_VERSION, reason
from wizard_server.web.http.repeating import RepeatingHandler
from wizard_server.web.http.repeats import REPEATS, WAITS
from wizard_server.web.http.slow_clients import Patience

logger = logging.getLogger(__name__)

_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

# The parser gets no more bytes than this at once.
_PIECE_BYTES = 16 * 1024
# A chunk costs a microsecond whatever its size: a body may exceed the content of its chunks by this much.
_CHUNKED_BYTES = 64 * 1024
_CHUNKED_SHARE = 1.25
# A client that has sent too much has so long to read why its connection ends.
_FLOOD_SECONDS = 1.0


class _Sent(web.StreamResponse):
    """Stands for an answer that was sent: whether the connection stays open after it is all that is asked of it."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._stays_open = keep_alive

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays open."""
        return self._stays_open


_KEPT, _CLOSED = _Sent(keep_alive=True), _Sent(keep_alive=False)


class Connection(RepeatingHandler):
    """One connection of a client."""

    __slots__ = (
        "_app",
        "_body",
        "_body_bytes",
        "_connections",
        "_discards",
        "_frames",
        "_is_due",
    )

    def __init__(self, manager: web.Server, app: web.Application, patience: Patience, **options: Any) -> None:
        super().__init__(app[REPEATS], manager, patience, **options)
        self._app = app
        self._connections = app[CONNECTIONS]
        self._body: StreamReader = EMPTY_PAYLOAD
        self._body_bytes = 0
        self._discards = False
        self._frames: Allowance | None = None
        self._is_due = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place among the connections."""
        super().connection_made(transport)
        self._connections.add(self)

    def mark_known(self) -> None:
        """Note that a request over this connection has shown a valid token."""
        self.is_known = self._connections.mark_known(self)

    def mark_active(self) -> None:
        """Note that a request has come, with a token or without one."""
        self._connections.mark_active(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave the place to another connection."""
        super().connection_lost(exc)
        self._connections.remove(self)

    def stop_lingering(self) -> None:
        """Do not wait for the rest of a refused request, because the server shuts down."""
        self._lingering_time = 0.0

    def data_received(self, data: bytes) -> None:
        """Feed bytes to the parser in small pieces, so that a request refused half-way costs no more than one."""
        if self._discards:
            return
        if self._upgraded and self._payload_parser is not None:
            self._feed_frames(data)
            return
        self._looked = None
        if self._asked is not None:
            data = self._take_back() + data
        elif self._repeats.admits(data) and self._answers_again(data):
            return
        while len(data) > _PIECE_BYTES and not (self._reading_paused or self._buffer_paused or self._discards):
            piece, data = data[:_PIECE_BYTES], data[_PIECE_BYTES:]
            self._feed(piece)
        if not self._discards:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        """Feed bytes to the parser; where they leave a head incomplete, start the timer for the rest of it."""
        known, body, begun = self._request_count, self._body, self._has_begun
        self._whole = b""
        in_body = body is not EMPTY_PAYLOAD and not body.is_eof()
        self._feed_parser(data)
        if self._request_count != known:
            if self._head_timer is not None:
                self._stop_head_timer()
            for place in range(known - self._request_count, 0):
                self._refuse_other_version(place)
            message, body = self._messages[-1]
            self._body = body
            if (self._upgraded or WAITS in data) and not isinstance(message, _ErrInfo):
                self._messages[-1] = self._reduced(message), body
            self._body_bytes = len(data)
            if body is not EMPTY_PAYLOAD:
                return
            if data.endswith(b"\r\n\r\n"):
                self._note_whole(data, self._request_count - known, begun)
                return
        elif in_body or self._upgraded:
            self._body_bytes += len(data)
            self._check_chunks(body)
            return
        if data and not self._close and not self._force_close:
            self._has_begun = True
            if self._head_timer is None:
                self._start_head_timer()

    def _note_whole(self, data: bytes, requests: int, begun: bool) -> None:
        """Note the bytes of a request that may come again, where they are all of it and nothing else."""
        if requests == 1 and not begun and self._repeats.admits(data):
            self._whole = data

    def _refuse_other_version(self, place: int) -> None:
        """Refuse the message at `place` unless it is HTTP/1: the parser takes HTTP/0.9 and HTTP/2.0 for it, too."""
        message, _ = self._messages[place]
        if not isinstance(message, _ErrInfo) and message.version.major != 1:
            error = BadHttpMessage(OTHER_VERSION)
            self._messages[place] = _ErrInfo(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, error, ""), EMPTY_PAYLOAD

    def _check_chunks(self, body: StreamReader) -> None:
        """End a body whose chunks are so small that parsing them is most of its cost."""
        if self._reading_paused or self._buffer_paused:
            return  # a part of the received bytes is not parsed yet
        if self._body_bytes > _CHUNKED_BYTES + _CHUNKED_SHARE * body.total_bytes:
            self.discard_input()
            asyncio.get_running_loop().call_later(_FLOOD_SECONDS, self.abort)  # until then the client may read why
            if self._current_request is not None or self._is_due or self._messages:  # else the answer is made already
                body.set_exception(web.RequestPayloadError("its chunks are too small"))
                body.feed_eof()

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """Feed further bytes to `parser`, because a WebSocket has begun; the parser of its head is released."""
        super().set_parser(parser, data_received_cb=data_received_cb)
        self._parser = None

    def discard_input(self) -> None:
        """Discard all further input unparsed, because what was sent ends the connection."""
        self._discards = True

    def _feed_frames(self, data: bytes) -> None:
        """Feed bytes of a WebSocket within its allowance; beyond, discard them and close after `_FLOOD_SECONDS`."""
        if self._frames is None:
            self._frames = Allowance(BYTES_PER_SECOND, BYTES_BURST)
        allowed = int(self._frames.take(len(data)))
        web.RequestHandler.data_received(self, data[:allowed])
        if allowed < len(data):
            self.discard_input()
            logger.info("flood cut off", extra={"transport": "websocket"})
            asyncio.get_running_loop().call_later(_FLOOD_SECONDS, self.abort)

    def _handle_request(
        self, request: web.BaseRequest, start_time: float | None, request_handler: _Handler
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """Handle a request; one without a body or others behind it needs nothing of ours."""
        # Not `body_exists`, which the request would keep in a dictionary of twice the size.
        self._is_due = bool(self._messages) or self._discards or request.can_read_body
        handle = self._handle_in_turn if self._is_due else super()._handle_request
        return handle(request, start_time, request_handler)  # in a task, which begins in the next turn of the loop

    async def _handle_in_turn(
        self, request: web.BaseRequest, start_time: float | None, request_handler: _Handler
    ) -> tuple[web.StreamResponse, bool]:
        """Handle a request; where the client has pipelined others, in the next turn of the loop.

        From Python 3.12 on the framework yields between two requests of a connection only if a handler awaits. Where
        input is discarded the connection stays open for a moment after the answer: closing it with input unread would
        reset it, and the client would drop the answer.
        """
        if self._messages:
            await asyncio.sleep(0)
        self._is_due = False
        handled = await super()._handle_request(request, start_time, request_handler)
        if self._discards:
            await asyncio.sleep(_FLOOD_SECONDS)
        return handled

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer, and return in its place what the framework may keep while the connection is idle."""
        sent, reset = await super().finish_response(request, resp, start_time)
        return _KEPT if sent.keep_alive else _CLOSED, reset

    def _make_error_handler(self, err_info: _ErrInfo) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        """Return the handler that answers refused bytes with a problem and closes the connection."""

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            assert isinstance(request, web.Request)  # noqa: S101 - tells mypy what applications make
            return self._refusal(request, err_info.exc)

        return handler

    def _refusal(self, request: web.Request, error: BaseException) -> web.Response:
        request[INSTANT] = self._app[CLOCK]()  # a refused request has no route and so no application
        if isinstance(error, RequestTimeoutError):
            response = problems.from_error(request, error)
        else:
            status, code, detail = reason(error)
            response = problems.problem(request, status, code, detail, extra={}, headers={})
        self._app[HEADERS].put(request, response.headers, None)
        response.force_close()
        self._app[REQUESTS].refused(request, response)
        return response
