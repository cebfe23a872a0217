"""A connection that answers requests which come again without the framework: now, or after a look; see `repeats`."""

import asyncio
from typing import Any

from wizard_server.web.http.held_requests import HoldingHandler
from wizard_server.web.http.repeats import Again, Repeats

# A look takes no longer, whatever the database does; an idle connection is not closed meanwhile.
_LONGEST_LOOK_SECONDS = 3.0


class RepeatingHandler(HoldingHandler):
    """The protocol of one connection that answers what it has answered before, if that is all there is to do on it."""

    __slots__ = ("_asked", "_repeats", "_whole", "is_known")

    def __init__(self, repeats: Repeats, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._repeats = repeats
        # The request that is answered after a look.
        self._asked = b""
        # The request that was taken last, where it came whole.
        self._whole = b""
        self.is_known = False

    def connection_lost(self, exc: BaseException | None) -> None:
        """Answer nothing any more."""
        self._take_back()
        super().connection_lost(exc)

    def remember(self, answer: Again) -> None:
        """Answer the request that came last by `answer` when it comes again, over whatever connection."""
        if self._whole:
            self._repeats.remember(self._whole, answer)
            self._whole = b""

    def mark_known(self) -> None:
        """Note that a request over this connection has shown a valid token."""

    def _feed(self, data: bytes) -> None:
        """Have a request answered the ordinary way."""
        self._feed_parser(data)

    def _answers_again(self, data: bytes) -> bool:
        """Answer a request that came before, now or after the next look; return whether it need not be parsed."""
        again = self._repeats.known(data) if self._is_idle else None
        if again is None:
            return False
        look = self._repeats.next_look()
        if look is None:
            return self._sends(again)
        self._stay_open(_LONGEST_LOOK_SECONDS)
        self._repeats.in_flight.count += 1
        self._asked = data
        look.add_done_callback(self._looked)
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

    def _looked(self, look: "asyncio.Future[bool]") -> None:
        """Answer what waited for `look`; the ordinary way where it cannot be answered otherwise."""
        if not self._asked:
            return  # it went the ordinary way since, or the client has gone
        request = self._take_back()
        again = None if look.cancelled() or look.exception() is not None else self._repeats.known(request)
        if again is None or not self._is_idle or not self._sends(again):
            self._feed(request)

    def _take_back(self) -> bytes:
        """Return the request that waits for a look, and forget it; empty where there is none."""
        asked, self._asked = self._asked, b""
        if asked:
            self._repeats.in_flight.end()
        return asked

    def _sends(self, again: Again) -> bool:
        """Send what `again` makes; return whether it made anything."""
        answer = again()
        if answer is None or self.transport is None:
            return False
        if not self.is_known:
            self.mark_known()
        self._stay_open()
        self.transport.write(answer)
        return True

    def _stay_open(self, longer: float = 0.0) -> None:
        """Begin the time anew after which an idle connection is closed; it may be so many seconds `longer`."""
        if self._head_timer is not None:
            self._stop_head_timer()
        self._next_keepalive_close_time = asyncio.get_running_loop().time() + self.keepalive_timeout + longer
