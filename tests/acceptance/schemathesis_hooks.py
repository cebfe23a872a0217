"""What schemathesis cannot know of the API: whose the bodies are that it makes up. It loads this itself."""

import os
from typing import Any

import schemathesis

USER = os.environ["FUZZ_USER"]


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Let a body that names a user name the caller: nobody but agents acts for others, and that is tested elsewhere."""
    if isinstance(body, dict) and isinstance(body.get("user_id"), str):
        return {**body, "user_id": USER}
    return body


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Ask for the body of what is created: that there may be none, OpenAPI cannot say beside its schema."""
    if case.headers and case.operation.method == "post" and case.headers.get("Prefer") == "return=minimal":
        del case.headers["Prefer"]
