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
from wizard_server.domain.rules import Rules, is_running
from wizard_server.hub.hub import WaitEnd
from wizard_server.hub.waiters import Waiter
from wizard_server.web.http.context import CLOCK, HUB, SERVICE
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


class Condition:
    """What a parked poll waits for, given the state that it last saw; called with a newer one it says whether it came.

    Becoming stalled makes no version but is reported. So the wait ends when the state would become stalled, and goes on
    when the agents reported meanwhile with a change that does not count for this client. It also ends for another state
    with the version number that it saw, which exists after a standby was promoted that lacked acknowledged changes.
    """

    __slots__ = ("_rules", "_running", "_version", "_wait", "_was_stalled", "_written", "investigation_id", "stalls_in")

    def __init__(self, rules: Rules, seen: Polled) -> None:
        self._rules = rules
        self._wait = seen.wait
        self.investigation_id = seen.record.investigation_id
        self.see(seen.record, seen.now)

    def see(self, record: StateRecord, now: datetime) -> None:
        """Wait on from this state."""
        self._version, self._written = record.version, record.updated_at
        self._running = is_running(record)
        self._was_stalled = self._rules.has_stalled(record, now)
        self.stalls_in = self._rules.stalls_in(record, now)

    def __call__(self, newer: StateRecord) -> bool:
        """Whether `newer` ends the wait, or has to be noted with `see` before the wait goes on."""
        news = self._wait.satisfied(newer) or self._is_another(newer)
        return news or self._was_stalled or is_running(newer) != self._running

    def _is_another(self, newer: StateRecord) -> bool:
        return newer.version == self._version and newer.updated_at != self._written

    def woken(self, event: StateEvent, record: StateRecord) -> Polled | None:
        """Return the outcome of a change, None when the change does not count for this client."""
        now = event.instant
        revived = self._was_stalled and not self._rules.has_stalled(record, now)
        news = revived or self._is_another(record)
        if news or self._wait.satisfied(record):
            return Polled(record, now, self._wait, news=news, renderings=event.renderings)
        self.see(record, now)
        return None

    def ended(self, record: StateRecord, now: datetime, *, draining: bool, last: bool) -> Polled | None:
        """Return the outcome of a wait that ran out, None when it was cut and neither `last` nor news."""
        news = not self._was_stalled and not draining and self._rules.has_stalled(record, now)
        if news or draining or last:
            return Polled(record, now, self._wait, news=news, draining=draining)
        self.see(record, now)
        return None


async def park(app: web.Application, caller: Caller, waiter: Waiter, watch: Condition, deadline: float) -> Polled:
    """Wait until there is something to tell, or for `deadline`. This frame is a parked poll's cost: it holds little."""
    hub = app[HUB]
    began = asyncio.get_running_loop().time()
    outcome: Polled | None = None
    while outcome is None:
        left = left_until(deadline)
        last = left <= watch.stalls_in
        try:
            await hub.begin(waiter, caller.user_id, watch, min(left, watch.stalls_in))
        finally:
            end = hub.end(waiter, caller.user_id)
        if isinstance(end, StateEvent):
            if end.record is None or not caller.may_see(end.record.user_id):
                raise await app[SERVICE].absence(caller, watch.investigation_id)
            outcome = watch.woken(end, end.record)
        else:
            now = app[CLOCK]()
            draining = end is WaitEnd.DRAINING
            if draining:
                record = await app[SERVICE].read_from(caller, watch.investigation_id, 0, now)
            else:  # "unchanged" rests on a look that began after the poll was parked
                record = await app[SERVICE].read(caller, watch.investigation_id, now, since=began)
            outcome = watch.ended(record, now, draining=draining, last=last)
    return outcome
