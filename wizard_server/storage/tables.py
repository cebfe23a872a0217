"""The tables whose rows the server decodes, and what their columns may hold."""

from collections.abc import Mapping
from typing import Any

from wizard_server.domain.clock import wire_or_none
from wizard_server.domain.models.enumerations import AuditSource, InvestigationStatus, WizardStep
from wizard_server.domain.record import FIELDS, PARTS
from wizard_server.storage import column_values as column
from wizard_server.storage.row_shapes import Shape


def broken_link(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why an entry that is a version is no link of its chain (column and reason), None when it is one."""
    if values.get("version") is None:
        return None
    for name in ("previous_state", "new_state"):
        side = values.get(name)
        if side is not None and not (isinstance(side, dict) and type(side.get("version")) is int):
            return name, "names no version, so the entry is no link of its chain"
    return None


def _broken_answer(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why the body of a kept answer is none (column and reason), None when it is one.

    It is a JSON object, or with a version what follows the members of the state in it.
    """
    body = values["body"]
    if body is None:
        return None
    begins = values["version"] is None or body.startswith("{")
    try:
        is_object = isinstance(column.json_value(body if begins else f'{{"":0,{body}'), dict)
    except column.FaultError as fault:
        return "body", str(fault)
    return None if is_object else ("body", "is no JSON object")


_VERSION, _PLACE = column.integer(1), column.integer(0)
STATES = Shape(
    "investigation_states",
    "investigation_id",
    {
        "investigation_id": column.text,
        "user_id": column.text,
        "wizard_step": column.choice(*WizardStep),
        "status": column.choice(*InvestigationStatus),
        "created_at": column.instant,
        "updated_at": column.instant,
        "last_accessed": column.mark,
        "heard_at": column.mark,
        "version": _VERSION,
        "newest_version": _PLACE,
        "change_seq": _PLACE,
        "updated_by": column.optional(column.text),
        "mutation_id": column.optional(column.text),
        "last_entry": column.optional(column.text),
        **{f"{name}_version": _VERSION for name in FIELDS},
        **{f"{part}_json": column.optional(column.json_value) for part in PARTS},
        "name": column.shown_text,
        "description": column.shown_text,
        "entity_count": column.shown_number,
        "started_at": wire_or_none,
        "completed_at": wire_or_none,
        "overall_score": column.shown_number,
        "risk_level": column.shown_text,
        "overall_progress": column.shown_number,
        "current_phase": column.shown_text,
    },
)
INVESTIGATIONS = Shape(
    "investigations",
    "id",
    {
        "id": column.text,
        "created_at": column.instant,
        "user_id": column.optional(column.text),
        "newest_version": _PLACE,
        "purged_at": column.optional(column.instant),
        "removed_seq": column.optional(_PLACE),
    },
)
# An investigation as ``active.removed_user`` names its columns.
REMOVED = Shape("investigations", "investigation_id", {"investigation_id": column.text, "change_seq": _PLACE})
ENTRIES = Shape(
    "investigation_audit_log",
    "entry_id",
    {
        "entry_id": column.text,
        "investigation_id": column.text,
        "user_id": column.text,
        "action_type": column.text,
        "previous_state": column.optional(column.json_value),
        "new_state": column.optional(column.json_value),
        "source": column.choice(*AuditSource),
        "timestamp": column.instant,
        "version": column.optional(_VERSION),
        "mutation_id": column.optional(column.text),
    },
    broken_link,
)
TEMPLATES = Shape(
    "investigation_templates",
    "template_id",
    {
        "template_id": column.text,
        "user_id": column.text,
        "name": column.text,
        "description": column.optional(column.text),
        "template_json": column.json_value,
        "usage_count": _PLACE,
        "created_at": column.instant,
        "updated_at": column.instant,
    },
)
SEQUENCE = Shape("change_sequence", "id", {"value": _PLACE, "floor": _PLACE})
KEPT_ANSWERS = Shape(
    "idempotency_keys",
    "key",
    {
        "user_id": column.text,
        "key": column.text,
        "fingerprint": column.text,
        "status": column.integer(200, 299),
        "investigation_id": column.optional(column.text),
        "version": column.optional(_VERSION),
        "body": column.optional(column.text),
        "created_at": column.instant,
    },
    _broken_answer,
)
SHAPES = (INVESTIGATIONS, STATES, ENTRIES, TEMPLATES, KEPT_ANSWERS, SEQUENCE)
