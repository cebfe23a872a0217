"""Records of states that no database holds."""

from datetime import UTC, datetime
from typing import Any

from wizard_server.domain.clock import to_wire
from wizard_server.domain.record import FIELDS, StateRecord

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


def record(version: int = 5, **overrides: Any) -> StateRecord:
    """Return a state at `version`; `changed` names the versions that last changed fields, else 1."""
    changed = overrides.pop("changed", {})
    values: dict[str, Any] = {
        "investigation_id": "inv-1",
        "user_id": "dev",
        "wizard_step": "PROGRESS",
        "status": "IN_PROGRESS",
        "version": version,
        "newest_version": version,
        "field_versions": {**dict.fromkeys(FIELDS, 1), **changed},
        "created_at": to_wire(NOW),
        "updated_at": to_wire(NOW),
        "updated_by": "dev",
        "last_accessed": None,
        "opened": b"{,",
        **overrides,
    }
    return StateRecord(**values)
