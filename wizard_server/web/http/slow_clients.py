"""A connection whose client sends or reads too slowly is cut off.

aiohttp closes idle connections and limits nothing else: heads and bodies may trickle in for ever, and an answer that
the client does not read stays in memory for ever. Here a timer runs only while a client is slow: it starts when a part
of a request's head has arrived, and when the kernel accepts no more of an answer. Bodies have their time limit where
they are read (`bodies`).
"""

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from aiohttp import EMPTY_PAYLOAD, web
from aiohttp.web_protocol import _ErrInfo

from wizard_server.errors import RequestTimeoutError
from wizard_server.web.http.slow_readers import SendProgress, reset

logger = logging.getLogger(__name__)

# A WebSocket cuts off a slow reader itself, with a close frame that says why; this is the extra time it has for that.
_SOCKET_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may take to send the head of a request, and to read what it was sent, in seconds."""

    receive_seconds: float
    send_seconds: float


class PatientHandler(web.RequestHandler):
    """The protocol of one connection that waits for its client no longer than `Patience` says."""

    __slots__ = ("_has_begun", "_head_timer", "_patience", "_send_timer")

    def __init__(self, manager: web.Server, patience: Patience, **options: Any) -> None:
        super().__init__(manager, **options)
        self._patience = patience
        self._head_timer: asyncio.TimerHandle | None = None
        self._has_begun = False
        self._send_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the timer of the first head, and have `pause_writing` called for any byte left to send."""
        super().connection_made(transport)
        transport = cast("asyncio.WriteTransport", transport)  # every server's is one; uvloop's does not derive from it
        transport.set_write_buffer_limits(high=0)
        self._start_head_timer()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop the timers."""
        super().connection_lost(exc)
        self._stop_head_timer()
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None

    def abort(self) -> None:
        """Close the connection without waiting for what is queued."""
        if self.transport is not None:
            self.transport.abort()

    def _start_head_timer(self) -> None:
        self._head_timer = asyncio.get_running_loop().call_later(self._patience.receive_seconds, self._head_is_late)

    def _stop_head_timer(self) -> None:
        self._has_begun = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._buffer_paused or self._reading_paused:
            return  # received bytes wait for this server, not for the client
        waiter = self._waiter
        if waiter is None or waiter.done():
            self.close()  # as soon as the request before it is answered
        elif self._has_begun:
            late = RequestTimeoutError(f"the headers did not arrive within {self._patience.receive_seconds:g} seconds")
            self._messages.append((_ErrInfo(HTTPStatus.REQUEST_TIMEOUT, late, late.message), EMPTY_PAYLOAD))
            waiter.set_result(None)
        else:
            self.force_close()

    def pause_writing(self) -> None:
        """Start the timer within which the client has to read what it was sent."""
        super().pause_writing()
        if self.transport is not None:
            self._start_send_timer(self.transport, SendProgress(self.transport))

    def resume_writing(self) -> None:
        """Stop the timer, because everything was accepted."""
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
        super().resume_writing()

    def _start_send_timer(self, transport: asyncio.Transport, taking: SendProgress) -> None:
        seconds = self._patience.send_seconds + (_SOCKET_GRACE_SECONDS if self._upgraded else 0)
        look = self._check_reader
        self._send_timer = asyncio.get_running_loop().call_later(seconds, look, transport, taking)

    def _check_reader(self, transport: asyncio.Transport, taking: SendProgress) -> None:
        self._send_timer = None
        if taking.has_advanced():
            self._start_send_timer(transport, taking)
            return
        logger.info("slow reader cut off", extra={"transport": "http"})
        reset(transport)
