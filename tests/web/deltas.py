"""Changes since a version: asking for them, and what they make of a state."""

from typing import Any

import jsonpatch

from tests.conftest import Client
from tests.web.helpers import Answer, poll_url, send

CHANGES = f"{poll_url()}/changes"


async def changes(client: Client, since: int, *, path: str = CHANGES, **parameters: Any) -> Answer:
    params = {"since_version": str(since), **{name: str(value) for name, value in parameters.items()}}
    return await send(client, "GET", path, params=params)


def content(state: Any) -> dict[str, Any]:
    """Return what a state is, without what depends on when it is read."""
    return {key: value for key, value in state.items() if key not in ("last_accessed", "stale", "stalled")}


def applied(state: Any, body: Any) -> Any:
    """Return `state` after the changes of an answer."""
    for change in body["changes"]:
        state = jsonpatch.apply_patch(state, change["patch"])
    return state
