"""Read-only members in a request: accepted where they equal the current ones, so that a GET can be sent back."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from wizard_server.domain.clock import wire_or_none
from wizard_server.errors import FieldError

OF_STATES = ("investigation_id", "user_id", "created_at", "updated_at")
OF_TEMPLATES = ("template_id", "user_id", "created_at", "updated_at")
# Members that depend on when a state is read, not on its version.
MARKS = ("last_accessed", "stale", "stalled")


def sent_back(body: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the members of `body` that are among `names`; a null counts as absent."""
    return {name: body[name] for name in names if body.get(name) is not None}


def read_only_errors(given: Mapping[str, Any], current: Mapping[str, Any]) -> list[FieldError]:
    """Return an error for each member of `given` that differs from the one in `current`."""
    return [
        FieldError(name, f"is read-only, and is {orjson.dumps(current[name]).decode()}", "read_only")
        for name, value in given.items()
        if not (type(value) is type(current[name]) and value == current[name])
        and not (name.endswith("_at") and wire_or_none(value) == wire_or_none(current[name]) is not None)
    ]
