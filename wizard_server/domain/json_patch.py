"""JSON patch (RFC 6902): applies operations to a document in place; each costs the length of the path that it names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from pydantic import ConfigDict, Field

from wizard_server.domain.error_messages import quoted
from wizard_server.domain.field_types import Schema
from wizard_server.domain.json_text import MAX_DEPTH, check_depth, count_nodes
from wizard_server.domain.read_only import MARKS
from wizard_server.domain.record import FIELDS, Document
from wizard_server.domain.updates import canonical, differs
from wizard_server.domain.validation import validate
from wizard_server.errors import FieldError, MalformedJsonError, PatchConflictError, ValidationFailedError

MAX_COPIED_NODES = 20_000
MAX_COPIED_BYTES = 1 << 22
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


class DoesNotApplyError(Exception):
    """An operation names a place that the document does not have, or a test fails; the message says which and why."""


class Patching:
    """Applies operations to a document, one after the other, and bounds what their copies add to it."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self._nodes = self._bytes = 0

    def apply(self, operation: Mapping[str, Any]) -> None:
        """Apply one well-formed operation.

        Raises `DoesNotApplyError`, and `ValidationFailedError` when the copies become too large.
        """
        kind, steps = operation["op"], _steps(operation["path"])
        if kind == "test":
            if not _equal(self._resolve(steps), operation["value"]):
                raise DoesNotApplyError("the value is another one")
        elif kind == "remove":
            self._remove(steps)
        elif kind == "replace":
            self._replace(steps, operation["value"])
        elif kind == "add":
            self._add(steps, operation["value"])
        elif kind == "copy":
            self._add(steps, self._copy(_steps(operation["from"])))
        else:
            self._move(_steps(operation["from"]), steps)

    def _resolve(self, steps: list[str]) -> Any:
        found = self.document
        for step in steps:
            found = found[_key(found, step)]
        return found

    def _add(self, steps: list[str], value: Any) -> None:
        if not steps:
            self.document = value
            return
        holder, step = self._resolve(steps[:-1]), steps[-1]
        if isinstance(holder, list):
            holder.insert(len(holder) if step == "-" else _index(step, len(holder)), value)
        elif isinstance(holder, dict):
            holder[step] = value
        else:
            raise DoesNotApplyError(f"there is no object or array to put {quoted(step, 100)} into")

    def _remove(self, steps: list[str]) -> Any:
        if not steps:
            removed, self.document = self.document, None
            return removed
        holder = self._resolve(steps[:-1])
        key = _key(holder, steps[-1])
        return holder.pop(key)

    def _replace(self, steps: list[str], value: Any) -> None:
        if not steps:
            self.document = value
            return
        holder = self._resolve(steps[:-1])
        holder[_key(holder, steps[-1])] = value

    def _move(self, origin: list[str], target: list[str]) -> None:
        if target[: len(origin)] == origin and len(target) > len(origin):
            raise DoesNotApplyError("a value cannot move into itself")
        value = self._resolve(origin)
        if origin != target:
            self._remove(origin)
            self._add(target, value)

    def _copy(self, steps: list[str]) -> Any:
        text = orjson.dumps(self._resolve(steps))
        self._nodes += count_nodes(text)
        self._bytes += len(text)
        if self._nodes > MAX_COPIED_NODES or self._bytes > MAX_COPIED_BYTES:
            raise ValidationFailedError.of("body", "the copies make the state too large", "max_length")
        return orjson.loads(text)


def _steps(pointer: str) -> list[str]:
    steps = pointer.split("/")[1:]
    return [step.replace("~1", "/").replace("~0", "~") for step in steps] if "~" in pointer else steps


def _key(holder: Any, step: str) -> Any:
    """Return the key or index under which `holder` has the member `step`."""
    if isinstance(holder, list):
        return _index(step, len(holder) - 1)
    if isinstance(holder, dict) and step in holder:
        return step
    raise DoesNotApplyError(f"there is no member {quoted(step, 100)}")


def _index(step: str, largest: int) -> int:
    if not _INDEX.fullmatch(step) or int(step) > largest:
        raise DoesNotApplyError(f"{quoted(step, 100)} is no index from 0 to {largest}")
    return int(step)


def _equal(one: Any, other: Any) -> bool:
    """Compare as RFC 6902, section 4.6 defines: numbers by value, and no number equals a boolean."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


MAX_OPERATIONS = 1000
MAX_COPIES = 32
MAX_POINTER = 8192


class Operation(Schema):
    """One operation of RFC 6902; further members are ignored (section 4)."""

    model_config = ConfigDict(extra="ignore")

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str = Field(pattern=r"^(/([^~]|~[01])*)?\z", max_length=MAX_POINTER)
    source: str | None = Field(None, alias="from", pattern=r"^(/([^~]|~[01])*)?\z", max_length=MAX_POINTER)
    value: Any = None


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """``application/json-patch+json``: operations on the state document; its keys and version are read-only.

    ``last_accessed`` is null in the patched document, and changes to it and to marks are ignored.
    """

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
        for index, item in enumerate(body):
            if errors := _operation_errors(index, item):
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
            if key not in FIELDS and key not in MARKS and differs(document, patched, key)
        ]
        if errors:
            raise ValidationFailedError("the patched state is not valid", errors)
        values = {field: patched.get(field) for field in FIELDS}
        named = self.fields & {"wizard_step"}  # naming step SETTINGS may ask for a reset, changed or not
        return canonical(
            {field: value for field, value in values.items() if field in named or differs(document, values, field)}
        )

    def _apply(self, document: Document) -> Any:
        # Both are copied, because operations put their values into the document, where later operations modify them.
        shown = {"last_accessed": None, **document}
        copy, operations = orjson.loads(orjson.dumps((shown, self.operations)))
        patching = Patching(copy)
        for index, operation in enumerate(operations):
            try:
                patching.apply(operation)
            except DoesNotApplyError as error:
                raise _does_not_apply(index, operation, error) from None
            except (RecursionError, orjson.JSONEncodeError):
                raise MalformedJsonError(f"the JSON is nested more than {MAX_DEPTH} deep") from None
        check_depth(patching.document)
        return patching.document


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


def _does_not_apply(index: int, operation: Mapping[str, Any], error: Exception) -> PatchConflictError:
    named = f"operation {index} ({operation['op']} {quoted(operation['path'], 200)})"
    return PatchConflictError(f"{named} does not apply to the current state: {error}", operation=index)
