"""The hub: who waits for which investigation, and how a commit reaches them.

Subscribe, then read; commit, then publish. A waiter costs a future and a timer; publishing asks each waiter of that one
investigation whether the new version concerns it, and touches neither the database nor anybody else.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum, auto

from wizard_server.domain.ports import StateEvent
from wizard_server.domain.state import StateRecord


class WaitEnd(Enum):
    """Why a wait ended without an event."""

    TIMEOUT = auto()
    DRAINING = auto()


class Waiter:
    """One subscription. What is published between subscribing and waiting is kept, the newest only."""

    __slots__ = ("_future", "_wants", "event")

    def __init__(self) -> None:
        self.event: StateEvent | None = None
        self._wants: Callable[[StateRecord], bool] | None = None
        self._future: asyncio.Future[None] | None = None

    def offer(self, event: StateEvent) -> None:
        """Take `event` if it concerns the waiter: a deletion always does."""
        if event.record is None or self._wants is None or self._wants(event.record):
            self.event = event
            self.wake()

    def wake(self) -> None:
        """End the wait that is under way, if any."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self, wants: Callable[[StateRecord], bool], seconds: float) -> None:
        """Return when an event that `wants` accepts has come (see `event`), `wake` was called, or time is up.

        An event that came before and that `wants` does not accept is dropped.
        """
        self._wants = wants
        if self.event is not None and self.event.record is not None and not wants(self.event.record):
            self.event = None
        if self.event is not None:
            return
        loop = asyncio.get_running_loop()
        self._future = loop.create_future()
        timer = loop.call_later(seconds, self.wake)
        try:
            await self._future
        finally:
            timer.cancel()
            self._future = None


class Hub:
    """Waiters by investigation, their number in all and by user, and the limits on it."""

    def __init__(self, *, max_waiters: int, max_waiters_per_user: int) -> None:
        self._max_waiters = max_waiters
        self._max_waiters_per_user = max_waiters_per_user
        self._topics: dict[str, set[Waiter]] = {}
        self._parked_by_user: Counter[str] = Counter()
        self._pushing_by_user: Counter[str] = Counter()
        self.parked = 0
        self.draining = False

    @property
    def load(self) -> float:
        """The share of the waiter limit that is in use; 1.0 and above: full."""
        return self.parked / self._max_waiters

    @property
    def max_waiters(self) -> int:
        """The limit on parked waiters."""
        return self._max_waiters

    def watched(self) -> Iterable[str]:
        """Return the investigations that somebody waits for."""
        return list(self._topics)

    @contextmanager
    def subscribe(self, investigation_id: str) -> Iterator[Waiter]:
        """Hear of every commit to an investigation from now on."""
        waiter = Waiter()
        self._topics.setdefault(investigation_id, set()).add(waiter)
        try:
            yield waiter
        finally:
            waiters = self._topics[investigation_id]
            waiters.discard(waiter)
            if not waiters:
                del self._topics[investigation_id]

    def may_park(self, user_id: str) -> bool:
        """Whether the limits leave room for one more waiter of the user."""
        return self.parked < self._max_waiters and self._parked_by_user[user_id] < self._max_waiters_per_user

    async def park(
        self, waiter: Waiter, user_id: str, wants: Callable[[StateRecord], bool], seconds: float
    ) -> StateEvent | WaitEnd:
        """Wait until an event comes that `wants` accepts, for at most `seconds`; counted against the limits."""
        with self.counted(user_id):
            return await self.next_event(waiter, wants, seconds)

    async def next_event(
        self, waiter: Waiter, wants: Callable[[StateRecord], bool], seconds: float
    ) -> StateEvent | WaitEnd:
        """Return the newest event that `wants` accepts, once there is one; for at most `seconds`."""
        if not self.draining:
            await waiter.wait(wants, seconds)
        event, waiter.event = waiter.event, None
        if event is not None:
            return event
        return WaitEnd.DRAINING if self.draining else WaitEnd.TIMEOUT

    @contextmanager
    def counted(self, user_id: str) -> Iterator[None]:
        """Count one parked poll or open connection of the user against the limits."""
        self.parked += 1
        with _one_more(self._parked_by_user, user_id):
            try:
                yield
            finally:
                self.parked -= 1

    @contextmanager
    def pushing(self, user_id: str, limit: int) -> Iterator[bool]:
        """Count one open push connection of the user; False when the user has `limit` of them already, or all are."""
        if self._pushing_by_user[user_id] >= limit or not self.may_park(user_id):
            yield False
            return
        with self.counted(user_id), _one_more(self._pushing_by_user, user_id):
            yield True

    def publish(self, event: StateEvent) -> None:
        """Tell everybody who waits for this investigation; returns at once, whatever they do with it."""
        for waiter in self._topics.get(event.investigation_id, ()):
            waiter.offer(event)

    def drain(self) -> None:
        """End every wait now and every later one at once."""
        self.draining = True
        for waiters in self._topics.values():
            for waiter in waiters:
                waiter.wake()


@contextmanager
def _one_more(counts: Counter[str], key: str) -> Iterator[None]:
    counts[key] += 1
    try:
        yield
    finally:
        counts[key] -= 1
        if not counts[key]:
            del counts[key]
