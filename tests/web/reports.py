"""Reports of agents."""

from typing import Any

from tests.conftest import Client
from tests.web.helpers import send, url

PROGRESS = url(suffix="/progress")


async def report(client: Client, fields: Any, **headers: str) -> Any:
    """Report as an agent and return the new state."""
    answer = await send(client, "POST", PROGRESS, json=fields, headers=headers)
    assert answer.status == 200, answer.body
    return answer.body
