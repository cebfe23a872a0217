"""Requests about templates, as anybody makes them."""

from collections.abc import Mapping
from typing import Any

from tests import factories
from tests.conftest import Client

TEMPLATES = "/api/v1/templates"
STATE = "/api/v1/wizard-state"
ANN = {"X-User-Id": "ann"}
Answer = tuple[int, dict[str, Any], Mapping[str, str]]


async def ask(
    client: Client, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> Answer:
    given = {} if body is None else {"json": body}
    async with client.request(method, path, headers=headers, **given) as response:
        return response.status, await response.json() if response.status != 204 else {}, response.headers


async def make(
    client: Client, name: str = "Ring", headers: Mapping[str, str] | None = None, **fields: Any
) -> dict[str, Any]:
    body = {"name": name, "settings": factories.settings(), **fields}
    status, template, _ = await ask(client, "POST", TEMPLATES, body, headers)
    assert status == 201, template
    return template


async def investigate(client: Client, key: str = "inv-1", **overrides: Any) -> None:
    status, body, _ = await ask(client, "POST", STATE, factories.creation(key, **overrides))
    assert status == 201, body


async def trail(client: Client, key: str = "inv-1") -> list[dict[str, Any]]:
    _, page, _ = await ask(client, "GET", f"{STATE}/{key}/history")
    entries: list[dict[str, Any]] = page["items"]
    return entries


def fields(problem: dict[str, Any]) -> set[str]:
    return {error["field"] for error in problem["errors"]}


def disabled(**overrides: Any) -> dict[str, Any]:
    return factories.settings(tools=[{"tool_name": "device_graph", "enabled": False}], **overrides)


async def apply(
    client: Client, template: dict[str, Any], key: str = "inv-1", headers: dict[str, str] | None = None, **body: Any
) -> Answer:
    path = f"{TEMPLATES}/{template['template_id']}/apply"
    return await ask(client, "POST", path, {"investigation_id": key, **body}, headers)


async def uses(client: Client, template: dict[str, Any]) -> int:
    _, read, _ = await ask(client, "GET", f"{TEMPLATES}/{template['template_id']}")
    count: int = read["usage_count"]
    return count
