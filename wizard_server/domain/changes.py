"""The parts of a change between two JSON documents, as an audit entry keeps them, and their application.

A change is a pair of *parts*, `previous` and `current` (the columns ``previous_state`` and ``new_state``):

- two objects: each side holds only the keys that differ; a key on one side only was removed or added;
- two arrays: the same, as an object keyed by index: removed elements under their old index, inserted ones under their
  new index, an element that changed inside under its index on both sides;
- an object whose patch would be larger than itself, or that has a key which no patch may name (``__proto__``):
  ``["whole", old]`` and ``["whole", new]``; an array whose patch would be larger: the two arrays;
- anything else that differs: the two values.

Both directions follow from one pair: swapping the sides inverts the change. Values are compared as JSON that keeps its
types (``1``, ``1.0`` and ``true`` are three values), so a rebuilt document equals the stored one.
"""

import re
from typing import Any, NamedTuple

Json = Any
WHOLE = "whole"
_PAIR = 2
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


class Parts(NamedTuple):
    """The two sides of a change."""

    previous: Json
    current: Json

    def inverted(self) -> "Parts":
        """Return the change that undoes this one."""
        return Parts(self.current, self.previous)


def apply(base: Json, parts: Parts) -> Json:
    """Return `base` with the change applied; `base` itself is not modified."""
    previous, current = parts
    if isinstance(previous, dict) and isinstance(current, dict):
        if isinstance(base, dict):
            return _apply_to_object(base, previous, current)
        if isinstance(base, list):
            return _apply_to_array(base, previous, current)
    return current[1] if are_whole(previous, current) else current


def are_whole(previous: Json, current: Json) -> bool:
    """Whether both sides are whole objects (``["whole", ...]``); triggers write arrays of objects or of texts only."""
    return is_whole(previous) and is_whole(current)


def is_whole(side: Json) -> bool:
    """Whether a side holds a whole object."""
    return isinstance(side, list) and len(side) == _PAIR and side[0] == WHOLE and isinstance(side[1], dict)


def _apply_to_object(base: dict[str, Json], previous: dict[str, Json], current: dict[str, Json]) -> dict[str, Json]:
    result = {key: value for key, value in base.items() if key in current or key not in previous}
    for key, value in current.items():
        result[key] = apply(base[key], Parts(previous[key], value)) if key in previous and key in base else value
    return result


def _apply_to_array(base: list[Json], previous: dict[str, Json], current: dict[str, Json]) -> list[Json]:
    """Return the array in one pass, from the slices between removed and inserted elements."""
    changed = list(base)
    inside = changed_inside(previous, current)
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


def changed_inside(previous: dict[str, Json], current: dict[str, Json]) -> dict[str, None]:
    """Return the keys (an ordered set) under which both sides hold parts of the same container."""
    return {
        key: None
        for key in previous
        if key in current and (both_containers(previous[key], current[key]) or are_whole(previous[key], current[key]))
    }


def are_indices(previous: dict[str, Json], current: dict[str, Json]) -> bool:
    """Whether the two sides may be those of an array; an object whose keys are all numbers looks the same."""
    return all(_INDEX.fullmatch(key) for key in (*previous, *current))


def both_containers(one: Json, other: Json) -> bool:
    """Whether both sides hold parts of a container."""
    return isinstance(one, dict) and isinstance(other, dict)
