"""The use cases: one method is one transaction, one audit entry, one wake-up."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from wizard_server.domain.authorship import NO_PRECONDITION, Origin, Precondition
from wizard_server.domain.callers import Caller
from wizard_server.domain.changes import Parts
from wizard_server.domain.clock import to_wire
from wizard_server.domain.diffing import diff, fields_changed
from wizard_server.domain.log_lines import OTHERS, REPORTS, Room, exceeds, shortened
from wizard_server.domain.models import AuditLogCreate, InvestigationStatus, WizardStateCreate, WizardStep
from wizard_server.domain.ports import Store, Transaction
from wizard_server.domain.progress import ProgressUpdate, as_progress
from wizard_server.domain.record import FIELDS, Document, Draft, StateRecord, draft
from wizard_server.domain.rules import Rules, is_running
from wizard_server.domain.trail import AuditEntry, Investigation
from wizard_server.domain.transitions import advance
from wizard_server.domain.updates import Update
from wizard_server.domain.validation import validate_state_size
from wizard_server.errors import (
    HistoryGoneError,
    NotFoundError,
    PreconditionFailedError,
    PreconditionRequiredError,
    RequestError,
    StateExistsError,
    UnreadableRowError,
    ValidationFailedError,
    VersionConflictError,
    bare,
)


@dataclass(frozen=True, slots=True)
class Changed:
    """The state after a use case, and whether it is a new version."""

    record: StateRecord
    changed: bool


class _Change(NamedTuple):
    """A state before and after an update, and the parts that differ."""

    before: Document
    after: Document
    parts: Parts


class WizardService:
    """Creates, reads, changes and deletes wizard states, for callers who may."""

    def __init__(self, store: Store, rules: Rules) -> None:
        self._store = store
        self._rules = rules

    async def create(
        self, caller: Caller, request: WizardStateCreate, origin: Origin, precondition: Precondition = NO_PRECONDITION
    ) -> StateRecord:
        """Make the state of an investigation, and the investigation where it is absent.

        Raises `StateExistsError`, `PreconditionFailedError` where a state exists that `precondition` rules out,
        `MissingScopeError` for another user's id, `ValidationFailedError` for tools that are not in the catalogue,
        `StateTooLargeError`.
        """
        caller.require_own(request.user_id or caller.user_id)

        async def use_case(transaction: Transaction) -> StateRecord:
            return await self.create_in(transaction, caller, request, origin, precondition)

        return await self._store.transact(use_case, origin.claim)

    async def create_in(
        self,
        transaction: Transaction,
        caller: Caller,
        request: WizardStateCreate,
        origin: Origin,
        precondition: Precondition = NO_PRECONDITION,
    ) -> StateRecord:
        """Make the state within a use case of somebody else's; see `create`."""
        investigation_id, user_id = request.investigation_id or str(uuid.uuid4()), request.user_id or caller.user_id
        parent = await transaction.investigation(investigation_id)
        taken = parent is not None and parent.user_id not in (None, user_id)
        existing = None if taken else await transaction.state(investigation_id)
        if existing is not None and caller.may_see(existing.user_id):  # of others' the answer tells no more than taken
            self._check_absence(precondition, existing, FIELDS, origin.now)
        if taken or existing is not None:
            raise StateExistsError(f"the identifier {investigation_id} is taken")
        now = to_wire(origin.now)
        version = (parent.newest_version if parent else 0) + 1
        document: Document = {
            **dict.fromkeys(FIELDS),
            **request.model_dump(mode="json"),
            "investigation_id": investigation_id,
            "user_id": user_id,
            "version": version,
            "created_at": now,
            "updated_at": now,
        }
        self._check_tools(document["settings"])
        created = _draft(document, caller, dict.fromkeys(FIELDS, version), origin)
        self._check_size(created)
        parts = Parts(None, created.record.document())
        transaction.save(created, origin.entry(caller, investigation_id, "STATE_CREATED", parts, version))
        return created.record

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
        record = await self._unless_hidden(self._store, caller.may_see, investigation_id)
        if record is None:
            raise await self._absent(self._store, caller, investigation_id)
        self._rules.check_recoverable(record, now)
        return record

    def known(self, caller: Caller, investigation_id: str, now: datetime) -> StateRecord | None:
        """Return the state if it is in memory and the caller may see it; None says that `read` will tell."""
        record = None if self._store.is_shared else self._store.cached(investigation_id)
        if record is None or not caller.may_see(record.user_id):
            return None
        self._rules.check_recoverable(record, now)
        return record

    async def _unless_hidden(
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
        record = await self._unless_hidden(transaction, caller.may_see, investigation_id)
        if record is None:
            raise await self._absent(transaction, caller, investigation_id)
        self._rules.check_recoverable(record, now)
        return record

    async def absence(self, caller: Caller, investigation_id: str) -> RequestError:
        """Return the error for a state that is not there any more for the caller: removed, or not readable."""
        try:
            await self._unless_hidden(self._store, caller.may_see, investigation_id)
        except UnreadableRowError as error:
            return bare(error)
        return await self._absent(self._store, caller, investigation_id)

    async def _absent(self, source: Store | Transaction, caller: Caller, investigation_id: str) -> RequestError:
        return _absence(caller, investigation_id, await _parent(source, caller.may_see, investigation_id))

    async def update(
        self,
        caller: Caller,
        investigation_id: str,
        update: Update,
        precondition: Precondition | None,
        origin: Origin,
    ) -> Changed:
        """Bring `update` into the current state; content that is there already makes no version.

        Without a `precondition` none is asked for, whatever the configuration says.

        Raises `NotFoundError`, `PreconditionFailedError`, `VersionConflictError`, `PreconditionRequiredError`,
        `InvalidTransitionError`, `PatchConflictError`, `ValidationFailedError`, `StateTooLargeError`.
        """
        # Reads a cold state here, not in the writer's queue.
        await self._unless_hidden(self._store, caller.may_change, investigation_id)

        async def use_case(transaction: Transaction) -> Changed:
            record = await self._changeable(transaction, caller, investigation_id)
            expired = not self._rules.recovery and self._rules.is_stale(record.updated_at, origin.now)
            document = record.document()
            if expired and not _resets(update.requested(document)):
                self._rules.check_recoverable(record, origin.now)
            if precondition is not None:
                self._check(precondition, record, update.fields, origin.now)
            requested = update.requested(document)
            fields = advance({field: document[field] for field in FIELDS}, requested, self._rules.hindrances)
            successor = document | fields
            parts = diff(document, successor)
            if parts is None and not expired:
                reported = isinstance(update, ProgressUpdate)
                return Changed(self._reported(transaction, record, origin) if reported else record, changed=False)
            parts = parts or Parts({}, {})
            if "settings" in parts.current:
                self._check_tools(successor["settings"])
            room = _room(update, successor, parts)
            change = _Change(document, successor, parts)
            return Changed(self._commit(transaction, caller, record, change, origin, room), changed=True)

        return await self._store.transact(use_case, origin.claim)

    def _reported(self, transaction: Transaction, record: StateRecord, origin: Origin) -> StateRecord:
        """Note a report without a change, which keeps a running state from becoming stalled; return the state."""
        now = to_wire(origin.now)
        if not is_running(record) or now <= record.last_report:
            return record
        reporting = replace(record, heard_at=now)
        transaction.hear(reporting, revived=self._rules.has_stalled(record, origin.now))
        return reporting

    def _check_tools(self, settings: Mapping[str, Any] | None) -> None:
        errors = self._rules.tool_errors(settings)
        if errors:
            raise ValidationFailedError("the tools are not as the catalogue has them", errors)

    def _commit(
        self,
        transaction: Transaction,
        caller: Caller,
        record: StateRecord,
        change: _Change,
        origin: Origin,
        room: Room | None = None,
    ) -> StateRecord:
        """Write the next version; where it takes more than its `room`, old lines of logs leave first."""
        parts = change.parts
        changed = fields_changed(parts)
        version = record.newest_version + 1
        now = max(to_wire(origin.now), record.updated_at)  # the node that wrote before may have another clock
        parts.previous.update(version=record.version, updated_at=record.updated_at)
        parts.current.update(version=version, updated_at=now)
        versions = {**record.field_versions, **dict.fromkeys(changed, version)}
        successor = _draft({**change.after, "version": version, "updated_at": now}, caller, versions, origin)
        text = successor.record.opened
        if room is None or exceeds(text, self._limits, room):
            shorter = self._shortened(change, text, room) if room else None
            if shorter is not None:
                return self._commit(transaction, caller, record, shorter, origin)
            self._check_size(successor)
        action = "PROGRESS_UPDATED" if changed == ["progress"] else "STATE_CHANGE"
        transaction.save(successor, origin.entry(caller, record.investigation_id, action, parts, version))
        return successor.record

    async def delete(self, caller: Caller, investigation_id: str, precondition: Precondition, origin: Origin) -> None:
        """Delete the state; the trail stays. Raises as `update` does."""

        async def use_case(transaction: Transaction) -> None:
            record = await self._changeable(transaction, caller, investigation_id)
            self._check(precondition, record, FIELDS, origin.now)
            parts = Parts(record.document(), None)
            entry = origin.entry(caller, investigation_id, "STATE_DELETED", parts, record.newest_version + 1)
            transaction.delete(record, entry)

        await self._store.transact(use_case)

    async def append_history(
        self, caller: Caller, investigation_id: str, request: AuditLogCreate, origin: Origin
    ) -> AuditEntry:
        """Append an entry of the caller's own to the trail; it is no version and wakes nobody."""
        if request.investigation_id != investigation_id:
            raise ValidationFailedError.of("investigation_id", f"must be {investigation_id}, as in the path", "equal")
        caller.require_own(request.user_id)

        async def use_case(transaction: Transaction) -> AuditEntry:
            parent = await _parent(transaction, caller.may_change, investigation_id)
            if parent is None or parent.purged_at or not caller.may_change(parent.user_id):
                raise _absence(caller, investigation_id, parent)
            parts = Parts(request.previous_state, request.new_state)
            written = origin.entry(caller, investigation_id, request.action_type, parts)
            entry = replace(written, user_id=request.user_id, source=request.source)
            transaction.append(entry)
            return entry

        return await self._store.transact(use_case, origin.claim)

    async def require_visible(self, caller: Caller, investigation_id: str) -> None:
        """Raise `NotFoundError` unless the caller may read the investigation's trail, which outlives its state."""
        parent = await _parent(self._store, caller.may_see, investigation_id)
        if parent is None or parent.purged_at or not caller.may_see(parent.user_id):
            raise _absence(caller, investigation_id, parent)

    async def _changeable(self, transaction: Transaction, caller: Caller, investigation_id: str) -> StateRecord:
        record = await self._unless_hidden(transaction, caller.may_change, investigation_id)
        if record is None:
            raise await self._absent(transaction, caller, investigation_id)
        return record

    def _check_absence(
        self, precondition: Precondition, record: StateRecord, fields: Iterable[str], now: datetime
    ) -> None:
        """Raise `PreconditionFailedError` when ``If-None-Match`` rules out the version that exists."""
        if precondition.no_version or record.version in precondition.if_none_match:
            raise PreconditionFailedError(
                f"the state exists, at version {record.version}, and If-None-Match names it",
                self._conflict(record, 0, fields, now),  # based on nothing, so on nothing that could be merged
            )

    def _check(self, precondition: Precondition, record: StateRecord, fields: Iterable[str], now: datetime) -> None:
        self._check_absence(precondition, record, fields, now)
        if not precondition.given:
            if self._rules.require_precondition:
                raise PreconditionRequiredError("name the version this is based on: If-Match, or version in the body")
            return
        if precondition.if_match is not None and record.version not in precondition.if_match:
            base = max(precondition.if_match, default=0)
            raise PreconditionFailedError(
                f"the state is at version {record.version}, If-Match names another",
                self._conflict(record, base, fields, now),
            )
        if precondition.version is not None and record.version != precondition.version:
            raise VersionConflictError(
                f"the state is at version {record.version}, the update is based on {precondition.version}",
                self._conflict(record, precondition.version, fields, now),
            )

    def _conflict(self, record: StateRecord, base: int, fields: Iterable[str], now: datetime) -> dict[str, Any]:
        """Return what the caller needs to decide whether to merge (contract 4, "Preconditions")."""
        changed = record.changed_since(base)
        marks = self._rules.marks(record, now)
        return {
            "current": {**record.document(), "last_accessed": record.last_accessed, **marks},
            "version": record.version,
            "changed_fields": changed,
            "changed_by": record.updated_by,
            "mergeable": set(changed).isdisjoint(fields),
        }

    def _shortened(self, change: _Change, text: bytes, room: Room) -> _Change | None:
        """Return the change to a state with shorter logs; None where nothing can leave."""
        progress = as_progress(change.after["progress"])
        if progress is None:
            return None
        shorter = shortened(as_progress(change.before["progress"]), progress, text, self._limits, room)
        if shorter is None:
            return None
        after = {**change.after, "progress": shorter}
        return _Change(change.before, after, diff(change.before, after) or Parts({}, {}))

    @property
    def _limits(self) -> tuple[int, int]:
        """The most bytes and JSON nodes of a state."""
        return self._rules.max_size_kb * 1024, self._rules.max_nodes

    def _check_size(self, made: Draft) -> None:
        validate_state_size(made.record.opened, self._rules.max_size_kb, self._rules.max_nodes)


def _draft(document: Document, caller: Caller, field_versions: dict[str, int], origin: Origin) -> Draft:
    return draft(
        document,
        field_versions=field_versions,
        updated_by=caller.user_id,
        mutation_id=origin.mutation_id,
    )


def _room(update: Update, successor: Document, parts: Parts) -> Room | None:
    """Return what the next version may take before lines leave; None where the request itself says what is logged."""
    is_report = isinstance(update, ProgressUpdate)
    if is_report and successor["wizard_step"] == WizardStep.PROGRESS:
        return REPORTS
    return OTHERS if is_report or "progress" not in parts.current else None


def _resets(requested: Mapping[str, Any]) -> bool:
    """Whether a request asks for a new run of a state that has expired in whatever step."""
    status = requested.get("status", InvestigationStatus.IN_PROGRESS)
    return requested.get("wizard_step") == WizardStep.SETTINGS and status == InvestigationStatus.IN_PROGRESS


async def _parent(
    source: Store | Transaction, may: Callable[[str | None], bool], investigation_id: str
) -> Investigation | None:
    """Return the parent row; one of somebody else's that cannot be read is none."""
    try:
        return await source.investigation(investigation_id)
    except UnreadableRowError as error:
        if may(error.owner):
            raise
        return None


def _absence(caller: Caller, investigation_id: str, parent: Investigation | None) -> RequestError:
    if parent is not None and parent.purged_at and caller.may_see(parent.user_id):
        return HistoryGoneError(f"investigation {investigation_id} was removed by retention at {parent.purged_at}")
    return NotFoundError(f"no investigation {investigation_id}")
