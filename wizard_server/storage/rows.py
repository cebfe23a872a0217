"""Between the rows of the database and the objects of the domain."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from wizard_server.domain.changes import Parts
from wizard_server.domain.keyed import KeptAnswer, Shown, expired_before
from wizard_server.domain.ports import AuditEntry, Template
from wizard_server.domain.state import FIELDS, PARTS, Draft, StateRecord, Values, encode


def state_from_row(row: Values) -> StateRecord:
    """Return the record of a ``states.get`` row."""
    return StateRecord(
        investigation_id=row["investigation_id"],
        user_id=row["user_id"],
        wizard_step=row["wizard_step"],
        status=row["status"],
        version=row["version"],
        newest_version=max(row["newest_version"] or 0, row["version"]),
        field_versions={field: row[f"{field}_version"] for field in FIELDS},
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        updated_by=row["updated_by"] or row["user_id"],
        last_accessed=row["last_accessed"],
        mutation_id=row["mutation_id"],
        opened=encode(row, {part: row[f"{part}_json"] for part in PARTS}),
    )


def state_to_row(draft: Draft, base_version: int | None, sequence: int) -> dict[str, Any]:
    """Return the parameters of ``states.insert`` and ``states.update``."""
    record = draft.record
    return {
        "investigation_id": record.investigation_id,
        "user_id": record.user_id,
        "wizard_step": record.wizard_step,
        "status": record.status,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "updated_by": record.updated_by,
        "version": record.version,
        "base_version": base_version,
        "change_seq": sequence,
        **{f"{field}_version": version for field, version in record.field_versions.items()},
        **{f"{part}_json": text for part, text in draft.parts.items()},
    }


def entry_to_row(entry: AuditEntry) -> dict[str, Any]:
    """Return the parameters of ``audit.insert``."""
    return {
        "entry_id": entry.entry_id,
        "investigation_id": entry.investigation_id,
        "user_id": entry.user_id,
        "action_type": entry.action_type,
        "previous_state": _encoded(entry.parts.previous),
        "new_state": _encoded(entry.parts.current),
        "source": entry.source,
        "timestamp": entry.timestamp,
        "version": entry.version,
        "mutation_id": entry.mutation_id,
    }


def entry_from_row(row: Values) -> AuditEntry:
    """Return the entry of an ``audit.list`` or ``audit.trail`` row."""
    return _entry(row, Parts(_decoded(row["previous_state"]), _decoded(row["new_state"])))


def partial_entry_from_row(row: Values) -> AuditEntry:
    """Return the entry of a row, but not what it changed."""
    return replace(_entry(row, Parts(None, None)), is_partial=True)


def _entry(row: Values, parts: Parts) -> AuditEntry:
    return AuditEntry(
        entry_id=row["entry_id"],
        investigation_id=row["investigation_id"],
        user_id=row["user_id"],
        action_type=row["action_type"],
        parts=parts,
        source=row["source"],
        timestamp=row["timestamp"],
        version=row["version"],
        mutation_id=row["mutation_id"],
    )


def template_to_row(template: Template) -> dict[str, Any]:
    """Return the parameters of ``templates.save``."""
    return {
        "template_id": template.template_id,
        "user_id": template.user_id,
        "name": template.name,
        "description": template.description,
        "template_json": _encoded(template.settings),
        "created_at": template.created_at,
        "updated_at": template.updated_at,
    }


def template_from_row(row: Values) -> Template:
    """Return the template of a ``templates.get`` or ``templates.list`` row."""
    return Template(
        template_id=row["template_id"],
        user_id=row["user_id"],
        name=row["name"],
        description=row["description"],
        settings=_decoded(row["template_json"]),
        usage_count=row["usage_count"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def kept_to_row(kept: KeptAnswer) -> dict[str, Any]:
    """Return the parameters of ``idempotency.insert``."""
    return {
        "user_id": kept.user_id,
        "key": kept.key,
        "fingerprint": kept.fingerprint,
        "status": kept.shown.status,
        "investigation_id": kept.shown.investigation_id,
        "version": kept.shown.version,
        "body": kept.shown.body,
        "created_at": kept.created_at,
        "expired": expired_before(datetime.fromisoformat(kept.created_at)),
    }


def kept_from_row(row: Values) -> KeptAnswer:
    """Return the answer of an ``idempotency.get`` row."""
    shown = Shown(row["status"], row["investigation_id"], row["version"], row["body"])
    return KeptAnswer(row["user_id"], row["key"], row["fingerprint"], shown, row["created_at"])


def _encoded(part: Any) -> str | None:
    return None if part is None else orjson.dumps(part).decode()


def _decoded(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
