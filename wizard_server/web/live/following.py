"""Follow a state over an open connection: what server-sent events and WebSocket have in common (contract 6).

Nothing is buffered for a reader: the newest event only wakes it, and what it has not been sent yet it reads from the
event where that follows on, and from the trail where it does not.
"""

import math
from collections.abc import Sequence
from enum import Enum, auto

from aiohttp import web

from wizard_server.domain.callers import Caller
from wizard_server.domain.history import changes_after, encode_changes, linked
from wizard_server.domain.record import StateRecord
from wizard_server.domain.trail import AuditEntry
from wizard_server.errors import HistoryGoneError, TooManyConnectionsError
from wizard_server.hub.hub import WaitEnd
from wizard_server.hub.waiters import Waiter
from wizard_server.web.auth.authenticator import AUTHENTICATOR
from wizard_server.web.http.context import CLOCK, CONFIG, HUB, RULES, SERVICE, STORE

# How many changes are read ahead for one reader: what it does not take stays in memory.
_CHUNK = 1


class End(Enum):
    """What a reader is sent or told in place of changes: a heartbeat, the stalled mark, the whole state, or the end.

    After `EXPIRED` (the token's time is up) and `WITHDRAWN` (today's keys do not verify it) the client needs another
    token.
    """

    IDLE = auto()
    STALLED = auto()
    DELETED = auto()
    DRAINING = auto()
    UNAVAILABLE = auto()
    SYNC = auto()
    EXPIRED = auto()
    WITHDRAWN = auto()


class Follower:
    """One reader of one state, at a version; `next` returns what comes after it.

    After a standby was promoted that lacked acknowledged changes, a version number may stand for another state than the
    one that the reader has. The times of writing tell the two apart, and the reader is sent the whole state.
    """

    __slots__ = (
        "_app",
        "_caller",
        "_heartbeat",
        "_lease",
        "_look_asked",
        "_shown_stalled",
        "_stalls_in",
        "_sync_asked",
        "_waiter",
        "_written",
        "investigation_id",
        "version",
    )

    def __init__(self, request: web.Request, caller: Caller, investigation_id: str, waiter: Waiter) -> None:
        self._lease = request.app[AUTHENTICATOR].lease(request, self._look)
        self._look_asked = False
        self._app = request.app
        self._caller = caller
        self._waiter = waiter
        self._heartbeat = float(request.app[CONFIG].polling.heartbeat_seconds)
        self.investigation_id = investigation_id
        self.version = 0
        self._written: str | None = None
        self._stalls_in = math.inf
        self._shown_stalled = False
        self._sync_asked = False

    def sync(self) -> None:
        """Have `next` return `End.SYNC`, in its turn: the reader wants the whole state."""
        self._sync_asked = True
        self._waiter.wake()

    def _look(self) -> None:
        self._look_asked = True
        self._waiter.wake()

    def __enter__(self) -> "Follower":
        """Follow, no longer than the token of the request lasts."""
        self._waiter.__enter__()
        self._lease.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        """Follow no more."""
        self._lease.__exit__(*exception)
        self._waiter.__exit__(*exception)

    def _take_look(self) -> bool:
        asked, self._look_asked = self._look_asked, False
        return asked

    def _take_sync(self) -> bool:
        asked, self._sync_asked = self._sync_asked, False
        return asked

    async def state(self, version: int = 0) -> StateRecord:
        """Return the current state and go on from its version; the reader has `version`.

        Raises as `WizardService.read`.
        """
        now = self._app[CLOCK]()
        record = await self._app[SERVICE].read(self._caller, self.investigation_id, now, version=version)
        self.version, self._written = record.version, record.updated_at
        self._shown_stalled = self._is_stalled(record)
        return record

    def resume(self, version: int) -> None:
        """Go on from `version`, which the reader has from an earlier connection."""
        if version != self.version:
            self.version, self._written = version, None

    async def _read(self) -> StateRecord:
        return await self._app[SERVICE].read_from(self._caller, self.investigation_id, 0, self._app[CLOCK]())

    def _is_stalled(self, record: StateRecord) -> bool:
        return self._app[RULES].has_stalled(record, self._app[CLOCK]())

    def _seconds(self, record: StateRecord) -> float:
        """Return how long to wait: until the next heartbeat is due, the state becomes stalled or the lease ends."""
        self._stalls_in = self._app[RULES].stalls_in(record, self._app[CLOCK]())
        return min(self._heartbeat, self._stalls_in, self._lease.seconds())

    async def next(self) -> Sequence[AuditEntry] | End:
        """Return the next changes in their order, as soon as there are any.

        `End.IDLE` says that none came for a while, `End.STALLED` that the state has become stalled, `End.SYNC` that the
        reader needs the whole state: it asked for it, the state is no longer stalled although nothing changed, or no
        kept chain of changes leads on from its version.
        Raises as `WizardService.read`, so `RequestError` for a state that was deleted.
        """
        while (found := await self._next()) is None:
            pass
        return found

    async def _next(self) -> Sequence[AuditEntry] | End | None:
        """Return as `next` does, or None to be asked again."""
        ended = self._lease.ended()
        if ended is not None:
            return End[ended]
        record = await self._read()
        self._waiter.has_read(record)
        found = await self._at_once(record)
        if found is not None:
            return found
        end = await self._app[HUB].next_event(self._waiter, self._wants, self._seconds(record))
        if end is WaitEnd.DRAINING:
            return End.DRAINING
        if end is WaitEnd.TIMEOUT:
            return self._nothing_came()
        if end.record is None or not self._caller.may_see(end.record.user_id):
            raise await self._app[SERVICE].absence(self._caller, self.investigation_id)
        if end.record.version == self.version:
            return End.SYNC
        chain = linked(self.version, end.entries)
        return self._told(chain) if chain else await self._missed(end.record)

    def _told(self, chain: Sequence[AuditEntry]) -> Sequence[AuditEntry] | End:
        """Return the changes as those that come next, `End.SYNC` where they do not lead on from what the reader has."""
        if self._differs((chain[0].parts.previous or {}).get("updated_at")):
            return End.SYNC
        self.version, self._written = chain[-1].version or 0, (chain[-1].parts.current or {}).get("updated_at")
        self._shown_stalled = False
        return chain

    def _differs(self, written: str | None) -> bool:
        """Whether a version with the reader's number, `written` at that time, is another one than the reader has."""
        return None not in (written, self._written) and written != self._written

    async def _at_once(self, record: StateRecord) -> Sequence[AuditEntry] | End | None:
        """Return what `record` has for the reader without waiting, None when it has to wait."""
        if self._take_sync():
            return End.SYNC
        if record.version != self.version:
            return await self._missed(record)
        if self._differs(record.updated_at):
            return End.SYNC
        stalled = self._is_stalled(record)
        if stalled is not self._shown_stalled:
            return End.STALLED if stalled else End.SYNC
        return None

    def _wants(self, newer: StateRecord) -> bool:
        if newer.version != self.version or self._differs(newer.updated_at):
            return True
        return self._shown_stalled and not self._is_stalled(newer)

    def _nothing_came(self) -> End | None:
        if self._take_look() or self._lease.ended() is not None:
            return None
        if self._take_sync():
            return End.SYNC
        return None if self._stalls_in <= self._heartbeat else End.IDLE

    async def _missed(self, record: StateRecord) -> Sequence[AuditEntry] | End:
        try:
            found = await changes_after(self._app[STORE], record, self.version, _CHUNK)
        except HistoryGoneError:
            return End.SYNC
        await encode_changes(found.entries)
        return self._told(found.entries)


class Following:
    """Follows a state and counts the connection while it is entered.

    Thousands are entered at once: a context manager made of generators would cost a kilobyte more for each.
    """

    __slots__ = ("_follower", "_place")

    def __init__(self, request: web.Request, caller: Caller, investigation_id: str) -> None:
        hub = request.app[HUB]
        self._follower = Follower(request, caller, investigation_id, hub.subscribe(investigation_id))
        self._place = hub.pushing(caller.user_id, request.app[CONFIG].polling.max_push_per_user)

    def __enter__(self) -> Follower:
        """Count, then subscribe; raises `TooManyConnectionsError` over the limits."""
        if not self._place.__enter__():
            raise TooManyConnectionsError(
                f"no room for another open connection; a user has at most {self._place.limit} event streams and"
                " WebSockets"
            )
        return self._follower.__enter__()

    def __exit__(self, *exception: object) -> None:
        """Make room."""
        self._follower.__exit__(*exception)
        self._place.__exit__(*exception)
