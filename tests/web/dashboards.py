"""Dashboards: asking for one, waiting for one, and what it tells."""

import asyncio
from typing import Any

from tests.conftest import Client
from tests.web.helpers import Answer, send, sending

ACTIVE = "/api/v1/polling/active-investigations"


async def ask(client: Client, *, headers: dict[str, str] | None = None, **parameters: Any) -> Answer:
    params = {name: str(value) for name, value in parameters.items()}
    return await send(client, "GET", ACTIVE, params=params, headers=headers or {})


async def cursor(client: Client) -> int:
    place: int = (await ask(client)).body["cursor"]
    return place


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [row["investigation_id"] for row in answer.body["investigations"]]


def waiting(
    client: Client, place: int, *, headers: dict[str, str] | None = None, **parameters: Any
) -> asyncio.Task[Answer]:
    asked = {"wait": 30, "cursor": place, **parameters}
    params = {name: str(value) for name, value in asked.items()}
    return sending(client, "GET", ACTIVE, params=params, headers=headers or {})


def told(answer: Answer) -> tuple[list[str], list[str]]:
    return ids(answer), answer.body["removed"]
