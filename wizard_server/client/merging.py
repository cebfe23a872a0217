"""Two progress reports as one (contract 4): numbers set, phases and agents merged by name, logs appended."""

from collections.abc import Mapping
from typing import Any

_LISTS = {"phases": "phase_name", "agents": "agent_name"}


def merged(first: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Return one report that does what `first` and after it `then` do."""
    both = {**first, **then}
    for name, key in _LISTS.items():
        if name in first and name in then:
            both[name] = _by_name(first[name], then[name], key)
    if "logs" in first and "logs" in then:
        both["logs"] = [*first["logs"], *then["logs"]]
    return both


def _by_name(first: list[dict[str, Any]], then: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    items = {item[key]: item for item in first}
    for item in then:
        known = items.get(item[key])
        items[item[key]] = item if known is None else merged(known, item)
    return list(items.values())
