"""A request that waits keeps little of what it came with, and its connection no parser.

Ten thousand polls are parked at once, and the framework keeps for each the headers, a queue and a parser that have done
their work. What goes here is a quarter of what a parked poll weighs (``python -m tests.benchmarks fanout memory``).
"""

import asyncio
from typing import Any, cast

from aiohttp import web
from aiohttp.http import HttpRequestParser, RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy

from wizard_server.web.http.slow_clients import PatientHandler

# What an answer depends on that comes after a wait.
_KEPT = frozenset({"accept-encoding", "origin", "x-request-id"})


class _Queue(list[Any]):
    """The requests of a connection that wait their turn, nearly always none; an empty deque takes 0.7 KiB."""

    __slots__ = ()

    def popleft(self) -> Any:
        return self.pop(0)


class HoldingHandler(PatientHandler):
    """The protocol of one connection that gives up what a request no longer needs, when it is told to `hold` it."""

    __slots__ = ("_headers",)

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._messages = cast("Any", _Queue())
        self._headers: CIMultiDict[str] | None = None

    def _reduced(self, message: RawRequestMessage) -> RawRequestMessage:
        """Return a message that may wait, without the text of its headers and target, which are parsed."""
        self._headers = CIMultiDict(message.headers)
        path = "/" if message.path.startswith("/") else message.path
        return message._replace(path=path, headers=CIMultiDictProxy(self._headers), raw_headers=())

    def hold(self) -> None:
        """Give up what is not needed while the request that was taken last waits; its handler has read it."""
        self.keep_alive(val=True)  # ends the timer of an idle connection, which begins anew with the answer
        if self._messages:
            return  # another request was taken since
        if self._headers is not None:
            kept = [(name, value) for name, value in self._headers.items() if name.lower() in _KEPT]
            self._headers.clear()
            self._headers.extend(kept)
            self._headers = None
        if not (self._has_begun or self._buffer_paused or self._reading_paused or self._upgraded):
            self._parser = None

    def _feed_parser(self, data: bytes) -> None:
        """Feed bytes to the parser, which is made again where it was given up."""
        if self._parser is None and not self._upgraded and self.transport is not None:
            self._parser = HttpRequestParser(
                self,
                asyncio.get_running_loop(),
                self._read_bufsize,
                max_line_size=self.max_line_size,
                max_field_size=self.max_field_size,
                max_headers=self.max_headers,
                payload_exception=web.RequestPayloadError,
                auto_decompress=False,
                max_msg_queue_size=self._max_msg_queue_size,
            )
        web.RequestHandler.data_received(self, data)


def hold(request: web.Request) -> None:
    """Have the connection of `request` give up what is not needed while it waits."""
    connection = request.protocol
    if isinstance(connection, HoldingHandler) and not request.can_read_body:
        connection.hold()
