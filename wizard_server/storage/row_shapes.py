"""What a column may hold so that the server can read its row; anything else, by hand or by import, is a fault.

SQLite keeps what it is given: a number where a timestamp belongs, a BLOB or bytes that are no UTF-8 where a text does,
JSON that nobody else reads. Decoding starts here, for every table, and so does ``wizard-server schema check --data``.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from wizard_server.domain.clock import to_utc, to_wire, wire_or_none
from wizard_server.domain.json_text import check_depth, refuse_inexact
from wizard_server.domain.models import AuditSource, InvestigationStatus, WizardStep
from wizard_server.domain.record import FIELDS, PARTS
from wizard_server.errors import MalformedJsonError, UnreadableRowError
from wizard_server.storage.engine import Row

# The largest integer that every reader of JSON has exactly; a version or a place has to leave room for the next one.
LARGEST = 2**53 - 1
# orjson encodes 254 levels; an answer puts a few around a document.
_DEEPEST = 200
_WIRE_LENGTH = len("2026-01-09T08:00:00.000Z")
_WIRE_MARKS = ((10, "T"), (19, "."), (23, "Z"))
_SHOWN = 100
_KINDS = {
    bytes: "is a BLOB, or text that is not UTF-8",
    type(None): "is NULL",
    int: "is an integer",
    float: "is a real number",
    str: "is text",
}


class FaultError(Exception):
    """A value is not as its column needs it; the text is the reason."""


Reader = Callable[[Any], Any]


def _text(value: Any) -> str:
    if type(value) is not str:
        raise FaultError(f"{_KINDS[type(value)]}, not text")
    return value


def _instant(value: Any) -> str:
    """Return a timestamp in its wire form; one by hand may have another ISO 8601 form."""
    text = _text(value)
    try:
        moment = datetime.fromisoformat(text)
        is_wire = len(text) == _WIRE_LENGTH and all(text[place] == mark for place, mark in _WIRE_MARKS)
        return text if is_wire else to_wire(to_utc(moment))
    except ValueError:
        raise FaultError("is no timestamp (ISO 8601)") from None


def _mark(value: Any) -> str | None:
    """Return a timestamp that is no part of a state; a wrong one is none, for the next look replaces it."""
    try:
        return _instant(value)
    except FaultError:
        return None


def _integer(lowest: int, highest: int = LARGEST) -> Reader:
    def read(value: Any) -> int:
        if type(value) is not int:
            raise FaultError(f"{_KINDS[type(value)]}, not an integer")
        if not lowest <= value <= highest:
            raise FaultError(f"is {value}, not {lowest} to {highest}")
        return value

    return read


def _choice(*names: str) -> Reader:
    def read(value: Any) -> str:
        if value not in names:
            raise FaultError(f"is none of {', '.join(names)}")
        return str(value)

    return read


def _optional(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


def json_value(value: Any) -> Any:
    """Return the value of a JSON text that says one thing to every reader, and that can be written again."""
    text = _text(value).encode()
    try:
        parsed = orjson.loads(text)
        if text.count(b"[") + text.count(b"{") > _DEEPEST:
            check_depth(parsed, _DEEPEST)
        refuse_inexact(text, parsed)
    except orjson.JSONDecodeError as error:
        raise FaultError(f"is not JSON: {error}") from None
    except MalformedJsonError as error:
        raise FaultError(f"is not taken as JSON: {error.message}") from None
    except RecursionError:
        raise FaultError("is nested too deeply") from None
    return parsed


def _shown_text(value: Any) -> str | None:
    """Return what a list shows from within a document, which may hold anything there."""
    return value if isinstance(value, str) else None


def _shown_number(value: Any) -> float | None:
    return value if type(value) in (int, float) and math.isfinite(value) else None


def broken_link(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return what keeps an entry that is a version from being one link of a chain: column and reason."""
    if values.get("version") is None:
        return None
    for column in ("previous_state", "new_state"):
        side = values.get(column)
        if side is not None and not (isinstance(side, dict) and type(side.get("version")) is int):
            return column, "names no version, so the entry is no link of its chain"
    return None


def _broken_answer(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return what keeps a kept answer from being one: its body is an object, or the end of one that is a state."""
    body = values["body"]
    if body is None:
        return None
    begins = values["version"] is None or body.startswith("{")
    try:
        is_object = isinstance(json_value(body if begins else f'{{"":0,{body}'), dict)
    except FaultError as fault:
        return "body", str(fault)
    return None if is_object else ("body", "is no JSON object")


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of one table, by the names that statements give them; `key` names its rows.

    `check` returns what is wrong between columns, each good for itself: one of them and the reason.
    """

    table: str
    key: str
    columns: Mapping[str, Reader]
    check: Callable[[Mapping[str, Any]], tuple[str, str] | None] = lambda values: None


_VERSION, _PLACE = _integer(1), _integer(0)
STATES = Shape(
    "investigation_states",
    "investigation_id",
    {
        "investigation_id": _text,
        "user_id": _text,
        "wizard_step": _choice(*WizardStep),
        "status": _choice(*InvestigationStatus),
        "created_at": _instant,
        "updated_at": _instant,
        "last_accessed": _mark,
        "heard_at": _mark,
        "version": _VERSION,
        "newest_version": _PLACE,
        "change_seq": _PLACE,
        "updated_by": _optional(_text),
        "mutation_id": _optional(_text),
        **{f"{name}_version": _VERSION for name in FIELDS},
        **{f"{part}_json": _optional(json_value) for part in PARTS},
        "name": _shown_text,
        "description": _shown_text,
        "entity_count": _shown_number,
        "started_at": wire_or_none,
        "completed_at": wire_or_none,
        "overall_score": _shown_number,
        "risk_level": _shown_text,
        "overall_progress": _shown_number,
        "current_phase": _shown_text,
    },
)
INVESTIGATIONS = Shape(
    "investigations",
    "id",
    {
        "id": _text,
        "created_at": _instant,
        "user_id": _optional(_text),
        "newest_version": _PLACE,
        "purged_at": _optional(_instant),
        "removed_seq": _optional(_PLACE),
    },
)
# An investigation as ``active.removed_user`` names its columns.
REMOVED = Shape("investigations", "investigation_id", {"investigation_id": _text, "change_seq": _PLACE})
ENTRIES = Shape(
    "investigation_audit_log",
    "entry_id",
    {
        "entry_id": _text,
        "investigation_id": _text,
        "user_id": _text,
        "action_type": _text,
        "previous_state": _optional(json_value),
        "new_state": _optional(json_value),
        "source": _choice(*AuditSource),
        "timestamp": _instant,
        "version": _optional(_VERSION),
        "mutation_id": _optional(_text),
    },
    broken_link,
)
TEMPLATES = Shape(
    "investigation_templates",
    "template_id",
    {
        "template_id": _text,
        "user_id": _text,
        "name": _text,
        "description": _optional(_text),
        "template_json": json_value,
        "usage_count": _PLACE,
        "created_at": _instant,
        "updated_at": _instant,
    },
)
SEQUENCE = Shape("change_sequence", "id", {"value": _PLACE, "floor": _PLACE})
KEPT_ANSWERS = Shape(
    "idempotency_keys",
    "key",
    {
        "user_id": _text,
        "key": _text,
        "fingerprint": _text,
        "status": _integer(200, 299),
        "investigation_id": _optional(_text),
        "version": _optional(_VERSION),
        "body": _optional(_text),
        "created_at": _instant,
    },
    _broken_answer,
)
SHAPES = (INVESTIGATIONS, STATES, ENTRIES, TEMPLATES, KEPT_ANSWERS, SEQUENCE)


def read(shape: Shape, row: Row, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return those columns of `row` that `shape` knows, as values, but not those in `without`.

    Raises `UnreadableRowError` for the first fault.
    """
    values = {}
    columns = shape.columns
    for name, value in zip(row.keys(), row, strict=True):
        if name in columns and name not in without:
            try:
                values[name] = columns[name](value)
            except FaultError as fault:
                raise _unreadable(shape, row, name, str(fault)) from None
    wrong = shape.check(values)
    if wrong is not None:
        raise _unreadable(shape, row, *wrong)
    return values


def faults(shape: Shape, row: Row) -> Iterator[UnreadableRowError]:
    """Yield every fault of `row`; between columns only when each is good for itself."""
    found = False
    for name, value in zip(row.keys(), row, strict=True):
        if name in shape.columns:
            try:
                shape.columns[name](value)
            except FaultError as fault:
                found = True
                yield _unreadable(shape, row, name, str(fault))
    if not found:
        try:
            read(shape, row)
        except UnreadableRowError as error:
            yield error


def only(shape: Shape, rows: Sequence[Row]) -> dict[str, Any]:
    """Return the values of a table that has one row; raise `UnreadableRowError` when it has none."""
    if not rows:
        raise missing(shape)
    return read(shape, rows[0])


def missing(shape: Shape) -> UnreadableRowError:
    """Return the error for a table that has lost its one row."""
    return UnreadableRowError(table=shape.table, key=shape.table, column=shape.key, reason="is missing: no row")


def _unreadable(shape: Shape, row: Row, column: str, reason: str) -> UnreadableRowError:
    names = row.keys()
    key = row[shape.key] if shape.key in names else shape.table
    owner = row["user_id"] if "user_id" in names else None
    return UnreadableRowError(
        table=shape.table,
        key=(key if isinstance(key, str) else repr(key))[:_SHOWN],
        column=column,
        reason=reason,
        owner=owner if isinstance(owner, str) else None,
    )
