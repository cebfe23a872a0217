"""Writes the `Parts` of a change as a JSON patch (RFC 6902), for clients that follow a state."""

from collections.abc import Container, Iterator

from wizard_server.domain.changes import Json, Parts, are_indices, are_whole, both_containers, changed_inside


def to_patch(parts: Parts) -> list[dict[str, Json]]:
    """Return the change as an RFC 6902 patch; applied to the older document it gives exactly the newer one."""
    return list(_operations("", parts))


def _operations(pointer: str, parts: Parts) -> Iterator[dict[str, Json]]:
    previous, current = parts
    if are_whole(previous, current):
        yield {"op": "replace", "path": pointer, "value": current[1]}
        return
    if not both_containers(previous, current):
        yield {"op": "replace", "path": pointer, "value": current}
        return
    inside = changed_inside(previous, current)
    for key in inside:
        yield from _operations(f"{pointer}/{_escaped(key)}", Parts(previous[key], current[key]))
    if are_indices(previous, current):
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


def _by_index(part: dict[str, Json], without: Container[str], *, descending: bool = False) -> list[str]:
    return sorted((key for key in part if key not in without), key=int, reverse=descending)
