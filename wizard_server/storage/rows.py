"""Converts rows of the database into objects of the domain, and back."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from wizard_server.domain.changes import Parts
from wizard_server.domain.keyed import KeptAnswer, Shown, expired_before
from wizard_server.domain.record import FIELDS, PARTS, Draft, StateRecord, encode, listed, risk_score
from wizard_server.domain.trail import AuditEntry, Investigation, Template
from wizard_server.storage import tables
from wizard_server.storage.engine import Row


def state_from_row(row: Row) -> StateRecord:
    """Return the record of a ``states.get`` row; this and all that read rows raise `UnreadableRowError`."""
    values = tables.STATES.read(row)
    return StateRecord(
        investigation_id=values["investigation_id"],
        user_id=values["user_id"],
        wizard_step=values["wizard_step"],
        status=values["status"],
        version=values["version"],
        newest_version=max(values["newest_version"], values["version"]),
        field_versions={field: values[f"{field}_version"] for field in FIELDS},
        created_at=values["created_at"],
        updated_at=values["updated_at"],
        updated_by=values["updated_by"] or values["user_id"],
        last_accessed=values["last_accessed"],
        mutation_id=values["mutation_id"],
        heard_at=values["heard_at"],
        last_entry=values.get("last_entry"),
        opened=encode(values, {part: row[f"{part}_json"] for part in PARTS}),
    )


def summary_from_row(row: Row) -> dict[str, Any]:
    """Return one row of a list or a dashboard."""
    return summary_of(tables.STATES.read(row))


def summary_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of one row of a list as it is shown; changes `values`."""
    values.pop("change_seq", None)
    values["risk_score"] = risk_score(values.pop("overall_score"), values.pop("risk_level"))
    return values


def investigation_from_row(row: Row) -> Investigation:
    """Return the parent of an ``investigations.get`` row."""
    values = tables.INVESTIGATIONS.read(row)
    return Investigation(values["id"], values["user_id"], values["newest_version"], values["purged_at"])


def state_to_row(draft: Draft, base_version: int | None, last_entry: str, *, lists: bool) -> dict[str, Any]:
    """Return the parameters of ``states.insert`` and ``states.update``; `last_entry` is the entry of the version.

    With `lists` they include what lists show: see `Writer.stores_listed`.
    """
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
        "last_entry": last_entry,
        **{f"{field}_version": version for field, version in record.field_versions.items()},
        **{f"{part}_json": text for part, text in draft.parts.items()},
        **(_listed(draft) if lists else {}),
    }


def _listed(draft: Draft) -> dict[str, Any]:
    shown = {name: tables.STATES.columns[name](value) for name, value in listed(draft.document).items()}
    return {**shown, "name_folded": folded(shown["name"])}


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


def entry_from_row(row: Row) -> AuditEntry:
    """Return the entry of an ``audit.list`` or ``audit.trail`` row."""
    values = tables.ENTRIES.read(row)
    entry = _entry(values, Parts(values["previous_state"], values["new_state"]))
    return replace(entry, stored_bytes=len(row["previous_state"] or "") + len(row["new_state"] or ""))


def partial_entry_from_row(row: Row) -> AuditEntry:
    """Return the entry of a row, but not what it changed."""
    values = tables.ENTRIES.read(row, without=("previous_state", "new_state"))
    return replace(_entry(values, Parts(None, None)), is_partial=True)


def _entry(values: Mapping[str, Any], parts: Parts) -> AuditEntry:
    return AuditEntry(
        entry_id=values["entry_id"],
        investigation_id=values["investigation_id"],
        user_id=values["user_id"],
        action_type=values["action_type"],
        parts=parts,
        source=values["source"],
        timestamp=values["timestamp"],
        version=values["version"],
        mutation_id=values["mutation_id"],
    )


def template_to_row(template: Template) -> dict[str, Any]:
    """Return the parameters of ``templates.insert`` and ``templates.update``."""
    return {
        "template_id": template.template_id,
        "user_id": template.user_id,
        "name": template.name,
        "name_folded": folded(template.name),
        "description": template.description,
        "description_folded": folded(template.description),
        "template_json": _encoded(template.settings),
        "created_at": template.created_at,
        "updated_at": template.updated_at,
    }


def template_from_row(row: Row) -> Template:
    """Return the template of a ``templates.get`` or ``templates.list`` row."""
    return _template(tables.TEMPLATES.read(row))


def partial_template_from_row(row: Row) -> Template:
    """Return the template of a row, but not its settings."""
    values = tables.TEMPLATES.read(row, without=("template_json",))
    return replace(_template({**values, "template_json": {}}), is_partial=True)


def _template(values: Mapping[str, Any]) -> Template:
    return Template(
        template_id=values["template_id"],
        user_id=values["user_id"],
        name=values["name"],
        description=values["description"],
        settings=values["template_json"],
        usage_count=values["usage_count"],
        created_at=values["created_at"],
        updated_at=values["updated_at"],
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


def kept_from_row(row: Row) -> KeptAnswer:
    """Return the answer of an ``idempotency.get`` row."""
    kept = tables.KEPT_ANSWERS.read(row)
    shown = Shown(kept["status"], kept["investigation_id"], kept["version"], kept["body"])
    return KeptAnswer(kept["user_id"], kept["key"], kept["fingerprint"], shown, kept["created_at"])


def folded(text: str | None) -> str | None:
    """Return `text` as search compares it: without case, in any alphabet."""
    return None if text is None else text.casefold()


def _encoded(part: Any) -> str | None:
    return None if part is None else orjson.dumps(part).decode()
