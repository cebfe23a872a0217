"""The operations of a JSON patch (RFC 6902) on a document, in place; each takes the time of the path that it names."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from wizard_server.domain.json_text import count_nodes
from wizard_server.errors import ValidationFailedError

MAX_COPIED_NODES = 20_000
MAX_COPIED_BYTES = 1 << 22
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


class DoesNotApplyError(Exception):
    """An operation that the document has no place for, or a test that fails; the message says why."""


class Patching:
    """A document that operations are applied to, one after the other; what the copies among them copy is bounded."""

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
            raise DoesNotApplyError(f"there is no object or array to put {step[:100]!r} into")

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
    """Return under what `holder` has its member `step`."""
    if isinstance(holder, list):
        return _index(step, len(holder) - 1)
    if isinstance(holder, dict) and step in holder:
        return step
    raise DoesNotApplyError(f"there is no member {step[:100]!r}")


def _index(step: str, largest: int) -> int:
    if not _INDEX.fullmatch(step) or int(step) > largest:
        raise DoesNotApplyError(f"{step[:100]!r} is no index from 0 to {largest}")
    return int(step)


def _equal(one: Any, other: Any) -> bool:
    """Compare as RFC 6902, section 4.6 has it: numbers by value, and no number equals a boolean."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)
