"""Every answer that is no problem and stands in the description of the API can be had."""

import pytest

from tests.conftest import Client, StartServer
from tests.observer import Observer
from tests.web.openapi_world import INV, MODES, World
from wizard_server.web.http.context import HUB
from wizard_server.web.routes import ROUTES

STATES, STATE = "/api/v1/wizard-state", "/api/v1/wizard-state/{investigation_id}"
TEMPLATES, TEMPLATE = "/api/v1/templates", "/api/v1/templates/{template_id}"
POLLING = "/api/v1/polling"
POLL = f"{POLLING}/wizard-state/{{investigation_id}}"
MINIMAL = {"Prefer": "return=minimal"}
KNOWN = {"If-None-Match": '"version-1"'}
FILES = [f"{prefix}{path}" for prefix in ("", "/api/v1") for path in ("/openapi.json", "/docs", "/docs/{file}")]


async def live(world: World) -> None:
    """Lead an investigation from its beginning to its end."""
    await world.investigate()
    await world.expect(200, "GET", STATES)
    await world.expect(200, "GET", STATE)
    await world.expect(304, "GET", STATE, headers=KNOWN)
    await world.expect(200, "GET", POLL)
    await world.expect(304, "GET", POLL, headers=KNOWN)
    await world.expect(304, "GET", f"{POLL}/changes", params={"since_version": "1"})
    await world.expect(200, "PATCH", STATE)
    await world.expect(204, "PATCH", STATE, headers=MINIMAL)
    await world.expect(204, "PUT", STATE, headers=MINIMAL)
    await world.expect(200, "PUT", STATE)
    await world.expect(200, "POST", f"{STATE}/progress")
    await world.expect(204, "POST", f"{STATE}/progress", headers=MINIMAL)
    await world.expect(200, "GET", f"{POLL}/changes", params={"since_version": "1"})
    await world.expect(201, "POST", f"{STATE}/history")
    await world.expect(200, "GET", f"{STATE}/history")
    listed = await world.expect(200, "GET", f"{POLLING}/active-investigations")
    await world.expect(
        304, "GET", f"{POLLING}/active-investigations", headers={"If-None-Match": listed.headers["ETag"]}
    )
    await world.expect(204, "DELETE", STATE)


async def follow(world: World) -> None:
    await world.expect(201, "POST", STATES)
    await world.expect(200, "GET", "/api/v1/events/wizard-state/{investigation_id}")
    async with world.client.ws_connect(f"/ws/investigation/{INV}", headers=world.caller()) as socket:
        await socket.receive_json()


async def use_templates(world: World) -> None:
    await world.expect(200, "GET", TEMPLATES)
    await world.expect(200, "GET", TEMPLATE)
    await world.expect(200, "PUT", TEMPLATE)
    await world.expect(200, "PATCH", TEMPLATE)
    await world.expect(201, "POST", f"{TEMPLATE}/apply")
    await world.expect(204, "DELETE", TEMPLATE)


async def look_around(world: World) -> None:
    for path in ("/api/v1/config", "/api/v1/tools", f"{POLLING}/health", "/healthz", "/readyz", *OTHERS):
        await world.expect(200, "GET", path)
    for path in (*FILES, "/static/client/{module}"):
        answer = await world.expect(200, "GET", path)
        await world.expect(304, "GET", path, headers={"If-None-Match": answer.headers["ETag"]})


OTHERS = [route.path for route in ROUTES if route.path == "/metrics"]


def drain(client: Client) -> None:
    assert client.app is not None
    client.app[HUB].drain()


@pytest.mark.parametrize("mode", MODES)
async def test_every_answer_of_the_description_can_be_had(
    start_server: StartServer, observer: Observer, mode: str, catalogue: str
) -> None:
    world = await World.start(start_server, mode, tools={"catalog": catalogue})
    await live(world)
    await use_templates(world)
    await world.expect(204, "DELETE", "/api/v1/wizard-state/{investigation_id}", identifier="inv-2")
    await follow(world)
    await look_around(world)
    drain(world.client)
    await world.expect(503, "GET", f"{POLLING}/health")
    await world.expect(503, "GET", "/readyz")
    promised = {(route.method.lower(), route.path, answer.status, None) for route in ROUTES for answer in route.answers}
    assert promised == observer.seen


@pytest.fixture
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tools") / "tools.json"
    path.write_text('{"device_graph": {"type": "object"}}', encoding="utf-8")
    return str(path)
