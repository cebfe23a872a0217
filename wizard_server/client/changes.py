"""One committed change, as `changes` yields it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from wizard_server.domain.field_types import Timestamp


class Change(BaseModel):
    """One committed change (contract 5); `patch` is RFC 6902.

    With `reset` the history was put back (a restored backup) or is not kept: `patch` then replaces the whole state.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    timestamp: Timestamp
    action_type: str
    source: str
    user_id: str | None = None
    mutation_id: str | None = None
    fields_changed: Sequence[str] = ()
    patch: Sequence[Mapping[str, Any]] = ()
    reset: bool = False


def whole(body: Mapping[str, Any]) -> Change:
    """Return the change that leads from anywhere to the state of a poll's answer."""
    state = body["state"]
    return Change(
        version=state["version"],
        timestamp=body["timestamp"],
        action_type="RESET",
        source="SYSTEM",
        fields_changed=[name for name in state if name != "version"],
        patch=[{"op": "replace", "path": "", "value": state}],
        reset=True,
    )
