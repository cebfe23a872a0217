"""What a caller may see: the states and trails of its own, and for agents those of all."""

from collections.abc import Callable
from datetime import datetime

from wizard_server.domain.callers import Caller
from wizard_server.domain.ports import Store, Transaction
from wizard_server.domain.record import StateRecord
from wizard_server.domain.rules import Rules
from wizard_server.domain.trail import Investigation
from wizard_server.errors import HistoryGoneError, NotFoundError, RequestError, UnreadableRowError, bare


class Visibility:
    """Reads states for callers who may see them; for others there are none."""

    def __init__(self, store: Store, rules: Rules) -> None:
        self._store = store
        self._rules = rules

    async def read(
        self, caller: Caller, investigation_id: str, now: datetime, *, version: int = 0, since: float | None = None
    ) -> StateRecord:
        """Return the state as it is at `now`; for a client that knows `version` as `read_from` does.

        Where other nodes write too it has all that they committed before `since` (the event loop's clock; None: now).

        Raises `NotFoundError` when it is absent or somebody else's, `HistoryGoneError` when retention removed it,
        `StateExpiredError` when it is stale and recovery is off, `UnreadableRowError` for the caller's own.
        """
        if self._store.is_shared:
            await self._store.caught_up(since)
        return await self.read_from(caller, investigation_id, version, now)

    async def read_from(self, caller: Caller, investigation_id: str, version: int, now: datetime) -> StateRecord:
        """Return the state from memory where possible, for a client that waits for more than `version`.

        An older one is returned only after a look, and when its row says the same, for what was edited by hand has no
        place yet: whether another server has committed that version or a backup was restored, the database alone can
        tell. Raises as `read`.
        """
        record = await self._visible(caller, investigation_id, now)
        if record.version >= version:
            return record
        await self._store.caught_up()
        record = await self._visible(caller, investigation_id, now)
        if record.version >= version:
            return record
        await self._store.loaded(investigation_id)
        return await self._visible(caller, investigation_id, now)

    async def _visible(self, caller: Caller, investigation_id: str, now: datetime) -> StateRecord:
        record = await self.unless_hidden(self._store, caller.may_see, investigation_id)
        if record is None:
            raise await self.absent(self._store, caller, investigation_id)
        self._rules.check_recoverable(record, now)
        return record

    def known(
        self, caller: Caller, investigation_id: str, now: datetime, *, has_looked: bool = False
    ) -> StateRecord | None:
        """Return the state if it is in memory and the caller may see it; None says that `read` will tell.

        Where other nodes write too memory counts only for one who `has_looked` (see `Store.next_look`) since the
        request came.
        """
        record = self._store.cached(investigation_id) if has_looked or not self._store.is_shared else None
        if record is None or not caller.may_see(record.user_id):
            return None
        self._rules.check_recoverable(record, now)
        return record

    async def unless_hidden(
        self, source: Store | Transaction, may: Callable[[str | None], bool], investigation_id: str
    ) -> StateRecord | None:
        """Return the state of `source` if its owner is one for whom the caller `may`, else None.

        For a stranger the database is asked the same whether there is none, one on disk, or one in memory: how long the
        answer takes does not tell what somebody else is working on. Nor is it told that a row cannot be read.
        """
        in_memory = self._store.in_memory(investigation_id)
        try:
            record = await source.state(investigation_id)
        except UnreadableRowError as error:
            if may(error.owner):
                raise
            return None
        if record is None or may(record.user_id):
            return record
        if in_memory:
            await self._store.loaded(investigation_id)
        return None

    async def visible_in(
        self, transaction: Transaction, caller: Caller, investigation_id: str, now: datetime
    ) -> StateRecord:
        """Return the state within a use case of somebody else's; see `read`."""
        record = await self.unless_hidden(transaction, caller.may_see, investigation_id)
        if record is None:
            raise await self.absent(transaction, caller, investigation_id)
        self._rules.check_recoverable(record, now)
        return record

    async def absence(self, caller: Caller, investigation_id: str) -> RequestError:
        """Return the error for a state that is not there any more for the caller: removed, or not readable."""
        try:
            await self.unless_hidden(self._store, caller.may_see, investigation_id)
        except UnreadableRowError as error:
            return bare(error)
        return await self.absent(self._store, caller, investigation_id)

    async def absent(self, source: Store | Transaction, caller: Caller, investigation_id: str) -> RequestError:
        """Return the error for a state that `source` does not have for the caller."""
        return absence(caller, investigation_id, await parent_of(source, caller.may_see, investigation_id))

    async def require_visible(self, caller: Caller, investigation_id: str) -> None:
        """Raise `NotFoundError` unless the caller may read the investigation's trail, which outlives its state."""
        parent = await parent_of(self._store, caller.may_see, investigation_id)
        if parent is None or parent.purged_at or not caller.may_see(parent.user_id):
            raise absence(caller, investigation_id, parent)


async def parent_of(
    source: Store | Transaction, may: Callable[[str | None], bool], investigation_id: str
) -> Investigation | None:
    """Return the parent row; one of somebody else's that cannot be read is none."""
    try:
        return await source.investigation(investigation_id)
    except UnreadableRowError as error:
        if may(error.owner):
            raise
        return None


def absence(caller: Caller, investigation_id: str, parent: Investigation | None) -> RequestError:
    """Return the error for an investigation that the caller cannot have, given its parent row."""
    if parent is not None and parent.purged_at and caller.may_see(parent.user_id):
        return HistoryGoneError(f"investigation {investigation_id} was removed by retention at {parent.purged_at}")
    return NotFoundError(f"no investigation {investigation_id}")
