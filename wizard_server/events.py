"""The hub: who waits for which investigation, and how a commit reaches them.

Subscribe, then read; commit, then publish. A waiter costs a future and a timer; publishing asks each waiter of that one
investigation whether the new version concerns it, and touches neither the database nor anybody else.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import TypeVar

from wizard_server.domain.ports import StateEvent
from wizard_server.domain.state import StateRecord

Key = TypeVar("Key")
Member = TypeVar("Member")


class WaitEnd(Enum):
    """Why a wait ended without an event."""

    TIMEOUT = auto()
    DRAINING = auto()


class Sleeper:
    """Somebody who waits to be woken; costs a future and a timer while it sleeps."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """End the sleep that is under way, if any."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Return when `wake` was called, or time is up."""
        loop = asyncio.get_running_loop()
        self._future = loop.create_future()
        timer = loop.call_later(seconds, self.wake)
        try:
            await self._future
        finally:
            timer.cancel()
            self._future = None


class Waiter(Sleeper):
    """One subscription to a state. What is published between subscribing and waiting is kept, the newest only."""

    __slots__ = ("_wants", "event")

    def __init__(self) -> None:
        super().__init__()
        self.event: StateEvent | None = None
        self._wants: Callable[[StateRecord], bool] | None = None

    def offer(self, event: StateEvent) -> None:
        """Take `event` if it concerns the waiter: a deletion always does."""
        if event.record is None or self._wants is None or self._wants(event.record):
            self.event = event
            self.wake()

    async def wait(self, wants: Callable[[StateRecord], bool], seconds: float) -> None:
        """Return when an event that `wants` accepts has come (see `event`), `wake` was called, or time is up.

        An event that came before and that `wants` does not accept is dropped.
        """
        self._wants = wants
        if self.event is not None and self.event.record is not None and not wants(self.event.record):
            self.event = None
        try:
            if self.event is None:
                await self.sleep(seconds)
        finally:
            self._wants = None  # until the next wait says what it wants, everything is kept


class ListWaiter(Sleeper):
    """One dashboard's subscription: what was published since, in order; beyond `MOST` it had better look again."""

    MOST = 1000

    __slots__ = ("_after", "events", "outdated")

    def __init__(self) -> None:
        super().__init__()
        self._after = 0
        self.events: list[StateEvent] = []
        self.outdated = False

    def offer(self, event: StateEvent) -> None:
        """Keep `event` and end the wait, unless it is known already."""
        if event.sequence <= self._after:
            return
        if len(self.events) < self.MOST:
            self.events.append(event)
            self.wake()
        else:
            self.look_again()

    def known_up_to(self, sequence: int) -> None:
        """Say that what has a place up to `sequence` was read: events about it are none."""
        self._after = sequence
        self.events = [event for event in self.events if event.sequence > sequence]

    def look_again(self) -> None:
        """Say that the events do not tell everything, and end the wait."""
        self.outdated = True
        self.wake()

    async def wait(self, seconds: float) -> None:
        """Return when there is something to tell, `wake` was called, or time is up."""
        if not self.events and not self.outdated:
            await self.sleep(seconds)


class Hub:
    """Waiters by investigation, their number in all and by user, and the limits on it."""

    def __init__(self, *, max_waiters: int, max_waiters_per_user: int) -> None:
        self._max_waiters = max_waiters
        self._max_waiters_per_user = max_waiters_per_user
        self._topics: dict[str, set[Waiter]] = {}
        self._lists: dict[str | None, set[ListWaiter]] = {}
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
        with _member(self._topics, investigation_id, Waiter()) as waiter:
            yield waiter

    @contextmanager
    def subscribe_list(self, user_id: str | None) -> Iterator[ListWaiter]:
        """Hear of every commit to the investigations of a user, or of everybody (None), from now on."""
        with _member(self._lists, user_id, ListWaiter()) as waiter:
            yield waiter

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
        await waiter.wait(wants, 0 if self.draining else seconds)
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
        # What another process changed has no place of its own: whoever shows lists looks again (see `refresh`).
        for scope in (event.owner, None) if event.owner is not None and event.sequence else ():
            for dashboard in self._lists.get(scope, ()):
                dashboard.offer(event)

    def refresh(self) -> None:
        """Have every dashboard look again: another process has written."""
        for dashboards in self._lists.values():
            for dashboard in dashboards:
                dashboard.look_again()

    async def park_list(self, waiter: ListWaiter, user_id: str, seconds: float) -> WaitEnd | None:
        """Wait until there is something to tell, for at most `seconds`; counted against the limits."""
        with self.counted(user_id):
            if not self.draining:
                await waiter.wait(seconds)
        if waiter.events or waiter.outdated:
            return None
        return WaitEnd.DRAINING if self.draining else WaitEnd.TIMEOUT

    def drain(self) -> None:
        """End every wait now and every later one at once."""
        self.draining = True
        for waiters in self._topics.values():
            for waiter in waiters:
                waiter.wake()
        for dashboards in self._lists.values():
            for dashboard in dashboards:
                dashboard.wake()


@contextmanager
def _member(groups: dict[Key, set[Member]], key: Key, member: Member) -> Iterator[Member]:
    groups.setdefault(key, set()).add(member)
    try:
        yield member
    finally:
        groups[key].discard(member)
        if not groups[key]:
            del groups[key]


@contextmanager
def _one_more(counts: Counter[str], key: str) -> Iterator[None]:
    counts[key] += 1
    try:
        yield
    finally:
        counts[key] -= 1
        if not counts[key]:
            del counts[key]
