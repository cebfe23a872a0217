"""What changed between two JSON documents, and back: the parts that an audit entry keeps.

A change is a pair of *parts*, `previous` and `current` (the columns ``previous_state`` and ``new_state``):

- two objects: each side holds only the keys that differ; a key on one side only was removed or added;
- two arrays: the same, as an object keyed by index: removed elements under their old index, inserted ones under their
  new index, an element that changed inside under its index on both sides;
- an object whose patch would be larger than itself, or that has a key which no patch may name (`_UNNAMEABLE`):
  ``["whole", old]`` and ``["whole", new]``; an array whose patch would be larger: the two arrays;
- anything else that differs: the two values.

Both directions follow from one pair: swapping the sides inverts the change. Values are compared as JSON that keeps its
types (``1``, ``1.0`` and ``true`` are three values), so a rebuilt document equals the stored one.
"""

import re
from collections.abc import Container, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import orjson

from wizard_server.domain.state import FIELDS

Json = Any
_SLIDE_CANDIDATES = 32
_OPERATION_BYTES = 40
_MANY_OPERATIONS = 16
_WHOLE = "whole"
_PAIR = 2
# Followers in JavaScript refuse a pointer through it, and must.
_UNNAMEABLE = frozenset({"__proto__"})
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


class Parts(NamedTuple):
    """The two sides of a change."""

    previous: Json
    current: Json

    def inverted(self) -> "Parts":
        """Return the change that undoes this one."""
        return Parts(self.current, self.previous)


def diff(old: Json, new: Json) -> Parts | None:
    """Return the parts that differ, or None when the documents are equal; of two objects always by their keys."""
    if isinstance(old, dict) and isinstance(new, dict) and old is not new:
        found = _diff_objects(old, new, is_root=True)
    else:
        found = _diff(old, new)
    return None if found is None else found.parts


class _Found(NamedTuple):
    """A change, the operations that its patch will have, and about how many bytes they take below their own pointer."""

    parts: Parts
    operations: int = 1
    bytes: int = 0


def _diff(old: Json, new: Json) -> _Found | None:
    if old is new:
        return None
    if isinstance(old, dict) and isinstance(new, dict):
        return _diff_objects(old, new)
    if isinstance(old, list) and isinstance(new, list):
        return _diff_arrays(old, new)
    return None if _same(old, new) else _Found(Parts(old, new), 1, _OPERATION_BYTES + _size(new))


def _size(value: Json) -> int:
    return len(orjson.dumps(value))


def _same(old: Json, new: Json) -> bool:
    """Say whether two scalars are the same JSON: 0.0 and -0.0 are equal, and are written differently."""
    return type(old) is type(new) and old == new and (type(old) is not float or repr(old) == repr(new))


def _diff_objects(old: dict[str, Json], new: dict[str, Json], *, is_root: bool = False) -> _Found | None:
    previous: dict[str, Json] = {}
    current: dict[str, Json] = {}
    cost = _Cost()
    for key, value in old.items():
        if key not in new:
            previous[key] = value
            cost.remove(key)
        elif (found := _diff(value, new[key])) is not None:
            previous[key], current[key] = found.parts
            cost.inside(key, found)
    for key, value in new.items():
        if key not in old:
            current[key] = value
            cost.add(key, value)
    if not previous and not current:
        return None
    if is_root:
        return _Found(Parts(previous, current))
    unnameable = not _UNNAMEABLE.isdisjoint(previous) or not _UNNAMEABLE.isdisjoint(current)
    return cost.cheapest(Parts(previous, current), old, new, whole=unnameable)


def _diff_arrays(old: list[Json], new: list[Json]) -> _Found | None:
    cost = _Cost()
    dropped = _slide(old, new)
    common = min(len(old), len(new)) if not dropped else 0
    gone = range(common, len(old)) if not dropped else range(dropped)
    came = range(common if not dropped else len(old) - dropped, len(new))
    previous = {str(index): old[index] for index in gone}
    current = {str(index): new[index] for index in came}
    for index, (one, other) in enumerate(zip(old[:common], new, strict=False)):
        if type(one) is type(other) is str and one == other:
            continue  # most of a log
        if (found := _diff(one, other)) is not None:
            previous[str(index)], current[str(index)] = found.parts
            cost.inside(str(index), found)
    if not previous and not current:
        return None
    for index in gone:
        cost.remove(str(index))
    for index in came:
        cost.add(str(index), new[index])
    return cost.cheapest(Parts(previous, current), old, new)


class _Cost:
    """Counts what the patch of a container would have: operations, their bytes, and the members that they concern."""

    def __init__(self) -> None:
        self.operations = 0
        self.bytes = 0
        self.members = 0

    def remove(self, key: str) -> None:
        self.operations += 1
        self.members += 1
        self.bytes += _OPERATION_BYTES + len(key)

    def add(self, key: str, value: Json) -> None:
        self.remove(key)
        self.bytes += _size(value)

    def inside(self, key: str, found: _Found) -> None:
        self.members += 1
        self.operations += found.operations
        self.bytes += found.bytes + found.operations * (len(key) + 1)

    def cheapest(self, parts: Parts, old: Json, new: Json, *, whole: bool = False) -> _Found:
        """Return `parts`, or both values whole where that is shorter; who changes little is not even weighed."""
        if whole or (self.operations >= _MANY_OPERATIONS and self.members > 1):
            size = _size(new) + _OPERATION_BYTES
            if whole or size < self.bytes:
                sides = Parts([_WHOLE, old], [_WHOLE, new]) if isinstance(old, dict) else Parts(old, new)
                return _Found(sides, 1, size)
        return _Found(parts, self.operations, self.bytes)


def _slide(old: list[Json], new: list[Json]) -> int:
    """Return how many lines a log lost at its front while it may have grown at its end; 0 when that is not it.

    Only for arrays of strings: there an index on both sides can never be mistaken for an element that changed inside.
    """
    if not old or not new or old[0] == new[0] or new[0] not in old:
        return 0
    if set(map(type, old)) != {str} or set(map(type, new)) != {str}:
        return 0
    starts = (index for index, line in enumerate(old) if line == new[0])
    for start in islice(starts, _SLIDE_CANDIDATES):
        if old[start:] == new[: len(old) - start]:
            return start
    return 0


def apply(base: Json, parts: Parts) -> Json:
    """Return `base` with the change applied; `base` itself stays as it is."""
    previous, current = parts
    if isinstance(previous, dict) and isinstance(current, dict):
        if isinstance(base, dict):
            return _apply_to_object(base, previous, current)
        if isinstance(base, list):
            return _apply_to_array(base, previous, current)
    return current[1] if _are_whole(previous, current) else current


def _are_whole(previous: Json, current: Json) -> bool:
    """Say whether two sides are objects whole; arrays that triggers write are of objects only, or of texts only."""
    return _is_whole(previous) and _is_whole(current)


def _is_whole(side: Json) -> bool:
    return isinstance(side, list) and len(side) == _PAIR and side[0] == _WHOLE and isinstance(side[1], dict)


def _apply_to_object(base: dict[str, Json], previous: dict[str, Json], current: dict[str, Json]) -> dict[str, Json]:
    result = {key: value for key, value in base.items() if key in current or key not in previous}
    for key, value in current.items():
        result[key] = apply(base[key], Parts(previous[key], value)) if key in previous and key in base else value
    return result


def _apply_to_array(base: list[Json], previous: dict[str, Json], current: dict[str, Json]) -> list[Json]:
    """Return the array in one pass, by slices between the elements that go and come."""
    changed = list(base)
    inside = _changed_inside(previous, current)
    for key in inside:
        changed[int(key)] = apply(base[int(key)], Parts(previous[key], current[key]))
    kept: list[Json] = []
    start = 0
    for index in sorted(int(key) for key in previous if key not in inside):
        kept += changed[start:index]
        start = index + 1
    kept += changed[start:]
    result: list[Json] = []
    start = 0
    for index in sorted(int(key) for key in current if key not in inside):
        until = start + index - len(result)
        result += kept[start:until]
        start = max(min(until, len(kept)), start)
        result.append(current[str(index)])
    return result + kept[start:]


def _changed_inside(previous: dict[str, Json], current: dict[str, Json]) -> dict[str, None]:
    """Return the keys (an ordered set) under which both sides hold parts of the same container."""
    return {
        key: None
        for key in previous
        if key in current and (_both_containers(previous[key], current[key]) or _are_whole(previous[key], current[key]))
    }


def _by_index(part: dict[str, Json], without: Container[str], *, descending: bool = False) -> list[str]:
    return sorted((key for key in part if key not in without), key=int, reverse=descending)


def _both_containers(one: Json, other: Json) -> bool:
    return isinstance(one, dict) and isinstance(other, dict)


def to_patch(parts: Parts) -> list[dict[str, Json]]:
    """Return the change as an RFC 6902 patch; applied to the older document it gives exactly the newer one."""
    return list(_operations("", parts))


def _operations(pointer: str, parts: Parts) -> Iterator[dict[str, Json]]:
    previous, current = parts
    if _are_whole(previous, current):
        yield {"op": "replace", "path": pointer, "value": current[1]}
        return
    if not _both_containers(previous, current):
        yield {"op": "replace", "path": pointer, "value": current}
        return
    inside = _changed_inside(previous, current)
    for key in inside:
        yield from _operations(f"{pointer}/{_escaped(key)}", Parts(previous[key], current[key]))
    if all(_INDEX.fullmatch(key) for key in (*previous, *current)):
        yield from _element_operations(pointer, previous, current, inside)
        return
    for key in previous:
        if key not in current:
            yield {"op": "remove", "path": f"{pointer}/{_escaped(key)}"}
    for key, value in current.items():
        if key not in inside:
            # "-" is a key like any other, but libraries take it for the end of an array; adding replaces as well.
            operation = "replace" if key in previous and key != "-" else "add"
            yield {"op": operation, "path": f"{pointer}/{_escaped(key)}", "value": value}


def _element_operations(
    pointer: str, previous: dict[str, Json], current: dict[str, Json], inside: Container[str]
) -> Iterator[dict[str, Json]]:
    """Yield operations that are right for an array, and as well for an object whose keys are all numbers."""
    for key in _by_index(previous, inside, descending=True):
        yield {"op": "remove", "path": f"{pointer}/{key}"}
    for key in _by_index(current, inside):
        yield {"op": "add", "path": f"{pointer}/{key}", "value": current[key]}


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def fields_changed(parts: Parts) -> list[str]:
    """Return which top-level fields of a state differ, in the order of `FIELDS`; bookkeeping does not count."""
    previous: Mapping[str, Json] = parts.previous or {}
    current: Mapping[str, Json] = parts.current or {}
    return [field for field in FIELDS if _differ(previous.get(field), current.get(field))]


def _differ(old: Json, new: Json) -> bool:
    """Say whether `diff` finds anything; most of what differs is told apart without it."""
    return old is not new and (old != new or diff(old, new) is not None)
