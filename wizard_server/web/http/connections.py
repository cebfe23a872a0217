"""Connections: a client that sends or takes too slowly is cut off, and what is no HTTP gets a problem for an answer.

aiohttp closes a connection that is idle and limits nothing else: headers and bodies may trickle in for ever, and an
answer that nobody takes stays in memory for ever. Here a timer runs while, and only while, somebody is slow: it is
set when a part of a request's head has arrived, or when the kernel takes no more of an answer, and a client that does
neither never meets it. Bodies have their time limit where they are read (``web.requests``).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import EMPTY_PAYLOAD, StreamReader, web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import _ErrInfo

from wizard_server.errors import RequestTimeoutError
from wizard_server.web.http import problems
from wizard_server.web.http.accounting import REQUESTS
from wizard_server.web.http.admission import CONNECTIONS
from wizard_server.web.http.common_headers import HEADERS
from wizard_server.web.http.context import CLOCK, CONFIG, INSTANT
from wizard_server.web.http.flood import BYTES_BURST, BYTES_PER_SECOND, Allowance
from wizard_server.web.http.taking import Taking, reset
from wizard_server.web.http.targets import with_path

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

# How long what a refused request still sends is read and dropped, so that its client comes to read the refusal.
LINGER_SECONDS = 5.0
# The parser says of a line that is too long only over which limit it is: so the two differ.
MAX_REQUEST_LINE_BYTES = 8190
MAX_HEADER_BYTES = 8192
MAX_HEADERS = 128
_TOO_MANY_HEADERS = "Too many headers received"
# A WebSocket cuts off a slow reader itself, with a close frame that says why; only when that fails it is done here.
_SOCKET_GRACE_SECONDS = 5.0
# So much is parsed at once.
_PIECE_BYTES = 16 * 1024
# A chunk costs a microsecond whatever is in it: a body may take this much more than what is in its chunks.
_CHUNKED_BYTES = 64 * 1024
_CHUNKED_SHARE = 1.25
# Within this time who has sent too much may read why it ends.
_FLOOD_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take to send the head of a request, and to take what it was sent, in seconds."""

    receive_seconds: float
    send_seconds: float


class Connection(web.RequestHandler):
    """One connection of a client."""

    __slots__ = (
        "_app",
        "_arriving",
        "_body",
        "_body_bytes",
        "_connections",
        "_deaf",
        "_frames",
        "_has_begun",
        "_patience",
        "_taking",
        "is_known",
    )

    def __init__(self, manager: web.Server, app: web.Application, patience: Patience, **options: Any) -> None:
        super().__init__(manager, **options)
        self._app = app
        self._patience = patience
        self._connections = app[CONNECTIONS]
        self.is_known = False
        self._arriving: asyncio.TimerHandle | None = None
        self._has_begun = False
        self._body: StreamReader = EMPTY_PAYLOAD
        self._body_bytes = 0
        self._taking: asyncio.TimerHandle | None = None
        self._deaf = False
        self._frames: Allowance | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Expect a request in time, and be told of whatever the kernel does not take."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - tells mypy what every server's transport is
        transport.set_write_buffer_limits(high=0)
        self._expect_head()
        self._connections.arrive(self)

    def vouch(self) -> None:
        """Note that a request over this connection has shown a valid token."""
        self.is_known = self._connections.vouch(self)

    def speak(self) -> None:
        """Note that a request has come, with a token or without one."""
        self._connections.speak(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the timers, and make room."""
        super().connection_lost(exc)
        self._connections.leave(self)
        self._head_is_here()
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def hurry(self) -> None:
        """Wait for nothing that a refused request still sends: the server goes down."""
        self._lingering_time = 0.0

    def data_received(self, data: bytes) -> None:
        """Take bytes; of a large piece a part at a time, so that what is refused half-way costs no more than that."""
        if self._deaf:
            return
        if self._upgraded and self._payload_parser is not None:
            self._take_frames(data)
            return
        while len(data) > _PIECE_BYTES and not (self._reading_paused or self._buffer_paused or self._deaf):
            piece, data = data[:_PIECE_BYTES], data[_PIECE_BYTES:]
            self._take(piece)
        if not self._deaf:
            self._take(data)

    def _take(self, data: bytes) -> None:
        """Take bytes; those that are a part of a head only, and of no body, begin the time for the rest of it."""
        known, body = self._request_count, self._body
        in_body = body is not EMPTY_PAYLOAD and not body.is_eof()
        web.RequestHandler.data_received(self, data)
        if self._request_count != known:
            if self._arriving is not None:
                self._head_is_here()
            message, body = self._messages[-1]
            self._body = body
            if self._upgraded and not isinstance(message, _ErrInfo):  # what they say is parsed, and they stay for hours
                self._messages[-1] = message._replace(raw_headers=()), body
            self._body_bytes = len(data)
            if body is not EMPTY_PAYLOAD or data.endswith(b"\r\n\r\n"):
                return
        elif in_body or self._upgraded:
            self._body_bytes += len(data)
            self._check_chunks(body)
            return
        if data and not self._close and not self._force_close:
            self._has_begun = True
            if self._arriving is None:
                self._expect_head()

    def _check_chunks(self, body: StreamReader) -> None:
        """End a body whose chunks are so small that parsing them is most of its cost."""
        if self._reading_paused or self._buffer_paused:
            return  # a part of what has come is not parsed yet
        if self._body_bytes > _CHUNKED_BYTES + _CHUNKED_SHARE * body.total_bytes:
            self.turn_deaf()
            asyncio.get_running_loop().call_later(_FLOOD_SECONDS, self.abort)  # until then the client may read why
            if (
                self._current_request is not None or self._messages
            ):  # else it is refused already, and read to be dropped
                body.set_exception(web.RequestPayloadError("its chunks are too small"))
                body.feed_eof()

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """Have `parser` take what comes: a WebSocket has begun. What parsed its head has kept it, and is let go."""
        super().set_parser(parser, data_received_cb=data_received_cb)
        self._parser = None

    def turn_deaf(self) -> None:
        """Drop whatever else arrives, unparsed: the connection is about to end because of what it sent."""
        self._deaf = True

    def _take_frames(self, data: bytes) -> None:
        """Take bytes of a WebSocket, as far as its allowance goes; then it has a moment to read why, and is gone."""
        if self._frames is None:
            self._frames = Allowance(BYTES_PER_SECOND, BYTES_BURST)
        allowed = int(self._frames.take(len(data)))
        web.RequestHandler.data_received(self, data[:allowed])
        if allowed < len(data):
            self.turn_deaf()
            logger.info("flood cut off", extra={"transport": "websocket"})
            asyncio.get_running_loop().call_later(_FLOOD_SECONDS, self.abort)

    def abort(self) -> None:
        """Be gone at once."""
        if self.transport is not None:
            self.transport.abort()

    def _expect_head(self) -> None:
        self._arriving = asyncio.get_running_loop().call_later(self._patience.receive_seconds, self._give_up_on_sender)

    def _head_is_here(self) -> None:
        self._has_begun = False
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _give_up_on_sender(self) -> None:
        self._arriving = None
        if self._buffer_paused or self._reading_paused:
            return  # what has come waits for us
        waiter = self._waiter
        if waiter is None or waiter.done():
            self.close()  # once the request before it is answered
        elif self._has_begun:
            late = RequestTimeoutError(f"the headers did not arrive within {self._patience.receive_seconds:g} seconds")
            self._messages.append((_ErrInfo(HTTPStatus.REQUEST_TIMEOUT, late, late.message), EMPTY_PAYLOAD))
            waiter.set_result(None)
        else:
            self.force_close()

    def pause_writing(self) -> None:
        """Begin the time in which the client has to take what it was sent."""
        super().pause_writing()
        if self.transport is not None:
            self._watch_reader(self.transport, Taking(self.transport))

    def resume_writing(self) -> None:
        """Everything is taken."""
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None
        super().resume_writing()

    def _watch_reader(self, transport: asyncio.Transport, taking: Taking) -> None:
        seconds = self._patience.send_seconds + (_SOCKET_GRACE_SECONDS if self._upgraded else 0)
        look = self._look_at_reader
        self._taking = asyncio.get_running_loop().call_later(seconds, look, transport, taking)

    def _look_at_reader(self, transport: asyncio.Transport, taking: Taking) -> None:
        self._taking = None
        if taking.goes_on():
            self._watch_reader(transport, taking)
            return
        logger.info("slow reader cut off", extra={"transport": "http"})
        reset(transport)

    def _handle_request(
        self, request: web.BaseRequest, start_time: float | None, request_handler: _Handler
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """Deal with a request; where others have been sent after it already, everybody else has a turn first.

        From Python 3.12 on the framework pauses between two requests of a connection only if something is waited for.
        """
        handled = super()._handle_request(request, start_time, request_handler)
        return _in_turn(handled) if self._messages else handled

    def _make_error_handler(self, err_info: _ErrInfo) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        """Return what answers bytes that the parser refuses: a problem; the connection ends with it."""

        async def handler(request: web.BaseRequest) -> web.StreamResponse:
            assert isinstance(request, web.Request)  # noqa: S101 - tells mypy what applications make
            return self._refusal(request, err_info.exc)

        return handler

    def _refusal(self, request: web.Request, error: BaseException) -> web.Response:
        request[INSTANT] = self._app[CLOCK]()  # it has found no route, and through that no application
        if isinstance(error, RequestTimeoutError):
            response = problems.from_error(request, error)
        else:
            status, code, detail = _reason(error)
            response = problems.problem(request, status, code, detail, extra={}, headers={})
        self._app[HEADERS].put(request, response.headers, None)
        response.force_close()
        self._app[REQUESTS].refused(request, response)
        return response


async def _in_turn(handled: Coroutine[Any, Any, Result]) -> Result:
    """Await `handled` in the next turn of the loop."""
    try:
        await asyncio.sleep(0)
    except BaseException:
        handled.close()
        raise
    return await handled


def _reason(error: BaseException) -> tuple[HTTPStatus, str, str]:
    """Return status, code and detail for an error of the parser."""
    if isinstance(error, LineTooLong):
        if error.args[1] == MAX_REQUEST_LINE_BYTES:
            return HTTPStatus.REQUEST_URI_TOO_LONG, "uri-too-long", f"the URL is over {MAX_REQUEST_LINE_BYTES} bytes"
        return _too_large(f"a header is over {MAX_HEADER_BYTES} bytes")
    if getattr(error, "message", "") == _TOO_MANY_HEADERS:
        return _too_large(f"there are more than {MAX_HEADERS} headers")
    first = str(getattr(error, "message", "") or error).partition("\n")[0].rstrip(":")
    return HTTPStatus.BAD_REQUEST, "malformed-request", f"this is not HTTP/1.1: {first}"


def _too_large(detail: str) -> tuple[HTTPStatus, str, str]:
    return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large", detail


class _Server(web.Server):
    """Makes a `Connection` for each client."""

    def __init__(self, made: web.Server, app: web.Application, patience: Patience, **options: Any) -> None:
        super().__init__(
            made.request_handler,
            request_factory=with_path(made.request_factory),
            handler_cancellation=made.handler_cancellation,
            **options,
        )
        self._app = app
        self._patience = patience
        self._options = options

    def hurry(self) -> None:
        """See `Connection.hurry`."""
        for connection in self.connections:
            if isinstance(connection, Connection):
                connection.hurry()

    def __call__(self) -> Connection:
        return Connection(self, self._app, self._patience, loop=asyncio.get_running_loop(), **self._options)


class Runner(web.AppRunner):
    """Runs an application made by `create_app`, for production and tests alike.

    A client that goes away cancels its handler. Bodies stay compressed until ``web.requests`` reads them: what nobody
    reads is dropped as it came, and costs no work.
    """

    def __init__(self, app: web.Application, **options: Any) -> None:
        fixed: dict[str, Any] = {
            "handler_cancellation": True,
            "access_log": None,
            "keepalive_timeout": float(app[CONFIG].server.keepalive_seconds),
            "lingering_time": LINGER_SECONDS,
            "max_line_size": MAX_REQUEST_LINE_BYTES,
            "max_field_size": MAX_HEADER_BYTES,
            "max_headers": MAX_HEADERS,
            "auto_decompress": False,
        }
        super().__init__(app, **{**options, **fixed})
        self._options = {name: value for name, value in fixed.items() if name != "handler_cancellation"}

    def hurry(self) -> None:
        """Have no connection wait for a client that still sends what was refused: the server goes down."""
        if isinstance(self.server, _Server):
            self.server.hurry()

    def connection(self) -> Connection:
        """Return what deals with the next connection."""
        assert isinstance(self.server, _Server)  # noqa: S101 - tells mypy what `_make_server` makes
        return self.server()

    async def _make_server(self) -> web.Server:
        config = self.app[CONFIG]
        patience = Patience(config.server.receive_timeout_seconds, config.polling.send_timeout_seconds)
        return _Server(await super()._make_server(), self.app, patience, **self._options)
