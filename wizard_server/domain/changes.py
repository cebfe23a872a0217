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

from wizard_server.domain.record import FIELDS

Json = Any
_SLIDE_CANDIDATES = 32
# The bytes of an operation without its pointer and its value, with a comma.
_REMOVE_BYTES, _ADD_BYTES, _REPLACE_BYTES = 26, 32, 36
# The size of a smaller patch (bytes) is not compared with the size of its container.
_LIGHT = 512
_PLAIN = frozenset({str, int, bool, type(None)})
_WHOLE = "whole"
_PAIR = 2
# JavaScript clients refuse a pointer through it, because it would reach the prototype.
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
        found = _diff_objects(old, new, 0, is_root=True)
    else:
        found = _diff(old, new, 0)
    return None if found is None else found.parts


class _Found(NamedTuple):
    """A change, and the `bytes` of its operations; of the new value alone where that replaces another (`is_value`).

    `floor` is a lower bound of the new document's size in bytes.
    """

    parts: Parts
    bytes: int
    floor: int
    is_value: bool = False


def _diff(old: Json, new: Json, pointer: int) -> _Found | None:
    """Return the change; `pointer` is how many bytes the pointer to the two values has."""
    if old is new:
        return None
    if isinstance(old, dict) and isinstance(new, dict):
        return _diff_objects(old, new, pointer)
    if isinstance(old, list) and isinstance(new, list):
        return _diff_arrays(old, new, pointer)
    return None if _same(old, new) else _value(old, new)


def _value(old: Json, new: Json) -> _Found:
    size = _size(new)
    return _Found(Parts(old, new), size, size, is_value=True)


def _size(value: Json) -> int:
    return len(orjson.dumps(value))


def _same(old: Json, new: Json) -> bool:
    """Whether two scalars are the same JSON: 0.0 and -0.0 are equal but are written differently."""
    return type(old) is type(new) and old == new and (type(old) is not float or repr(old) == repr(new))


def _diff_objects(old: dict[str, Json], new: dict[str, Json], pointer: int, *, is_root: bool = False) -> _Found | None:
    previous: dict[str, Json] = {}
    current: dict[str, Json] = {}
    cost = _Cost(new, pointer, 4 * len(new))
    for key, value in old.items():
        if key not in new:
            previous[key] = value
            cost.remove(_step(key))
            continue
        other = new[key]
        if _are_alike(value, other):
            continue
        step = _step(key)
        if (found := _diff(value, other, pointer + step)) is not None:
            previous[key], current[key] = found.parts
            cost.inside(step, found)
            if cost.is_too_much and not is_root:
                return cost.whole(old)
    for key, value in new.items():
        if key not in old:
            current[key] = value
            cost.add(_step(key), value)
    if not previous and not current:
        return None
    return _Found(Parts(previous, current), 0, 0) if is_root else _object_found(cost, old, Parts(previous, current))


def _object_found(cost: "_Cost", old: dict[str, Json], parts: Parts) -> _Found:
    previous, current = parts
    cost.count_swaps(previous, current)
    unnameable = not _UNNAMEABLE.isdisjoint(previous) or not _UNNAMEABLE.isdisjoint(current)
    return cost.whole(old) if unnameable or cost.is_too_much else cost.found(parts)


def _diff_arrays(old: list[Json], new: list[Json], pointer: int) -> _Found | None:
    cost = _Cost(new, pointer, len(new))
    dropped = _slide(old, new)
    common = min(len(old), len(new)) if not dropped else 0
    gone = range(common, len(old)) if not dropped else range(dropped)
    came = range(common if not dropped else len(old) - dropped, len(new))
    previous = {str(index): old[index] for index in gone}
    current = {str(index): new[index] for index in came}
    for index, (one, other) in enumerate(zip(old[:common], new, strict=False)):
        if _are_alike(one, other):
            continue  # the fast path: most lines of a log
        step = len(str(index)) + 1
        if (found := _diff(one, other, pointer + step)) is not None:
            previous[str(index)], current[str(index)] = found.parts
            cost.inside(step, found, in_array=True)
            if cost.is_too_much:
                return cost.whole(old)
    if not previous and not current:
        return None
    cost.remove(*(len(index) + 1 for index in map(str, gone)))
    for index in came:
        cost.add(len(str(index)) + 1, new[index])
        if cost.is_too_much:
            return cost.whole(old)
    return cost.whole(old) if cost.is_too_much else cost.found(Parts(previous, current))


def _are_alike(one: Json, other: Json) -> bool:
    """Whether two values are the same, as far as a comparison in constant time shows."""
    kind = type(one)
    return one is other or (
        kind is type(other) and (kind in _PLAIN or (not one and kind is not float)) and one == other
    )


def _step(key: str) -> int:
    """Return the bytes that the member `key` adds to the pointer to its object."""
    return len(orjson.dumps(key)) - 1 + key.count("~") + key.count("/")


class _Cost:
    """Counts the bytes of a container's patch while the patch is made, to find out when the container is shorter.

    The container is encoded for that only where the patch exceeds both `_LIGHT` and the container's lower bound.
    """

    def __init__(self, new: Json, pointer: int, floor: int) -> None:
        self._new = new
        self._pointer = pointer
        self._floor = floor
        self._size: int | None = None
        self._swaps = 0
        self._members = 0
        self.bytes = 0

    def remove(self, *steps: int) -> None:
        self._members += len(steps)
        self.bytes += (_REMOVE_BYTES + self._pointer) * len(steps) + sum(steps)

    def add(self, step: int, value: Json) -> None:
        self._members += 1
        self.bytes += _ADD_BYTES + self._pointer + step + _size(value)

    def inside(self, step: int, found: _Found, *, in_array: bool = False) -> None:
        self._members += 1
        self._floor += found.floor
        self.bytes += found.bytes
        if found.is_value:
            swap = _REMOVE_BYTES + _ADD_BYTES - _REPLACE_BYTES + self._pointer + step
            self._members += in_array
            self._swaps += swap
            self.bytes += _REPLACE_BYTES + self._pointer + step + (swap if in_array else 0)

    def count_swaps(self, previous: dict[str, Json], current: dict[str, Json]) -> None:
        """Count a removal and an addition for each replaced value of an object whose keys might be array indices."""
        if self._swaps and _are_indices(previous, current):
            self.bytes += self._swaps

    @property
    def is_too_much(self) -> bool:
        """Whether the container itself would be shorter; for a single changed member the member has decided it."""
        if self._members == 1 or self.bytes < _LIGHT:
            return False
        if self._size is None:
            if self.bytes <= self._floor:
                return False
            self._size = _size(self._new)
        return self._size + _REPLACE_BYTES + self._pointer < self.bytes and not _is_whole(self._new)

    def whole(self, old: Json) -> _Found:
        """Return the change that replaces `old`."""
        size = _size(self._new) if self._size is None else self._size
        if isinstance(old, dict):
            sides = Parts([_WHOLE, old], [_WHOLE, self._new])
            return _Found(sides, size + _REPLACE_BYTES + self._pointer, size)
        return _Found(Parts(old, self._new), size, size, is_value=True)

    def found(self, parts: Parts) -> _Found:
        """Return the change with its `parts`."""
        return _Found(parts, self.bytes, self._floor if self._size is None else self._size)


def _slide(old: list[Json], new: list[Json]) -> int:
    """Return how many lines a log lost at its front, whether or not it grew at its end; 0 for any other change.

    Only arrays of strings are compared, because a string on both sides is never an element that changed inside.
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
    """Return `base` with the change applied; `base` itself is not modified."""
    previous, current = parts
    if isinstance(previous, dict) and isinstance(current, dict):
        if isinstance(base, dict):
            return _apply_to_object(base, previous, current)
        if isinstance(base, list):
            return _apply_to_array(base, previous, current)
    return current[1] if _are_whole(previous, current) else current


def _are_whole(previous: Json, current: Json) -> bool:
    """Whether both sides are whole objects (``["whole", ...]``); triggers write arrays of objects or of texts only."""
    return _is_whole(previous) and _is_whole(current)


def _is_whole(side: Json) -> bool:
    return isinstance(side, list) and len(side) == _PAIR and side[0] == _WHOLE and isinstance(side[1], dict)


def _apply_to_object(base: dict[str, Json], previous: dict[str, Json], current: dict[str, Json]) -> dict[str, Json]:
    result = {key: value for key, value in base.items() if key in current or key not in previous}
    for key, value in current.items():
        result[key] = apply(base[key], Parts(previous[key], value)) if key in previous and key in base else value
    return result


def _apply_to_array(base: list[Json], previous: dict[str, Json], current: dict[str, Json]) -> list[Json]:
    """Return the array in one pass, from the slices between removed and inserted elements."""
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


def _are_indices(previous: dict[str, Json], current: dict[str, Json]) -> bool:
    """Whether the two sides may be those of an array; an object whose keys are all numbers looks the same."""
    return all(_INDEX.fullmatch(key) for key in (*previous, *current))


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
    if _are_indices(previous, current):
        yield from _element_operations(pointer, previous, current, inside)
        return
    for key in previous:
        if key not in current:
            yield {"op": "remove", "path": f"{pointer}/{_escaped(key)}"}
    for key, value in current.items():
        if key not in inside:
            # Libraries read "-" as the end of an array; "add" replaces a member as well.
            operation = "replace" if key in previous and key != "-" else "add"
            yield {"op": operation, "path": f"{pointer}/{_escaped(key)}", "value": value}


def _element_operations(
    pointer: str, previous: dict[str, Json], current: dict[str, Json], inside: Container[str]
) -> Iterator[dict[str, Json]]:
    """Yield operations that are correct for an array and for an object whose keys are all numbers."""
    for key in _by_index(previous, inside, descending=True):
        yield {"op": "remove", "path": f"{pointer}/{key}"}
    for key in _by_index(current, inside):
        yield {"op": "add", "path": f"{pointer}/{key}", "value": current[key]}


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def fields_changed(parts: Parts) -> list[str]:
    """Return the top-level fields of a state that differ, in the order of `FIELDS`; bookkeeping is left out."""
    previous: Mapping[str, Json] = parts.previous or {}
    current: Mapping[str, Json] = parts.current or {}
    return [field for field in FIELDS if _differ(previous.get(field), current.get(field))]


def _differ(old: Json, new: Json) -> bool:
    """Whether `diff` finds a difference; it runs only for values that Python compares as equal."""
    return old is not new and (old != new or diff(old, new) is not None)
