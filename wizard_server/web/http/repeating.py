"""A connection that answers requests which come again without the framework: now, or after a look; see `repeats`."""

import asyncio
import logging
from copy import copy
from typing import Any, NamedTuple

from aiohttp import web

from wizard_server.errors import StorageUnavailableError, bare
from wizard_server.web.http.held_requests import HoldingHandler
from wizard_server.web.http.repeats import Again, Repeats

logger = logging.getLogger(__name__)

# A look takes no longer, whatever the database does; an idle connection is not closed meanwhile.
_LONGEST_LOOK_SECONDS = 3.0


class _Asked(NamedTuple):
    """A request that `came` (the loop's clock) and is answered by `again` after a `look`."""

    request: bytes
    again: Again
    look: "asyncio.Future[bool]"
    came: float


class _Looked(NamedTuple):
    """When a request came that goes the ordinary way after its look, and the error of that look."""

    came: float
    error: StorageUnavailableError | None


class RepeatingHandler(HoldingHandler):
    """The protocol of one connection that answers what it has answered before, if that is all there is to do on it."""

    __slots__ = ("_asked", "_looked", "_repeats", "_whole", "is_known")

    def __init__(self, repeats: Repeats, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._repeats = repeats
        self._asked: _Asked | None = None
        self._looked: _Looked | None = None
        # The request that was taken last, where it came whole.
        self._whole = b""
        self.is_known = False

    def connection_lost(self, exc: BaseException | None) -> None:
        """Answer nothing any more."""
        if self._asked is not None:
            self._asked.again.count_cancelled()
            self._take_back()
        super().connection_lost(exc)

    def remember(self, again: Again) -> None:
        """Answer the request that came last by `again` when it comes again, over whatever connection."""
        if self._whole:
            self._repeats.remember(self._whole, again)
            self._whole = b""

    def mark_known(self) -> None:
        """Note that a request over this connection has shown a valid token."""

    def looked_since(self) -> float | None:
        """See the function."""
        looked = self._looked
        if looked is None:
            return None
        if looked.error is not None:
            raise bare(copy(looked.error))
        return looked.came

    def _feed(self, data: bytes) -> None:
        """Have a request answered the ordinary way."""
        self._feed_parser(data)

    def _answers_again(self, data: bytes) -> bool:
        """Answer a request that came before, now or after the next look; return whether it need not be parsed."""
        again = self._repeats.known(data) if self._is_idle else None
        if again is None:
            return False
        next_look = self._repeats.next_look
        if next_look is None:
            return self._sends(again)
        if not again.is_worth_a_look():
            return False
        if not self.is_known:
            self.mark_known()
        asked = self._asked = _Asked(data, again, next_look(), self._stay_open(_LONGEST_LOOK_SECONDS))
        self._repeats.in_flight.count += 1
        asked.look.add_done_callback(self._go_on)
        return True

    @property
    def _is_idle(self) -> bool:
        waiter = self._waiter
        return not (
            waiter is None
            or waiter.done()
            or self._has_begun
            or self._upgraded
            or self.writing_paused
            or self.transport is None
        )

    def _go_on(self, look: "asyncio.Future[bool]") -> None:
        """Answer what waited for `look`; the ordinary way where it cannot be answered otherwise."""
        asked = self._asked
        if asked is None or asked.look is not look:
            return  # it went the ordinary way since, or the client has gone
        self._take_back()
        error = asyncio.CancelledError() if look.cancelled() else look.exception()
        if error is None and self._is_idle and self._sends(asked.again):
            return
        if error is None:
            self._looked = _Looked(asked.came, None)
        elif isinstance(error, StorageUnavailableError):
            self._looked = _Looked(asked.came, bare(copy(error)))  # without the frames that it has passed
        self._feed(asked.request)

    def _take_back(self) -> bytes:
        """Return the request that waits for a look, and forget it; empty where there is none."""
        asked, self._asked = self._asked, None
        if asked is None:
            return b""
        self._repeats.in_flight.end()
        return asked.request

    def _sends(self, again: Again) -> bool:
        """Send what `again` makes; return whether it made anything."""
        try:
            answer = again.answer()
        except Exception:
            logger.exception("a request that came again could not be answered")
            return False  # the ordinary way has an answer for that, too
        if answer is None or self.transport is None:
            return False
        if not self.is_known:
            self.mark_known()
        self._stay_open()
        self.transport.write(answer)
        return True

    def _stay_open(self, longer: float = 0.0) -> float:
        """Begin anew the time after which an idle connection is closed, plus some seconds; return the loop's time."""
        if self._head_timer is not None:
            self._stop_head_timer()
        now = asyncio.get_running_loop().time()
        self._next_keepalive_close_time = now + self.keepalive_timeout + longer
        return now


def looked_since(request: web.Request) -> float | None:
    """Return when `request` came (the loop's clock), where a look was made for it before it went the ordinary way.

    Raises the `StorageUnavailableError` of that look.
    """
    connection = request.protocol
    return connection.looked_since() if isinstance(connection, RepeatingHandler) else None
