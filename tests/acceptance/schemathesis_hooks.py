"""What schemathesis cannot know of the API: whose the bodies are that it makes up, and that keys are used once.

It loads this itself, by its name.
"""

import itertools
import os
from typing import Any

import schemathesis

USER = os.environ["FUZZ_USER"]
_NUMBERS = itertools.count()


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Let a body that names a user name the caller: nobody but agents acts for others, and that is tested elsewhere."""
    if isinstance(body, dict) and isinstance(body.get("user_id"), str):
        return {**body, "user_id": USER}
    return body


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
