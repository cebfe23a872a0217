"""Two progress reports as one (contract 4): numbers set, phases and agents merged by name, logs appended."""

from collections.abc import Mapping
from typing import Any

_LISTS = {"phases": "phase_name", "agents": "agent_name"}


def merged(first: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Return one report that does what `first` and after it `then` do."""
    both = {**first, **then}
    for name, key in _LISTS.items():
        if name in first or name in then:
            both[name] = _by_name([*first.get(name, ()), *then.get(name, ())], key)
    if "logs" in first and "logs" in then:
        both["logs"] = [*first["logs"], *then["logs"]]
    return both


def _by_name(items: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for item in items:
        known = found.get(item[key])
        found[item[key]] = item if known is None else merged(known, item)
    return list(found.values())


def lines(report: Mapping[str, Any]) -> list[str]:
    """Return every log line of a report."""
    return [*report.get("logs", ()), *(line for agent in report.get("agents", ()) for line in agent.get("logs", ()))]
