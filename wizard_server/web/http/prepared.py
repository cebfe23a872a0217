"""A prepared answer: its head is bytes that are made once and shared by all equal answers.

The framework's `web.Response` fills a case-insensitive dictionary for every answer and encodes it again. For an
unchanged poll that is a quarter of all work (``python -m tests.benchmarks unchanged``).
"""

from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import Protocol

from aiohttp import ClientConnectionResetError, HttpVersion, HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from wizard_server.domain.callers import Caller

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_CONNECTION: Mapping[tuple[HttpVersion, bool], bytes] = {
    (HttpVersion10, True): b"Connection: keep-alive\r\n",
    (HttpVersion11, False): b"Connection: close\r\n",
}


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return the status line and `headers` as bytes of a head."""
    return _STATUS_LINES[status] + lines(headers)


def lines(headers: Mapping[str, str]) -> bytes:
    """Return `headers` as lines of a head."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return f"Date: {formatdate(second, usegmt=True)}\r\n\r\n".encode()


class Repeatable(Protocol):
    """What a request asks, apart from who asks and over which connection."""

    def look(self, caller: Caller) -> "Callable[[], Prepared] | None":
        """Return what makes the answer if memory, which is current, has all it needs, else None; changes nothing.

        Raises `RequestError` where that is the answer.
        """


class Prepared(web.StreamResponse):
    """An answer made of a `head` (see the function), further `lines` of it, and a body in `pieces`.

    Without pieces it has no ``Content-Length``. Reading `headers` parses them, and changes to them are sent; no
    ordinary answer needs that.
    """

    # What answers the same request when it comes again, where that needs no more than memory; see `repeats`.
    again: Repeatable | None = None

    def __init__(self, status: int, head: bytes, *pieces: bytes) -> None:
        # The framework's constructor is not called, because it makes only what this class does not use.
        self._status = status
        self._head = head
        self._pieces = pieces
        self._parsed: CIMultiDict[str] | None = None
        self.lines = b""

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self._pieces)

    @property
    def entity_tag(self) -> str | None:
        """The ``ETag``, read without parsing the other headers."""
        _, found, rest = self._head.partition(b"ETag: ")
        return rest[: rest.index(b"\r")].decode() if found else None

    @property
    def headers(self) -> "CIMultiDict[str]":
        """The headers so far."""
        if self._parsed is None:
            lines = (self._head + self.lines).decode().split("\r\n")[1:-1]
            self._parsed = CIMultiDict((name, value) for name, _, value in (line.partition(": ") for line in lines))
        return self._parsed

    _headers = headers  # the framework's own properties (`content_type`) read it

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send head and body in one piece."""
        if self._payload_writer is not None:
            return self._payload_writer
        writer = self._payload_writer = request.writer
        await request._prepare_hook(self)  # noqa: SLF001 - sends the signal `on_response_prepare`
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        connection = _CONNECTION.get((request.version, self._keep_alive), b"")
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ClientConnectionResetError("the client has gone")
        transport.write(self.encoded(connection, with_body=request.method != hdrs.METH_HEAD))
        if transport.get_write_buffer_size():
            await writer.drain()
        return writer

    def encoded(self, connection: bytes = b"", *, with_body: bool = True) -> bytes:
        """Return head and body as they are sent; `connection` is the line about it that the head needs, if any."""
        length = b"Content-Length: %d\r\n" % sum(map(len, self._pieces)) if self._pieces else b""
        body = self._pieces if with_body else ()
        return b"".join((*self._top(), connection, length, _date(int(time())), *body))

    def _top(self) -> tuple[bytes, ...]:
        if self._parsed is None:
            return self._head, self.lines
        return self._head[: self._head.index(b"\n") + 1], lines(self._parsed)

    async def write_eof(self, data: bytes = b"") -> None:
        """Mark the answer as complete."""
        self._eof_sent = True
