"""Those who wait at the hub: for one state, or for whatever a dashboard shows."""

import asyncio
from collections.abc import Callable

from wizard_server.domain.events import StateEvent
from wizard_server.domain.record import StateRecord
from wizard_server.hub.waking import Sleep


class Sleeper:
    """Somebody who waits to be woken; costs a future and a timer while it sleeps.

    ::

        try:
            await sleeper.asleep(seconds)
        finally:
            sleeper.awake()

    Two calls instead of one coroutine: ten thousand sleep at once, and each coroutine costs 400 bytes while it waits.
    """

    __slots__ = ("_timer", "sleep")

    def __init__(self) -> None:
        self.sleep: Sleep | None = None
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """End the sleep that is under way, if any."""
        if self.sleep is not None and not self.sleep.done():
            self.sleep.set_result(None)

    def asleep(self, seconds: float) -> Sleep:
        """Return what is done when `wake` was called, or time is up; whatever happens, `awake` comes next."""
        loop = asyncio.get_running_loop()
        self.sleep = future = loop.create_future()
        self._timer = loop.call_later(seconds, self.wake)
        return future

    def awake(self) -> None:
        """Say that the sleep has ended."""
        if self._timer is not None:
            self._timer.cancel()
        self.sleep = self._timer = None


class Waiter(Sleeper):
    """One subscription to a state, as long as it is entered.

    What is published between subscribing and waiting is kept, the newest only; `offered_at` says when it came, by the
    performance counter.
    """

    __slots__ = ("_topics", "_wants", "event", "offered_at", "topic")

    def __init__(self, topics: dict[str, set["Waiter"]], topic: str) -> None:
        super().__init__()
        self.event: StateEvent | None = None
        self.offered_at = 0.0
        self._wants: Callable[[StateRecord], bool] | None = None
        self._topics = topics
        self.topic = topic

    def __enter__(self) -> "Waiter":
        self._topics.setdefault(self.topic, set()).add(self)
        return self

    def __exit__(self, *exception: object) -> None:
        waiters = self._topics[self.topic]
        waiters.discard(self)
        if not waiters:
            del self._topics[self.topic]

    def offer(self, event: StateEvent, at: float) -> Sleep | None:
        """Take `event` if it concerns the waiter (a deletion always does), and return the sleep that it ends."""
        if event.record is None or self._wants is None or self._wants(event.record):
            self.event = event
            self.offered_at = at
            return self.sleep
        return None

    def has_read(self, record: StateRecord) -> None:
        """Discard a kept event that is older than `record`: another node committed `record`, and it was read since."""
        event = self.event
        if event is not None and event.record is not None and event.record.version < record.version:
            self.event = None

    def waiting(self, wants: Callable[[StateRecord], bool], seconds: float) -> Sleep:
        """Return what is done when an event has come that `wants` accepts, `wake` was called, or time is up.

        An event that came before and that `wants` does not accept is dropped. Whatever happens, `take` comes next.
        """
        self._wants = wants
        if self.event is not None and self.event.record is not None and not wants(self.event.record):
            self.event = None
        future = self.asleep(seconds)
        if self.event is not None:
            self.wake()
        return future

    @property
    def was_left(self) -> bool:
        """Whether the one who waited has gone away."""
        return self.sleep is not None and self.sleep.cancelled()

    def take(self) -> StateEvent | None:
        """End the wait and return the event that it was for, None where there is none."""
        self.awake()
        self._wants = None  # until the next wait says what it wants, everything is kept
        event, self.event = self.event, None
        return event


class ListWaiter(Sleeper):
    """One dashboard's subscription: what was published since, in order; beyond `MOST` it had better look again."""

    MOST = 1000

    __slots__ = ("_after", "events", "offered_at", "outdated")

    def __init__(self) -> None:
        super().__init__()
        self._after = 0
        self.offered_at = 0.0
        self.events: list[StateEvent] = []
        self.outdated = False

    def offer(self, event: StateEvent, at: float) -> Sleep | None:
        """Keep `event`, unless it is known already, and return the sleep that it ends."""
        if event.sequence <= self._after:
            return None
        if not self.events:
            self.offered_at = at
        if len(self.events) >= self.MOST:
            return self.look_again()
        self.events.append(event)
        return self.sleep

    def known_up_to(self, sequence: int) -> None:
        """Mark changes up to `sequence` as shown, and drop queued events at or below it."""
        self._after = sequence
        self.events = [event for event in self.events if event.sequence > sequence]

    def look_again(self) -> Sleep | None:
        """Say that the events do not tell everything, and return the sleep that this ends."""
        self.outdated = True
        return self.sleep

    async def wait(self, seconds: float) -> None:
        """Return when there is something to tell, `wake` was called, or time is up."""
        if self.events or self.outdated:
            return
        try:
            await self.asleep(seconds)
        finally:
            self.awake()
