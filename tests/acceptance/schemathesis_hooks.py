"""What schemathesis cannot know of the API: whose the bodies are, that keys are used once, that a range has an end.

It loads this itself, by its name.
"""

import itertools
import os
from typing import Any

import schemathesis

RANGE = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-08T00:00:00Z"}
USER = os.environ["FUZZ_USER"]
_NUMBERS = itertools.count()


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Let a body that names a user name the caller (nobody but agents acts for others), and half of the ranges end."""
    if not isinstance(body, dict):
        return body
    changed = {**body, "user_id": USER} if isinstance(body.get("user_id"), str) else body
    settings = changed.get("settings")
    if isinstance(settings, dict) and len(str(settings.get("time_range"))) % 2:
        return {**changed, "settings": {**settings, "time_range": RANGE}}
    return changed


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Give each request a key of its own, and ask for the body of what is created.

    The example of a key would be sent with every request, and all but the first be refused. That there may be no body
    OpenAPI cannot say beside its schema.
    """
    headers = case.headers
    if not headers:
        return
    if headers.get("Idempotency-Key") == "save-1":
        headers["Idempotency-Key"] = f"save-{next(_NUMBERS)}"
    if case.operation.method == "post" and headers.get("Prefer") == "return=minimal":
        del headers["Prefer"]
