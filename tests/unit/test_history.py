"""Chains of changes: followed as far as they hold, and never over a gap."""

from typing import Any

import pytest

from wizard_server.domain.changes import Parts
from wizard_server.domain.history import change, linked
from wizard_server.domain.trail import AuditEntry

INSTANT = "2026-01-01T12:00:00.000Z"


def entry(version: int | None, previous: Any = None, current: Any = None, **overrides: Any) -> AuditEntry:
    values: dict[str, Any] = {
        "entry_id": "e",
        "investigation_id": "inv-1",
        "user_id": "dev",
        "action_type": "STATE_CHANGE",
        "parts": Parts(previous, current),
        "source": "USER",
        "timestamp": INSTANT,
        "version": version,
        "mutation_id": None,
        **overrides,
    }
    return AuditEntry(**values)


def follows(before: int, version: int) -> AuditEntry:
    return entry(version, {"version": before}, {"version": version})


def versions(chain: list[AuditEntry]) -> list[int | None]:
    return [each.version for each in chain]


@pytest.mark.parametrize(
    ("since", "entries", "expected"),
    [
        (1, [], []),
        (1, [follows(1, 2), follows(2, 3)], [2, 3]),
        (1, [follows(2, 3)], []),
        (1, [follows(1, 2), follows(3, 4)], [2]),
        (1, [follows(1, 5), follows(5, 6)], [5, 6]),
        (2, [entry(3, {"version": 2}, None), entry(4, None, {"version": 4})], [3, 4]),
        (0, [entry(1, None, {"version": 1}), follows(1, 2)], [1, 2]),
        (1, [follows(1, 2), entry(None), follows(2, 3)], [2, 3]),
    ],
)
def test_a_chain_goes_on_while_each_change_follows_the_one_before(
    since: int, entries: list[AuditEntry], expected: list[int]
) -> None:
    assert versions(linked(since, entries)) == expected


def test_a_change_is_its_entry_with_a_patch() -> None:
    told = change(entry(3, {"status": "ERROR", "version": 2}, {"status": "IN_PROGRESS", "version": 3}, mutation_id="m"))
    assert told == {
        "version": 3,
        "timestamp": INSTANT,
        "action_type": "STATE_CHANGE",
        "source": "USER",
        "user_id": "dev",
        "mutation_id": "m",
        "fields_changed": ["status"],
        "patch": [
            {"op": "replace", "path": "/status", "value": "IN_PROGRESS"},
            {"op": "replace", "path": "/version", "value": 3},
        ],
    }
