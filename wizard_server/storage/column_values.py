"""What a column may hold; any other value, written by hand or by an import, is a fault that makes its row unreadable.

SQLite keeps what it is given: a number where a timestamp belongs, a BLOB or bytes that are no UTF-8 where a text does,
JSON that nobody else reads. Decoding starts here, for every table, and so does ``wizard-server schema check --data``.
"""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from wizard_server.domain.clock import to_utc, to_wire
from wizard_server.domain.json_text import check_depth, refuse_inexact
from wizard_server.errors import MalformedJsonError

# The largest integer that every reader of JSON has exactly; a version or a place has to leave room for the next one.
LARGEST = 2**53 - 1
# orjson encodes 254 levels; an answer puts a few around a document.
_DEEPEST = 200
_WIRE_LENGTH = len("2026-01-09T08:00:00.000Z")
_WIRE_MARKS = ((10, "T"), (19, "."), (23, "Z"))
_KINDS = {
    bytes: "is a BLOB, or text that is not UTF-8",
    type(None): "is NULL",
    int: "is an integer",
    float: "is a real number",
    str: "is text",
}


class FaultError(Exception):
    """A value that its column may not hold; the text is the reason."""


Reader = Callable[[Any], Any]


def text(value: Any) -> str:
    """Return a text."""
    if type(value) is not str:
        raise FaultError(f"{_KINDS[type(value)]}, not text")
    return value


def instant(value: Any) -> str:
    """Return a timestamp in its wire form; one by hand may have another ISO 8601 form."""
    written = text(value)
    try:
        moment = datetime.fromisoformat(written)
        is_wire = len(written) == _WIRE_LENGTH and all(written[place] == sign for place, sign in _WIRE_MARKS)
        return written if is_wire else to_wire(to_utc(moment))
    except ValueError:
        raise FaultError("is no timestamp (ISO 8601)") from None


def mark(value: Any) -> str | None:
    """Return a timestamp that is no part of a state; a wrong one counts as none, because the next look replaces it."""
    try:
        return instant(value)
    except FaultError:
        return None


def integer(lowest: int, highest: int = LARGEST) -> Reader:
    """Return the reader of integers from `lowest` to `highest`."""

    def read(value: Any) -> int:
        if type(value) is not int:
            raise FaultError(f"{_KINDS[type(value)]}, not an integer")
        if not lowest <= value <= highest:
            raise FaultError(f"is {value}, not {lowest} to {highest}")
        return value

    return read


def choice(*names: str) -> Reader:
    """Return the reader of one of `names`."""

    def read(value: Any) -> str:
        if value not in names:
            raise FaultError(f"is none of {', '.join(names)}")
        return str(value)

    return read


def optional(reader: Reader) -> Reader:
    """Return `reader` for a column that may be NULL, which is None."""
    return lambda value: None if value is None else reader(value)


def json_value(value: Any) -> Any:
    """Return the value of a JSON text that every parser reads alike and that can be written again."""
    encoded = text(value).encode()
    try:
        parsed = orjson.loads(encoded)
        if encoded.count(b"[") + encoded.count(b"{") > _DEEPEST:
            check_depth(parsed, _DEEPEST)
        refuse_inexact(encoded, parsed)
    except orjson.JSONDecodeError as error:
        raise FaultError(f"is not JSON: {error}") from None
    except MalformedJsonError as error:
        raise FaultError(f"is not taken as JSON: {error.message}") from None
    except RecursionError:
        raise FaultError("is nested too deeply") from None
    return parsed


def shown_text(value: Any) -> str | None:
    """Return a text that a list shows from within a document, None for anything else."""
    return value if isinstance(value, str) else None


def shown_number(value: Any) -> float | None:
    """Return a number that a list shows from within a document, None for anything else."""
    return value if type(value) in (int, float) and math.isfinite(value) else None
