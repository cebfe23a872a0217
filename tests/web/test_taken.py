"""What a route does not take it refuses: a precondition, a parameter, a body (contract 4). Nothing is dropped."""

from asyncio import open_connection
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import STATES, create, fields_named, patch, raw, send, start, stored, url
from tests.web.openapi_world import World
from wizard_server.web.http.route import AnyRoute
from wizard_server.web.routes import ROUTES

TEMPLATES = "/api/v1/templates"
CONDITIONS = ("If-Match", "If-None-Match", "If-Unmodified-Since")
TAG = {"If-Match": '"version-99"', "If-None-Match": "*", "If-Unmodified-Since": "Fri, 09 Jan 2026 08:00:00 GMT"}


def named(value: Any) -> str:
    return value if isinstance(value, str) else f"{value.method} {value.path}"


@pytest.fixture
async def world(start_server: StartServer) -> World:
    world = await World.start(start_server, "jwt")
    await world.investigate()
    return world


def refused(answer: Any, body: Any, field: str) -> None:
    assert (answer.status, body["code"]) == (422, "validation-failed"), body
    assert [error["field"] for error in body["errors"]] == [field]
    assert field in body["detail"]


@pytest.mark.parametrize("route", [route for route in ROUTES if route.query is None], ids=named)
async def test_a_parameter_that_a_route_does_not_take_is_named(world: World, database: str, route: AnyRoute) -> None:
    before = stored(database)
    for parameter in ("dry_run", "version"):
        answer = await world.ask(route, params={parameter: "99"})
        refused(answer, await answer.json(), parameter)
        assert stored(database) == before


@pytest.mark.parametrize("route", [route for route in ROUTES if set(CONDITIONS) - set(route.headers)], ids=named)
async def test_a_precondition_that_a_route_does_not_take_is_named(world: World, database: str, route: AnyRoute) -> None:
    before = stored(database)
    for condition in CONDITIONS:
        if condition not in route.headers:
            answer = await world.ask(route, headers={condition: TAG[condition]})
            refused(answer, await answer.json(), condition)
            assert stored(database) == before


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.bodies], ids=named)
async def test_a_body_that_a_route_does_not_take_is_named(world: World, database: str, route: AnyRoute) -> None:
    before = stored(database)
    answer = await world.ask(route, json={"version": 99})
    refused(answer, await answer.json(), "body")
    assert stored(database) == before


async def test_a_delete_is_told_where_it_may_name_its_version(client: Client) -> None:
    await create(client)
    answer = await send(client, "DELETE", url(), json={"version": 99})
    assert "the version it is based on is named by If-Match" in answer.body["detail"]
    assert (await send(client, "DELETE", url(), headers={"If-Match": '"version-99"'})).status == 412
    assert (await send(client, "DELETE", url())).status == 204


@pytest.mark.parametrize(
    ("body", "status"), [(b"0\r\n\r\n", 204), (b"2\r\n{}\r\n0\r\n\r\n", 422)], ids=["empty", "something"]
)
async def test_a_chunked_body_is_a_body_if_there_is_something_in_it(client: Client, body: bytes, status: int) -> None:
    await create(client)
    head = b"DELETE /api/v1/wizard-state/inv-1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    reader, writer = await open_connection(client.host, client.port)
    writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
    await writer.drain()
    writer.write(body)
    answer = await reader.read()
    writer.close()
    assert int(answer.split()[1]) == status


async def test_a_body_of_no_bytes_is_none(client: Client) -> None:
    await create(client)
    assert (await raw(client, "DELETE", url(), b""))[0] == 204


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_write_that_asks_for_no_state_is_not_done_where_there_is_one(
    client: Client, database: str, method: str
) -> None:
    made = await create(client)
    before = stored(database)
    body = None if method == "DELETE" else {"status": "ERROR"}
    answer = await send(client, method, url(), json=body, headers={"If-None-Match": "*"})
    assert (answer.status, answer.body["code"]) == (412, "precondition-failed")
    assert answer.body["current"]["version"] == made["version"]
    assert answer.body["mergeable"] is False, "a client that sent it again would meet the same"
    assert stored(database) == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_where_there_is_no_state_it_is_a_404(client: Client, method: str) -> None:
    body = None if method == "DELETE" else {"status": "ERROR"}
    assert (await send(client, method, url(), json=body, headers={"If-None-Match": "*"})).status == 404


@pytest.mark.parametrize("tags", ["*", '"version-1"'])
async def test_a_new_state_is_a_412_where_one_exists_and_none_is_wanted(
    client: Client, database: str, tags: str
) -> None:
    await create(client)
    saved = await send(client, "POST", TEMPLATES, json={"name": "t", "from_investigation_id": "inv-1"})
    before = stored(database)
    for path in (STATES, f"{TEMPLATES}/{saved.body['template_id']}/apply"):
        answer = await send(client, "POST", path, json={"investigation_id": "inv-1"}, headers={"If-None-Match": tags})
        assert (answer.status, answer.body["code"]) == (412, "precondition-failed")
        assert (answer.body["current"]["version"], answer.body["mergeable"]) == (1, False)
    assert stored(database) == before
    answer = await send(client, "POST", STATES, json={"investigation_id": "inv-2"}, headers={"If-None-Match": "*"})
    assert answer.status == 201


async def test_of_somebody_else_s_state_it_tells_only_that_the_identifier_is_taken(client: Client) -> None:
    await create(client)
    headers = {"If-None-Match": "*", "X-User-Id": "mallory"}
    answer = await send(client, "POST", STATES, json={"investigation_id": "inv-1"}, headers=headers)
    assert (answer.status, answer.body["code"]) == (409, "state-exists")
    assert "current" not in answer.body


async def test_a_write_is_done_unless_the_state_is_at_a_version_that_is_named(client: Client) -> None:
    await create(client)
    for tags, status in (('"version-1", "version-3"', 412), ('"version-2"', 200)):
        answer = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers={"If-None-Match": tags})
        assert answer.status == status


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_tag_without_quotes_is_a_400_that_says_why(
    client: Client, database: str, method: str, header: str
) -> None:
    await create(client)
    before = stored(database)
    body = None if method == "DELETE" else {"status": "ERROR"}
    answer = await send(client, method, url(), json=body, headers={header: "version-1"})
    assert (answer.status, answer.body["code"]) == (400, "malformed-header")
    assert answer.body["detail"].startswith(f"{header}: version-1 is no entity tag: write it in quotes")
    assert stored(database) == before


@pytest.mark.parametrize(
    "path",
    [
        url(),
        "/api/v1/polling/wizard-state/inv-1",
        "/api/v1/polling/wizard-state/inv-1/changes",
        "/api/v1/polling/active-investigations",
        "/docs",
        "/openapi.json",
    ],
)
async def test_a_reader_is_told_too(client: Client, path: str) -> None:
    await create(client)
    answer = await send(client, "GET", path, headers={"If-None-Match": "version-1"})
    assert (answer.status, answer.body["code"]) == (400, "malformed-header")


async def test_a_report_may_name_the_version_that_it_is_based_on(client: Client, database: str) -> None:
    await start(client)
    report = {"overall_progress": 10}
    for tags, status in (('"version-1"', 412), ('"version-2"', 200), ("version-3", 400)):
        answer = await send(client, "POST", url(suffix="/progress"), json=report, headers={"If-Match": tags})
        assert answer.status == status, answer.body
    answer = await send(client, "POST", url(suffix="/progress"), json=report, headers={"If-None-Match": "*"})
    assert answer.status == 412


async def test_a_report_needs_no_version_also_where_updates_do(start_server: StartServer) -> None:
    client = await start_server(state={"require_precondition": True})
    await create(client)
    await patch(client, {"wizard_step": "PROGRESS"}, **{"If-Match": '"version-1"'})
    assert (await send(client, "POST", url(suffix="/progress"), json={"overall_progress": 10})).status == 200


async def test_a_template_says_that_it_has_no_version(client: Client) -> None:
    made = await send(client, "POST", TEMPLATES, json={"name": "t", "settings": factories.settings()})
    for method, body in (("PUT", {"name": "u"}), ("PATCH", {"name": "u"}), ("DELETE", None)):
        path = f"{TEMPLATES}/{made.body['template_id']}"
        answer = await send(client, method, path, json=body, headers={"If-Match": '"version-1"'})
        assert (answer.status, fields_named(answer)) == (422, {"If-Match"})
        assert "it has no version that could be named" in answer.body["detail"]


async def test_a_read_says_which_precondition_it_takes(client: Client) -> None:
    await create(client)
    for path in (url(), "/api/v1/polling/wizard-state/inv-1"):
        answer = await send(client, "GET", path, headers={"If-Match": '"version-1"'})
        assert (answer.status, fields_named(answer)) == (422, {"If-Match"})
        assert "If-None-Match names what the client has" in answer.body["detail"]


async def test_a_cache_buster_is_no_parameter_of_a_get_and_one_of_a_write(client: Client) -> None:
    await create(client)
    for path in (url(), STATES, "/api/v1/config", "/api/v1/polling/wizard-state/inv-1", "/healthz", "/docs"):
        async with client.get(path, params={"_": "1", "_t": "123"}) as answer:
            assert answer.status == 200, path
        async with client.head(path, params={"_": "1"}) as answer:
            assert answer.status == 200, path
    written = await send(client, "PATCH", url(), params={"_": "1"}, json={"status": "ERROR"})
    assert (written.status, fields_named(written)) == (422, {"_"})


async def test_a_date_that_keeps_caches_away_is_no_precondition_of_a_get(client: Client) -> None:
    """What Angular and others send: no answer has a date, so the whole answer is what it asks for."""
    await create(client)
    assert (await send(client, "GET", url(), headers={"If-Modified-Since": "0"})).status == 200


async def test_who_may_not_ask_is_not_told_what_a_route_takes(start_server: StartServer) -> None:
    client = await start_server(auth={"mode": "jwt", "jwt_secret": "k" * 32})
    assert (await send(client, "DELETE", url(), params={"dry_run": "true"}, json={})).status == 401


async def test_a_thousand_unknown_names_are_answered_with_fifty(client: Client) -> None:
    answer = await send(client, "DELETE", url(), params={f"p{number}": "1" for number in range(1000)})
    assert (answer.status, len(answer.body["errors"])) == (422, 50)
