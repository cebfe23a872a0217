"""The three ways in which a request names new content: fields, a merge patch (RFC 7396), a JSON patch (RFC 6902).

Each becomes an `Update`: which top-level fields it concerns, and what they become given the current document.
"""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import jsonpatch
import jsonpointer
import orjson
from pydantic import Field

from wizard_server.domain.changes import diff
from wizard_server.domain.models import Schema, WizardStateUpdate
from wizard_server.domain.state import FIELDS, PARTS, Document
from wizard_server.domain.validation import validate
from wizard_server.errors import FieldError, MalformedJsonError, PatchConflictError, ValidationFailedError

MAX_DEPTH = 64
MAX_OPERATIONS = 1000
MAX_COPIES = 32
# Every digit as 0, all else as a blank: 19 digits in a row are found in a tenth of the time that a pattern takes.
_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_BIG_NUMBER = b"0" * 19
_TOO_LARGE = 2.0**63
_ESCAPED_COLON = rb"\u003"
_ESCAPED_NUL = rb"\u0000"


def parse_json(text: bytes) -> Any:
    """Return `text` as JSON by RFC 8259 (no NaN, no lone surrogates), nested at most `MAX_DEPTH` deep.

    What could only be kept as something else is refused: integers beyond 64 bits, numbers beyond a double, names that
    occur twice in one object (RFC 8259 leaves open which of them counts, and the other would be lost). Raises
    `MalformedJsonError`, and `ValidationFailedError` for a text with U+0000, which PostgreSQL cannot hold.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedJsonError(f"the body is not JSON: {error}") from None
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH:
        check_depth(value)
    if _BIG_NUMBER in text.translate(_DIGITS) and _has_rounded(value):
        raise MalformedJsonError("an integer has more than 64 bits and would be rounded")
    # A name that occurs twice is kept once, and one colon with it: 3 microseconds for 5 KB, where a parser that looks
    # at each pair takes 30. An escaped colon would hide it.
    if _ESCAPED_COLON in text or text.count(b":") != orjson.dumps(value).count(b":"):
        json.loads(text, object_pairs_hook=_unique)
    if _ESCAPED_NUL in text:
        _refuse_nul(value, "")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise MalformedJsonError(f"the name {name[:100]!r} occurs twice in one object")
        found[name] = value
    return found


def _refuse_nul(value: Any, path: str) -> None:
    """Raise `ValidationFailedError` for the first text in `value` that holds U+0000."""
    if isinstance(value, str) and "\0" in value:
        raise ValidationFailedError.of(path or "body", "must not contain the character U+0000", "no_nul")
    if isinstance(value, dict):
        for name, member in value.items():
            _refuse_nul(name, path)
            _refuse_nul(member, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_nul(item, f"{path}.{index}".lstrip("."))


def _has_rounded(value: Any) -> bool:
    """Whether `value` holds a number that can only come of an integer too large to be kept as one."""
    if isinstance(value, dict | list):
        return any(map(_has_rounded, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and value.is_integer() and abs(value) >= _TOO_LARGE


def check_depth(value: Any) -> None:
    """Raise `MalformedJsonError` when `value` is nested more than `MAX_DEPTH` deep."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
    raise MalformedJsonError(f"the JSON is nested more than {MAX_DEPTH} deep")


class Update(Protocol):
    """New content for a state."""

    @property
    def fields(self) -> frozenset[str]:
        """The top-level fields that the request concerns."""

    @property
    def version(self) -> int | None:
        """The version that the body names as its base."""

    def requested(self, document: Document) -> dict[str, Any]:
        """Return what the concerned fields become, given the current `document`."""


@dataclass(frozen=True, slots=True)
class FieldUpdate:
    """``application/json``: the fields that are present replace."""

    values: Mapping[str, Any]
    version: int | None

    @classmethod
    def of(cls, body: Any) -> "FieldUpdate":
        """Check `body` as a `WizardStateUpdate`."""
        update = validate(WizardStateUpdate, body)
        present = {name for name in update.model_fields_set if getattr(update, name) is not None} - {"version"}
        return cls(update.model_dump(mode="json", include=present), update.version)

    @property
    def fields(self) -> frozenset[str]:
        """See `Update`."""
        return frozenset(self.values)

    def requested(self, document: Document) -> dict[str, Any]:
        """See `Update`."""
        return dict(self.values)


@dataclass(frozen=True, slots=True)
class MergePatch:
    """``application/merge-patch+json``: a null removes; ``version`` is a precondition, as in the other form."""

    patch: Mapping[str, Any]
    version: int | None

    @classmethod
    def of(cls, body: Any) -> "MergePatch":
        """Check that `body` is an object of known fields."""
        if not isinstance(body, dict):
            raise ValidationFailedError.of("body", "a merge patch is an object", "object")
        version = validate(WizardStateUpdate, {"version": body.get("version")}).version
        patch = {key: value for key, value in body.items() if key != "version"}
        unknown = [FieldError(key, "unknown field", "extra_forbidden") for key in patch if key not in FIELDS]
        if unknown:
            raise ValidationFailedError("the request is not valid", unknown)
        return cls(patch, version)

    @property
    def fields(self) -> frozenset[str]:
        """See `Update`."""
        return frozenset(self.patch)

    def requested(self, document: Document) -> dict[str, Any]:
        """See `Update`."""
        return _canonical({field: merged(document.get(field), value) for field, value in self.patch.items()})


def merged(target: Any, patch: Any) -> Any:
    """Return `target` with the merge `patch` applied (RFC 7396, section 2)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


class Operation(Schema):
    """One operation of RFC 6902."""

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str = Field(pattern=r"^(/([^~]|~[01])*)?\z")
    source: str | None = Field(None, alias="from", pattern=r"^(/([^~]|~[01])*)?\z")
    value: Any = None


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """``application/json-patch+json``: operations on the state document; its keys and version are read-only."""

    operations: Sequence[Mapping[str, Any]]
    version: None = None

    @classmethod
    def of(cls, body: Any) -> "JsonPatch":
        """Check that `body` is a list of well-formed operations."""
        if not isinstance(body, list):
            raise ValidationFailedError.of("body", "a JSON patch is an array of operations", "array")
        copies = sum(1 for item in body if isinstance(item, dict) and item.get("op") == "copy")
        if len(body) > MAX_OPERATIONS or copies > MAX_COPIES:
            limits = f"at most {MAX_OPERATIONS} operations, {MAX_COPIES} of them copies"
            raise ValidationFailedError.of("body", limits, "max_length")
        errors = [error for index, item in enumerate(body) for error in _operation_errors(index, item)]
        if errors:
            raise ValidationFailedError("the JSON patch is not valid", errors)
        return cls(body)

    @property
    def fields(self) -> frozenset[str]:
        """See `Update`."""
        touched = [operation["path"] for operation in self.operations if operation["op"] != "test"]
        touched += [operation["from"] for operation in self.operations if operation["op"] == "move"]
        names = {path.split("/")[1] if path else "" for path in touched}
        return frozenset(FIELDS if "" in names else names)

    def requested(self, document: Document) -> dict[str, Any]:
        """See `Update`; raises `PatchConflictError` when an operation does not apply."""
        patched = self._apply(document)
        if not isinstance(patched, dict):
            raise ValidationFailedError.of("body", "the patched state must be an object", "object")
        errors = [
            FieldError(key, "read-only field" if key in document else "unknown field", "read_only")
            for key in [*document, *(key for key in patched if key not in document)]
            if key not in FIELDS and (key not in document or diff(document[key], patched.get(key, ...)) is not None)
        ]
        if errors:
            raise ValidationFailedError("the patched state is not valid", errors)
        values = {field: patched.get(field) for field in FIELDS}
        named = self.fields & {"wizard_step"}  # naming step SETTINGS may ask for a reset, changed or not
        return _canonical(
            {
                field: value
                for field, value in values.items()
                if field in named or diff(document[field], value) is not None
            }
        )

    def _apply(self, document: Document) -> Any:
        # The library puts the operations' own values into the document, where later operations change them.
        patched, operations = deepcopy((document, self.operations))
        budget = max(len(orjson.dumps(document)) * 4, 1 << 22)
        for index, operation in enumerate(operations):
            try:
                if operation["op"] == "test":
                    _test(patched, operation)
                    continue
                patched = jsonpatch.apply_patch(patched, [operation], in_place=True)
                if operation["op"] == "copy" and len(orjson.dumps(patched)) > budget:
                    raise ValidationFailedError.of(str(index), "the copies make the state too large", "max_length")
            except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
                raise _does_not_apply(index, operation, error) from None
            except RecursionError:
                raise MalformedJsonError(f"the JSON is nested more than {MAX_DEPTH} deep") from None
            except (TypeError, KeyError, IndexError, ValueError, AttributeError) as error:
                # The library lets these through where a path runs into a value that has no members.
                raise _does_not_apply(index, operation, error) from None
        check_depth(patched)
        return patched


def _operation_errors(index: int, item: Any) -> list[FieldError]:
    try:
        operation = validate(Operation, dict(item) if isinstance(item, dict) else item, path=str(index))
    except ValidationFailedError as error:
        return [FieldError(**detail) for detail in error.extra["errors"]]
    missing = []
    if operation.op in ("add", "replace", "test") and "value" not in item:
        missing.append(FieldError(f"{index}.value", "required by this operation", "missing"))
    if operation.op in ("move", "copy") and operation.source is None:
        missing.append(FieldError(f"{index}.from", "required by this operation", "missing"))
    return missing


def _test(document: Any, operation: Mapping[str, Any]) -> None:
    """Compare as RFC 6902, section 4.6 has it: numbers by value, and no number equals a boolean."""
    found = jsonpointer.resolve_pointer(document, operation["path"])
    if not _equal(found, operation["value"]):
        raise jsonpatch.JsonPatchTestFailed("the value is another one")


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _does_not_apply(index: int, operation: Mapping[str, Any], error: Exception) -> PatchConflictError:
    reason = str(error) if operation["op"] != "test" else "the value is another one"
    return PatchConflictError(
        f"operation {index} ({operation['op']} {operation['path']!r}) does not apply to the current state: {reason}",
        operation=index,
    )


def _canonical(requested: Mapping[str, Any]) -> dict[str, Any]:
    """Return the patched fields as the schemas write them; a removed settings, progress or results becomes None."""
    removed = {field: None for field, value in requested.items() if value is None}
    kept = {field: value for field, value in requested.items() if value is not None}
    errors = [FieldError(field, "cannot be removed", "required") for field in removed if field not in PARTS]
    if errors:
        raise ValidationFailedError("the patched state is not valid", errors)
    return {**removed, **FieldUpdate.of(kept).values}
