"""Writes the versions of a state within its limits: reports of agents go on, because old lines of logs leave."""

from typing import NamedTuple

from wizard_server.domain.authorship import Origin, new_entry_id
from wizard_server.domain.callers import Caller
from wizard_server.domain.changes import Parts
from wizard_server.domain.clock import to_wire
from wizard_server.domain.diffing import diff, fields_changed
from wizard_server.domain.log_lines import OTHERS, REPORTS, Room, exceeds, shortened
from wizard_server.domain.models.enumerations import WizardStep
from wizard_server.domain.ports import Transaction
from wizard_server.domain.progress import ProgressUpdate, as_progress
from wizard_server.domain.record import FIELDS, Document, Draft, StateRecord, draft, in_order
from wizard_server.domain.rules import Rules
from wizard_server.domain.updates import Update
from wizard_server.domain.validation import validate_state_size


class Change(NamedTuple):
    """A state before and after an update, and the parts that differ."""

    before: Document
    after: Document
    parts: Parts


class Versions:
    """Writes the first version of a state and those that follow; each raises `StateTooLargeError`."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def first(self, transaction: Transaction, caller: Caller, document: Document, origin: Origin) -> StateRecord:
        """Write `document`, whose version is the next one of its investigation."""
        investigation_id: str = document["investigation_id"]
        version: int = document["version"]
        created = _draft(document, caller, dict.fromkeys(FIELDS, version), origin)
        self._check_size(created)
        parts = Parts(None, in_order(document))
        entry_id = created.record.last_entry
        transaction.save(created, origin.entry(caller, investigation_id, "STATE_CREATED", parts, version, entry_id))
        return created.record

    def following(
        self,
        transaction: Transaction,
        caller: Caller,
        record: StateRecord,
        change: Change,
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
                return self.following(transaction, caller, record, shorter, origin)
            self._check_size(successor)
        action = "PROGRESS_UPDATED" if changed == ["progress"] else "STATE_CHANGE"
        entry_id = successor.record.last_entry
        transaction.save(successor, origin.entry(caller, record.investigation_id, action, parts, version, entry_id))
        return successor.record

    def _shortened(self, change: Change, text: bytes, room: Room) -> Change | None:
        """Return the change to a state with shorter logs; None where nothing can leave."""
        progress = as_progress(change.after["progress"])
        if progress is None:
            return None
        shorter = shortened(as_progress(change.before["progress"]), progress, text, self._limits, room)
        if shorter is None:
            return None
        after = {**change.after, "progress": shorter}
        return Change(change.before, after, diff(change.before, after) or Parts({}, {}))

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
        last_entry=new_entry_id(origin.now),
    )


def room_for(update: Update, successor: Document, parts: Parts) -> Room | None:
    """Return what the next version may take before lines leave; None where the request itself says what is logged."""
    is_report = isinstance(update, ProgressUpdate)
    if is_report and successor["wizard_step"] == WizardStep.PROGRESS:
        return REPORTS
    return OTHERS if is_report or "progress" not in parts.current else None
