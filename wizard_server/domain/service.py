"""The use cases: one method is one transaction, one audit entry, one wake-up."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wizard_server.domain import conditions
from wizard_server.domain.authorship import NO_PRECONDITION, Origin, Precondition
from wizard_server.domain.callers import Caller
from wizard_server.domain.changes import Parts
from wizard_server.domain.clock import to_wire
from wizard_server.domain.diffing import diff
from wizard_server.domain.models.enumerations import InvestigationStatus, WizardStep
from wizard_server.domain.models.states import WizardStateCreate
from wizard_server.domain.models.trail import AuditLogCreate
from wizard_server.domain.ports import Store, Transaction
from wizard_server.domain.progress import ProgressUpdate
from wizard_server.domain.record import FIELDS, Document, StateRecord
from wizard_server.domain.rules import Rules, is_running
from wizard_server.domain.time_slices import TimeSlice
from wizard_server.domain.trail import AuditEntry
from wizard_server.domain.transitions import advance
from wizard_server.domain.updates import Update
from wizard_server.domain.versions import Change, Versions, room_for
from wizard_server.domain.visibility import Visibility, absence, parent_of
from wizard_server.errors import StateExistsError, ValidationFailedError


@dataclass(frozen=True, slots=True)
class Changed:
    """The state after a use case, and whether it is a new version."""

    record: StateRecord
    changed: bool


class WizardService(Visibility):
    """Creates, reads, changes and deletes wizard states, for callers who may."""

    def __init__(self, store: Store, rules: Rules) -> None:
        super().__init__(store, rules)
        self._versions = Versions(rules)

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
            conditions.check_absence(precondition, existing, FIELDS, self._rules, origin.now)
        if taken or existing is not None:
            raise StateExistsError(f"the identifier {investigation_id} is taken")
        time_slice = TimeSlice()
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
        await time_slice.yield_if_over()
        self._check_tools(document["settings"])
        await time_slice.yield_if_over()
        return self._versions.first(transaction, caller, document, origin)

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
        await self.unless_hidden(self._store, caller.may_change, investigation_id)

        async def use_case(transaction: Transaction) -> Changed:
            record = await self._changeable(transaction, caller, investigation_id)
            time_slice = TimeSlice()
            expired = not self._rules.recovery and self._rules.is_stale(record.updated_at, origin.now)
            document = record.document()
            await time_slice.yield_if_over()
            if expired and not _resets(update.requested(document)):
                self._rules.check_recoverable(record, origin.now)
            if precondition is not None:
                conditions.check(precondition, record, update.fields, self._rules, origin.now)
            requested = update.requested(document)
            await time_slice.yield_if_over()
            fields = advance({field: document[field] for field in FIELDS}, requested, self._rules.hindrances)
            await time_slice.yield_if_over()
            successor = document | fields
            parts = diff(document, successor)
            await time_slice.yield_if_over()
            if parts is None and not expired:
                reported = isinstance(update, ProgressUpdate)
                return Changed(self._reported(transaction, record, origin) if reported else record, changed=False)
            parts = parts or Parts({}, {})
            if "settings" in parts.current:
                self._check_tools(successor["settings"])
                await time_slice.yield_if_over()
            room = room_for(update, successor, parts)
            change = Change(document, successor, parts)
            return Changed(self._versions.following(transaction, caller, record, change, origin, room), changed=True)

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

    async def delete(self, caller: Caller, investigation_id: str, precondition: Precondition, origin: Origin) -> None:
        """Delete the state; the trail stays. Raises as `update` does."""

        async def use_case(transaction: Transaction) -> None:
            record = await self._changeable(transaction, caller, investigation_id)
            conditions.check(precondition, record, FIELDS, self._rules, origin.now)
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
            parent = await parent_of(transaction, caller.may_change, investigation_id)
            if parent is None or parent.purged_at or not caller.may_change(parent.user_id):
                raise absence(caller, investigation_id, parent)
            parts = Parts(request.previous_state, request.new_state)
            written = origin.entry(caller, investigation_id, request.action_type, parts)
            entry = replace(written, user_id=request.user_id, source=request.source)
            transaction.append(entry)
            return entry

        return await self._store.transact(use_case, origin.claim)

    async def _changeable(self, transaction: Transaction, caller: Caller, investigation_id: str) -> StateRecord:
        record = await self.unless_hidden(transaction, caller.may_change, investigation_id)
        if record is None:
            raise await self.absent(transaction, caller, investigation_id)
        return record


def _resets(requested: Mapping[str, Any]) -> bool:
    """Whether a request asks for a new run of a state that has expired in whatever step."""
    status = requested.get("status", InvestigationStatus.IN_PROGRESS)
    return requested.get("wizard_step") == WizardStep.SETTINGS and status == InvestigationStatus.IN_PROGRESS
