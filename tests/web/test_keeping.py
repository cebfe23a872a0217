"""Every answer says how it may be kept, so that no cache has to guess (contract 4).

The observer compares each answer of the whole suite; here the table of routes is walked, so that no route is left out.
"""

import pytest

from tests.conftest import StartServer
from tests.observer import Observer
from tests.web.helpers import raw
from tests.web.openapi_world import UNKNOWN, World
from wizard_server.web.http.route import AnyRoute
from wizard_server.web.routes import ROUTES

NOWHERE = "no-store"
FOR_EVER = "public, max-age=31536000, immutable"
STATE = "/api/v1/wizard-state/{investigation_id}"


@pytest.fixture
async def world(start_server: StartServer) -> World:
    return await World.start(start_server, "jwt")


def named(route: AnyRoute) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", [route for route in ROUTES if "{" in route.path], ids=named)
async def test_what_is_not_there_is_not_remembered_as_absent(world: World, route: AnyRoute) -> None:
    answer = await world.ask(route, identifier=UNKNOWN, params={})
    if "{file}" not in route.path and "{module}" not in route.path:
        assert answer.status in (400, 404, 422), answer.status  # a handshake is refused before anything is looked for
        assert answer.headers["Cache-Control"] == NOWHERE


@pytest.mark.parametrize("route", [route for route in ROUTES if route.scopes], ids=named)
async def test_a_refusal_is_kept_nowhere(world: World, route: AnyRoute) -> None:
    answer = await world.ask(route, headers={"Authorization": "Bearer none"})
    assert (answer.status, answer.headers["Cache-Control"]) == (401, NOWHERE)
    answer = await world.ask(route, headers=world.caller(scope="none"))
    assert (answer.status, answer.headers["Cache-Control"]) == (403, NOWHERE)


async def test_a_state_is_kept_by_its_owners_browser_which_asks_first(world: World) -> None:
    await world.investigate()
    for status, method, headers in (
        (200, "GET", {}),
        (304, "GET", {"If-None-Match": '"version-1"'}),
        (200, "PATCH", {}),
        (204, "PUT", {"Prefer": "return=minimal"}),
    ):
        answer = await world.expect(status, method, STATE, headers=headers)
        assert answer.headers["Cache-Control"] == "private, no-cache"


async def test_everything_else_of_a_user_and_every_probe_is_kept_nowhere(world: World, observer: Observer) -> None:
    await world.investigate()
    reading = [route for route in ROUTES if route.method == "GET" and route.path != STATE]
    for route in reading:
        if route.path.rpartition("/")[2] in ("openapi.json", "docs", "{file}", "{module}"):
            continue
        answer = await world.ask(route)
        assert (answer.status < 500, answer.headers["Cache-Control"]) == (True, NOWHERE), named(route)
    assert len({path for method, path, status, _ in observer.seen if status == 200}) >= 11


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/healthz", 405), ("GET", "/x" * 5000, 414), ("G(ET", "/", 400)],
)
async def test_what_reaches_no_route_is_kept_nowhere(world: World, method: str, path: str, status: int) -> None:
    answered, head = await raw(world.client, method, path, b"")
    assert answered == status
    assert b"cache-control: no-store" in head
