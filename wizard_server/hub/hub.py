"""The hub: who waits for which investigation, and how a commit reaches them.

Subscribe, then read; commit, then publish. A waiter costs a future and a timer; publishing asks each waiter of that one
investigation whether the new version concerns it, and touches neither the database nor anybody else.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from time import perf_counter
from typing import TypeVar

from wizard_server.counts import Histogram, HubCounts
from wizard_server.domain.events import StateEvent
from wizard_server.domain.record import StateRecord
from wizard_server.hub.waiters import ListWaiter, Waiter
from wizard_server.hub.waking import Waker

logger = logging.getLogger(__name__)

Key = TypeVar("Key")
Member = TypeVar("Member")


class WaitEnd(Enum):
    """Why a wait ended without an event."""

    TIMEOUT = auto()
    DRAINING = auto()


class Hub:
    """Waiters by investigation, their number in all and by user, and the limits on it."""

    def __init__(self, *, max_waiters: int, max_waiters_per_user: int) -> None:
        self._max_waiters = max_waiters
        self._max_waiters_per_user = max_waiters_per_user
        self._topics: dict[str, set[Waiter]] = {}
        self._lists: dict[str | None, set[ListWaiter]] = {}
        self._waker = Waker()
        self._parked_by_user: Counter[str] = Counter()
        self._pushing_by_user: Counter[str] = Counter()
        self.parked = 0
        self.parked_lists = 0
        self.pushing_now = 0
        self.draining = False
        self._draining_since = 0.0
        self.counts = HubCounts()
        self._expected: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def drain_seconds(self) -> float:
        """How long the server has been draining; 0.0 when it does not."""
        return perf_counter() - self._draining_since if self.draining else 0.0

    @property
    def load(self) -> float:
        """The share of the waiter limit that is in use; 1.0 and above: full."""
        return self.parked / self._max_waiters

    @property
    def max_waiters(self) -> int:
        """The limit on parked waiters."""
        return self._max_waiters

    @property
    def has_waiters(self) -> bool:
        """See `Audience`."""
        return bool(self._topics or self._lists)

    @property
    def users(self) -> int:
        """How many users have a place: a parked poll or dashboard, or an open connection."""
        return len(self._parked_by_user.keys() | self._pushing_by_user.keys())

    @property
    def asleep(self) -> int:
        """How many of those who wait for an investigation sleep, and neither read nor write."""
        return sum(waiter.sleep is not None for waiters in self._topics.values() for waiter in waiters)

    def watched(self) -> Collection[str]:
        """Return the investigations that somebody waits for, as they are whenever it is asked."""
        return self._topics.keys()

    def subscribe(self, investigation_id: str) -> Waiter:
        """Return what hears of every commit to an investigation while it is entered."""
        return Waiter(self._topics, investigation_id)

    @contextmanager
    def subscribe_list(self, user_id: str | None) -> Iterator[ListWaiter]:
        """Hear of every commit to the investigations of a user, or of everybody (None), from now on."""
        with _member(self._lists, user_id, ListWaiter()) as waiter:
            yield waiter

    def may_park(self, user_id: str) -> bool:
        """Whether the limits leave room for one more poll of the user; one that they do not is counted as shed."""
        limit = self._exhausted(user_id)
        if limit is not None:
            self.counts.shed[limit] += 1
        return limit is None

    def _exhausted(self, user_id: str) -> str | None:
        """Return which limit leaves no room for one more waiter of the user."""
        if self.parked >= self._max_waiters:
            return "global"
        return "user" if self._parked_by_user[user_id] >= self._max_waiters_per_user else None

    async def park(
        self, waiter: Waiter, user_id: str, wants: Callable[[StateRecord], bool], seconds: float
    ) -> StateEvent | WaitEnd:
        """Wait until an event comes that `wants` accepts, for at most `seconds`; counted against the limits."""
        try:
            await self.begin(waiter, user_id, wants, seconds)
        finally:
            end = self.end(waiter, user_id)
        return end

    def begin(
        self, waiter: Waiter, user_id: str, wants: Callable[[StateRecord], bool], seconds: float
    ) -> asyncio.Future[None]:
        """Return what is done when `park` would return; whatever happens, `end` comes next and tells what it was.

        Two calls instead of a coroutine, for the many that are parked at once (see `Sleeper`).
        """
        self._come(user_id)
        return waiter.waiting(wants, 0 if self.draining else seconds)

    def end(self, waiter: Waiter, user_id: str) -> StateEvent | WaitEnd:
        """Say that the wait is over, and return how it ended."""
        self._leave(user_id)
        gone = waiter.was_left
        end = self._end(waiter, self.counts.wake_seconds["poll"])
        self.counts.ended["gone" if gone else end.name.lower() if isinstance(end, WaitEnd) else "woken"] += 1
        return end

    async def next_event(
        self, waiter: Waiter, wants: Callable[[StateRecord], bool], seconds: float
    ) -> StateEvent | WaitEnd:
        """Return the newest event that `wants` accepts for an open connection, once there is one; as `park` waits."""
        try:
            await waiter.waiting(wants, 0 if self.draining else seconds)
        finally:
            end = self._end(waiter, self.counts.wake_seconds["push"])
        return end

    def _end(self, waiter: Waiter, woken: Histogram) -> StateEvent | WaitEnd:
        event = waiter.take()
        if event is not None:
            woken.observe(perf_counter() - waiter.offered_at)
            return event
        return WaitEnd.DRAINING if self.draining else WaitEnd.TIMEOUT

    @contextmanager
    def counted(self, user_id: str) -> Iterator[None]:
        """Count one parked poll or open connection of the user against the limits."""
        self._come(user_id)
        try:
            yield
        finally:
            self._leave(user_id)

    def _come(self, user_id: str) -> None:
        self.parked += 1
        self._parked_by_user[user_id] += 1
        if self._expected:
            self._tell_expected()

    def _leave(self, user_id: str) -> None:
        self.parked -= 1
        _one_less(self._parked_by_user, user_id)
        if self._expected:
            self._tell_expected()

    @property
    def polls(self) -> int:
        """How many polls are parked, push connections left out."""
        return self.parked - self.pushing_now

    async def until_parked(self, count: int) -> None:
        """Return once `count` polls are parked, no more and no less; for tests."""
        if self.polls != count:
            expected = (count, asyncio.get_running_loop().create_future())
            self._expected.append(expected)
            try:
                await expected[1]
            finally:
                self._expected.remove(expected)

    def _tell_expected(self) -> None:
        for count, reached in self._expected:
            if count == self.polls and not reached.done():
                reached.set_result(None)

    def pushing(self, user_id: str, limit: int) -> "PushPlace":
        """Return the place of one open push connection of the user, who may have `limit` of them."""
        return PushPlace(self, user_id, limit)

    def begin_push(self, user_id: str, limit: int) -> bool:
        """Count one more open push connection; False when the user has `limit` of them already, or all are."""
        if self._pushing_by_user[user_id] >= limit or self._exhausted(user_id):
            return False
        self._come(user_id)
        self._pushing_by_user[user_id] += 1
        self.pushing_now += 1
        return True

    def end_push(self, user_id: str) -> None:
        """Count one open push connection less."""
        self.pushing_now -= 1
        _one_less(self._pushing_by_user, user_id)
        self._leave(user_id)

    def publish(self, event: StateEvent) -> None:
        """Tell everybody who waits for this investigation; returns at once, whatever they do with it."""
        at = perf_counter()
        self._waker.wake([waiter.offer(event, at) for waiter in self._topics.get(event.investigation_id, ())])
        # What another process changed has no place of its own: whoever shows lists looks again (see `refresh`).
        for scope in (event.owner, None) if event.owner is not None and event.sequence else ():
            self._waker.wake([dashboard.offer(event, at) for dashboard in self._lists.get(scope, ())])

    def refresh(self, owners: Collection[str | None] | None = None) -> None:
        """Have the dashboards of `owners` look again, or every dashboard (None): others have written.

        Whoever sees everything looks again too.
        """
        for scope in self._lists.keys() if owners is None else self._lists.keys() & {*owners, None}:
            self._waker.wake([dashboard.look_again() for dashboard in self._lists[scope]])

    async def park_list(self, waiter: ListWaiter, user_id: str, seconds: float) -> WaitEnd | None:
        """Wait until there is something to tell, for at most `seconds`; counted against the limits."""
        end = "gone"
        with self.counted(user_id):
            self.parked_lists += 1
            try:
                if not self.draining:
                    await waiter.wait(seconds)
                end = self._list_end(waiter)
            finally:
                self.parked_lists -= 1
                self.counts.ended[end] += 1
        return None if end == "woken" else WaitEnd[end.upper()]

    def _list_end(self, waiter: ListWaiter) -> str:
        if waiter.events:
            self.counts.wake_seconds["dashboard"].observe(perf_counter() - waiter.offered_at)
        if waiter.events or waiter.outdated:
            return "woken"
        return "draining" if self.draining else "timeout"

    def drain(self) -> None:
        """End every wait now and every later one at once."""
        if not self.draining:
            self._draining_since = perf_counter()
            logger.info("drain begins", extra={"parked": self.parked - self.pushing_now, "push": self.pushing_now})
        self.draining = True
        for waiters in self._topics.values():
            self._waker.wake([waiter.sleep for waiter in waiters])
        for dashboards in self._lists.values():
            self._waker.wake([dashboard.sleep for dashboard in dashboards])


@contextmanager
def _member(groups: dict[Key, set[Member]], key: Key, member: Member) -> Iterator[Member]:
    groups.setdefault(key, set()).add(member)
    try:
        yield member
    finally:
        groups[key].discard(member)
        if not groups[key]:
            del groups[key]


def _one_less(counts: Counter[str], key: str) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


class PushPlace:
    """The place of one open push connection among all, while it is entered; False when there is none."""

    __slots__ = ("_hub", "_is_taken", "_user_id", "limit")

    def __init__(self, hub: Hub, user_id: str, limit: int) -> None:
        self._hub = hub
        self._user_id = user_id
        self._is_taken = False
        self.limit = limit

    def __enter__(self) -> bool:
        self._is_taken = self._hub.begin_push(self._user_id, self.limit)
        return self._is_taken

    def __exit__(self, *exception: object) -> None:
        if self._is_taken:
            self._hub.end_push(self._user_id)
