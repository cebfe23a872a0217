"""A parked poll: how long it waits, for what, and how it ends (contract 5)."""

import asyncio
from collections.abc import Hashable
from datetime import datetime
from typing import Any, NamedTuple

from aiohttp import web

from wizard_server.domain.callers import Caller
from wizard_server.domain.events import StateEvent
from wizard_server.domain.polling import Wait
from wizard_server.domain.record import StateRecord
from wizard_server.domain.rules import is_running
from wizard_server.hub.hub import WaitEnd
from wizard_server.hub.waiters import Waiter
from wizard_server.web.http.context import CLOCK, HUB, RULES, SERVICE
from wizard_server.web.live.waits import left_until


class Polled(NamedTuple):
    """How a poll ended: the state reached, when, and why it is told although its version may be the client's.

    `news`: the state became stalled or is so no longer, or the client shows the wrong mark. `crowded`: the limits left
    no room to wait. `renderings` are those of the event that woke it, which all share who are woken by it.
    """

    record: StateRecord
    now: datetime
    wait: Wait
    news: bool = False
    crowded: bool = False
    draining: bool = False
    renderings: dict[Hashable, Any] | None = None


class Parked:
    """A poll that waits, from the state that it saw last until there is something to tell or its time is up.

    ::

        try:
            await parked.begin()
        finally:
            parked.end()
        reached = await parked.look()

    Three calls instead of one coroutine: ten thousand polls are parked at once, and each coroutine costs 350 bytes
    while it waits.

    Becoming stalled makes no version but is reported. So the wait ends when the state would become stalled, and goes on
    when the agents reported meanwhile with a change that does not count for this client. It also ends for another state
    with the version number that it saw, which exists after a standby was promoted that lacked acknowledged changes.
    """

    __slots__ = (
        "_app",
        "_began",
        "_caller",
        "_end",
        "_last",
        "_running",
        "_stalls_in",
        "_until",
        "_version",
        "_wait",
        "_waiter",
        "_was_stalled",
        "_written",
    )

    def __init__(self, app: web.Application, caller: Caller, waiter: Waiter, seen: Polled, until: float) -> None:
        self._app = app
        self._caller = caller
        self._waiter = waiter
        self._wait = seen.wait
        self._until = until
        self._began = asyncio.get_running_loop().time()
        self._last = False
        self._end: StateEvent | WaitEnd = WaitEnd.TIMEOUT
        self._see(seen.record, seen.now)

    def _see(self, record: StateRecord, now: datetime) -> None:
        """Wait on from this state."""
        rules = self._app[RULES]
        self._version, self._written = record.version, record.updated_at
        self._running = is_running(record)
        self._was_stalled = rules.has_stalled(record, now)
        self._stalls_in = rules.stalls_in(record, now)

    def begin(self) -> asyncio.Future[None]:
        """Return what is done when the wait is over; whatever happens, `end` comes next."""
        left = left_until(self._until)
        self._last = left <= self._stalls_in
        return self._app[HUB].begin(self._waiter, self._caller.user_id, self, min(left, self._stalls_in))

    def end(self) -> None:
        """Say that the wait is over; unless the client has gone, `look` comes next."""
        self._end = self._app[HUB].end(self._waiter, self._caller.user_id)

    async def look(self) -> "Polled | Parked":
        """Return how the poll ended, or itself when it waits on: for a change that does not count, for a stall."""
        app, end = self._app, self._end
        if isinstance(end, StateEvent):
            if end.record is None or not self._caller.may_see(end.record.user_id):
                raise await app[SERVICE].absence(self._caller, self._waiter.topic)
            return self._woken(end, end.record)
        now, draining = app[CLOCK](), end is WaitEnd.DRAINING
        if draining:
            record = await app[SERVICE].read_from(self._caller, self._waiter.topic, 0, now)
        else:  # "unchanged" rests on a look that began after the poll was parked
            record = await app[SERVICE].read(self._caller, self._waiter.topic, now, since=self._began)
        return self._ended(record, now, draining=draining)

    def __call__(self, newer: StateRecord) -> bool:
        """Whether `newer` ends the wait, or has to be seen before the wait goes on."""
        news = self._wait.satisfied(newer) or self._is_another(newer)
        return news or self._was_stalled or is_running(newer) != self._running

    def _is_another(self, newer: StateRecord) -> bool:
        return newer.version == self._version and newer.updated_at != self._written

    def _woken(self, event: StateEvent, record: StateRecord) -> "Polled | Parked":
        now = event.instant
        revived = self._was_stalled and not self._app[RULES].has_stalled(record, now)
        news = revived or self._is_another(record)
        if news or self._wait.satisfied(record):
            return Polled(record, now, self._wait, news=news, renderings=event.renderings)
        self._see(record, now)
        return self

    def _ended(self, record: StateRecord, now: datetime, *, draining: bool) -> "Polled | Parked":
        """Return the outcome of a wait that ran out; it goes on where it was cut for a stall that did not come."""
        news = not self._was_stalled and not draining and self._app[RULES].has_stalled(record, now)
        if news or draining or self._last:
            return Polled(record, now, self._wait, news=news, draining=draining)
        self._see(record, now)
        return self
