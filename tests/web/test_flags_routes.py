"""A feature that is switched off answers 404 ``feature-disabled`` on every route of it, and on no other."""

from typing import Any

import pytest

from tests.conftest import Client, StartServer
from tests.web.templates import STATE, TEMPLATES, ask, investigate
from wizard_server.web.routes import ROUTES

POLLING = "/api/v1/polling"
BY_FEATURE = {
    "templates_enabled": [
        ("GET", TEMPLATES),
        ("POST", TEMPLATES),
        ("GET", f"{TEMPLATES}/t-1"),
        ("PUT", f"{TEMPLATES}/t-1"),
        ("PATCH", f"{TEMPLATES}/t-1"),
        ("DELETE", f"{TEMPLATES}/t-1"),
        ("POST", f"{TEMPLATES}/t-1/apply"),
    ],
    "polling_enabled": [("GET", f"{POLLING}/health"), ("GET", f"{POLLING}/wizard-state/inv-1")],
    "audit_logging": [("GET", f"{STATE}/inv-1/history"), ("POST", f"{STATE}/inv-1/history")],
}
OTHERS = [
    (feature, method, path)
    for feature in BY_FEATURE
    for other, routes in BY_FEATURE.items()
    for method, path in routes
    if method == "GET" and other != feature and "t-1" not in path
]


async def refused(client: Client, method: str, path: str, headers: dict[str, str] | None = None) -> bool:
    body: Any = {} if method in ("POST", "PUT", "PATCH") else None
    status, problem, _ = await ask(client, method, path, body, headers)
    return (status, problem.get("code")) == (404, "feature-disabled")


@pytest.mark.parametrize("feature", BY_FEATURE)
async def test_every_route_of_the_feature_says_that_it_is_off(start_server: StartServer, feature: str) -> None:
    client = await start_server(features={feature: False})
    await investigate(client)
    for method, path in BY_FEATURE[feature]:
        assert await refused(client, method, path), f"{method} {path}"
    for route in ROUTES:
        if feature in route.features:
            path = route.path.replace("{investigation_id}", "inv-1").replace("{template_id}", "t-1")
            assert await refused(client, route.method, path), f"{route.method} {path}"


def test_every_route_below_a_feature_s_path_belongs_to_it() -> None:
    prefixes = {TEMPLATES: "templates_enabled", POLLING: "polling_enabled"}
    for route in ROUTES:
        for prefix, feature in prefixes.items():
            assert (route.path.startswith(prefix)) == (feature in route.features), route.path
        of_the_trail = any(part in route.path for part in ("/history", "/changes", "/events/", "/ws/"))
        assert of_the_trail == ("audit_logging" in route.features), route.path


@pytest.mark.parametrize(("feature", "method", "path"), OTHERS)
async def test_the_routes_of_other_features_stay(
    start_server: StartServer, feature: str, method: str, path: str
) -> None:
    client = await start_server(features={feature: False})
    await investigate(client)
    assert (await ask(client, method, path))[0] == 200


@pytest.mark.parametrize("feature", BY_FEATURE)
async def test_states_work_without_the_feature(start_server: StartServer, feature: str) -> None:
    client = await start_server(features={feature: False})
    await investigate(client)
    assert (await ask(client, "PATCH", f"{STATE}/inv-1", {"wizard_step": "PROGRESS"}))[1]["version"] == 2
    assert (await ask(client, "GET", f"{STATE}/inv-1"))[0] == 200
    assert (await ask(client, "GET", STATE))[1]["total"] == 1
    assert (await ask(client, "DELETE", f"{STATE}/inv-1"))[0] == 204


async def test_a_refusal_says_which_feature_is_off(start_server: StartServer) -> None:
    client = await start_server(features={"templates_enabled": False})
    assert "templates_enabled" in (await ask(client, "GET", TEMPLATES))[1]["detail"]
