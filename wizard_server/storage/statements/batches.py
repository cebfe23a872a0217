"""The plan of a batch: its writes as data, made without a database and run by the engine."""

from collections.abc import Mapping
from typing import Any

from wizard_server.domain.record import Draft, StateRecord
from wizard_server.domain.trail import AuditEntry
from wizard_server.storage.batch import Batch
from wizard_server.storage.engine import Write
from wizard_server.storage.rows import kept_to_row, state_to_row, template_to_row

# Writes a page and changes nothing: an empty transaction writes nothing, so it succeeds on a full disk too.
PROBE = (Write("health.probe", [{"by": 1}, {"by": 2}]),)


def plan(batch: Batch, *, audit: bool, lists: bool) -> list[Write]:
    """Return the steps that write `batch`, those of entries only with `audit`; `lists`: see `Writer.stores_listed`.

    Entries come before states: the triggers do nothing where a version has its entry already. Answers come last: their
    step meets fewer rows when requests were carried out before.
    """
    steps = [
        Write("investigations.claim", [_claim(record) for record in batch.claims.values()]),
        Write("audit.insert", batch.entry_rows if audit else []),
        *_states(batch, lists=lists),
        *_templates(batch),
        Write("idempotency.insert", [kept_to_row(kept) for kept in batch.answers.values()]),
    ]
    return [step for step in steps if step.rows]


def _states(batch: Batch, *, lists: bool) -> list[Write]:
    """Return the writes of states; deletions first, which may take places of their own in the order of changes."""
    changes, revived = list(batch.changes()), batch.revived_only()
    gone = [base for base, head in changes if base is not None and head is None]
    signs = [
        {"investigation_id": each.investigation_id, "version": each.version, "heard_at": each.heard_at}
        for each in revived
    ]

    def row(head: Draft, base_version: int | None) -> dict[str, Any]:
        last_entry = batch.newest_entries[head.record.investigation_id].entry_id
        return state_to_row(head, base_version, last_entry, lists=lists)

    return [
        Write("investigations.retire", [_retirement(batch.newest_entries[base.investigation_id]) for base in gone]),
        Write("states.delete", [_removal(base) for base in gone]),
        Write("states.insert", [row(head, None) for base, head in changes if head and base is None]),
        Write("states.update", [row(head, base.version) for base, head in changes if head and base]),
        Write("states.revive", signs),
    ]


def _templates(batch: Batch) -> list[Write]:
    """Return the writes of templates; deletions first, because another template may take the name."""
    gone = [{"template_id": key} for key, template in batch.templates.items() if template is None]
    written = [template for template in batch.templates.values() if template is not None]
    new = [template_to_row(each) for each in written if each.template_id in batch.new_templates]
    known = [template_to_row(each) for each in written if each.template_id not in batch.new_templates]
    uses = [{"template_id": key, "uses": count} for key, count in batch.uses.items()]
    return [
        Write("templates.delete", gone, exact=False),
        Write("templates.update", known),
        Write("templates.insert", new),
        Write("templates.count_use", uses, exact=False),
    ]


def touching(touched: Mapping[str, str], heard: Mapping[str, str]) -> list[Write]:
    """Return the writes of when states were last read (`touched`) and reported on (`heard`)."""
    return [
        Write("states.touch", _instants("last_accessed", touched), exact=False),
        Write("states.heard", _instants("heard_at", heard), exact=False),
    ]


def _instants(column: str, instants: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"investigation_id": key, column: instant} for key, instant in instants.items()]


def _retirement(entry: AuditEntry) -> dict[str, Any]:
    return {
        "investigation_id": entry.investigation_id,
        "newest_version": entry.version,
        "removed_at": entry.timestamp,
    }


def _removal(base: StateRecord) -> dict[str, Any]:
    return {"investigation_id": base.investigation_id, "base_version": base.version}


def _claim(record: StateRecord) -> dict[str, Any]:
    return {
        "investigation_id": record.investigation_id,
        "user_id": record.user_id,
        "created_at": record.created_at,
    }
