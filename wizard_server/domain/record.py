"""One version of a wizard state as it is held in memory: its keys, and its body encoded once."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import orjson

from wizard_server.domain.clock import wire_or_none

FIELDS = ("wizard_step", "status", "settings", "progress", "results")
PARTS = ("settings", "progress", "results")
_KEYS = (
    "investigation_id",
    "user_id",
    "wizard_step",
    "settings",
    "progress",
    "results",
    "status",
    "version",
    "created_at",
    "updated_at",
)

Document = dict[str, Any]


class Stamp(NamedTuple):
    """Which version of a state this is, and what can change without a new one: timestamps, in wire form."""

    version: int
    created_at: str | None
    updated_at: str | None
    heard_at: str | None


@dataclass(frozen=True, slots=True)
class StateRecord:
    """One version of a state.

    `opened` is the JSON object that clients get, without ``last_accessed`` and what follows it: it ends with a comma in
    place of the closing brace. It is encoded once and shared by all readers.
    `field_versions` maps each of `FIELDS` to the version that last changed it. `newest_version` is the highest version
    in the trail; it exceeds `version` only in a row that an edit in SQL set back. `mutation_id` is the Idempotency-Key
    of the request that made this version, `heard_at` when its agents last sent a report without news. `last_entry` is
    the audit entry of this version (None where the database does not say): it tells two histories of one number apart.
    `renderings` holds other forms of the body (compressed, summary), each made once, and answers with it.
    """

    investigation_id: str
    user_id: str
    wizard_step: str
    status: str
    version: int
    newest_version: int
    field_versions: Mapping[str, int]
    created_at: str
    updated_at: str
    updated_by: str
    last_accessed: str | None
    opened: bytes
    mutation_id: str | None = None
    heard_at: str | None = None
    last_entry: str | None = field(default=None, compare=False)
    renderings: dict[Hashable, Any] = field(default_factory=dict, compare=False)

    def document(self) -> Document:
        """Return the state as a fresh JSON object."""
        document: Document = orjson.loads(self.opened[:-1] + b"}")
        return document

    @property
    def stamp(self) -> Stamp:
        """What tells it from another reading of the state."""
        return Stamp(self.version, self.created_at, self.updated_at, self.heard_at)

    @property
    def last_report(self) -> str:
        """When the state last changed or its agents last reported."""
        return last_report(self.updated_at, self.heard_at)

    def changed_since(self, version: int) -> list[str]:
        """Return the top-level fields that changed after `version`."""
        if version > self.version:
            return list(FIELDS)
        return [field for field in FIELDS if self.field_versions[field] > version]


def last_report(updated_at: str, heard_at: str | None) -> str:
    """Return when a state last changed or its agents last reported; all in wire form."""
    return max(updated_at, heard_at or "")


class Values(Protocol):
    """A document or a database row."""

    def __getitem__(self, key: str, /) -> Any:
        """Return the value under `key`."""


def encode(values: Values, parts: Mapping[str, str | None]) -> bytes:
    """Return a state as `StateRecord.opened`: the keys of `values`, with the encoded `parts` (settings and so on)."""
    texts = {part: None if text is None else orjson.Fragment(text) for part, text in parts.items()}
    return opened(orjson.dumps({key: texts[key] if key in texts else values[key] for key in _KEYS}))


def opened(text: bytes) -> bytes:
    """Return a JSON object open for further members; the copy drops what the encoder reserved beyond its end."""
    return text[:-1] + b","


def opened_document(document: Document) -> bytes:
    """Return a document as `StateRecord.opened`, its members in the order of every state."""
    return opened(orjson.dumps(in_order(document)))


def in_order(document: Document) -> Document:
    """Return the members of a document in the order of every state."""
    return {key: document[key] for key in _KEYS}


class Draft(NamedTuple):
    """A version to be written: the record, its JSON columns (``settings_json`` ...) by part, and its `document`."""

    record: StateRecord
    parts: Mapping[str, str | None]
    document: Document


def draft(
    document: Document,
    *,
    field_versions: Mapping[str, int],
    updated_by: str,
    mutation_id: str | None,
    last_entry: str,
) -> Draft:
    """Return `document` as a version to be written, with the entry `last_entry`; each part is encoded once."""
    parts = {part: None if document[part] is None else orjson.dumps(document[part]).decode() for part in PARTS}
    record = StateRecord(
        investigation_id=document["investigation_id"],
        user_id=document["user_id"],
        wizard_step=document["wizard_step"],
        status=document["status"],
        version=document["version"],
        newest_version=document["version"],
        field_versions=field_versions,
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        updated_by=updated_by,
        last_accessed=None,
        opened=encode(document, parts),
        mutation_id=mutation_id,
        last_entry=last_entry,
    )
    return Draft(record, parts, document)


def summary(record: StateRecord, last_accessed: str | None) -> dict[str, Any]:
    """Return `record` as one row of a dashboard; `last_accessed` is newer than that of the record, or None.

    The state is parsed for the first call only.
    """
    known = record.renderings.get("row")
    if known is None:
        known = record.renderings["row"] = orjson.dumps(list_row(record))
    row: dict[str, Any] = orjson.loads(known)
    return row | {"last_accessed": last_accessed or record.last_accessed, "heard_at": record.heard_at}


def listed(document: Document) -> dict[str, Any]:
    """Return what lists show from within the documents of a state; None for what they do not say."""
    settings, progress, results = (value if isinstance(value, dict) else {} for value in map(document.get, PARTS))
    risk = results.get("risk_score")
    risk = risk if isinstance(risk, dict) else {}
    entities = settings.get("entities")
    return {
        "name": _text(settings.get("name")),
        "description": _text(settings.get("description")),
        "entity_count": len(entities) if isinstance(entities, list) else None,
        "started_at": progress.get("started_at"),
        "completed_at": results.get("completed_at"),
        "overall_score": risk.get("overall_score"),
        "risk_level": risk.get("risk_level"),
        "overall_progress": progress.get("overall_progress"),
        "current_phase": progress.get("current_phase"),
    }


def list_row(record: StateRecord) -> dict[str, Any]:
    """Return what lists show of a state, as a row of the database has it."""
    shown = listed(record.document())
    return {
        "investigation_id": record.investigation_id,
        "user_id": record.user_id,
        "name": shown["name"],
        "description": shown["description"],
        "wizard_step": record.wizard_step,
        "status": record.status,
        "version": record.version,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "last_accessed": None,
        "heard_at": None,
        "entity_count": shown["entity_count"],
        "started_at": wire_or_none(shown["started_at"]),
        "completed_at": wire_or_none(shown["completed_at"]),
        "risk_score": risk_score(shown["overall_score"], shown["risk_level"]),
        "overall_progress": shown["overall_progress"],
        "current_phase": shown["current_phase"],
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def risk_score(overall_score: Any, risk_level: Any) -> dict[str, Any] | None:
    """Return what lists show of a risk assessment; None where there is none."""
    if type(overall_score) not in (int, float) or not isinstance(risk_level, str):
        return None
    return {"overall_score": float(overall_score), "risk_level": risk_level}
