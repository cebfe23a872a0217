"""Query parameters (contract 4): one that is given twice is a list where that means something, else it is refused."""

from typing import Any

import pytest
from multidict import MultiDict

from tests import factories
from tests.conftest import Client
from tests.web.helpers import STATES, Answer, create, fields_named, patch, send, url
from wizard_server.web.http.query_parameters import parameters
from wizard_server.web.http.route import AnyRoute
from wizard_server.web.live.poll_query import PollQuery
from wizard_server.web.routes import ROUTES

DASHBOARD = "/api/v1/polling/active-investigations"
POLL = "/api/v1/polling/wizard-state/inv-1"
Pairs = list[tuple[str, str]]
LISTS = {"status", "wizard_step", "action_type", "source"}
WITH_QUERY = [route for route in ROUTES if route.query]


def named(value: Any) -> str:
    return value if isinstance(value, str) else f"{value.method} {value.path}"


@pytest.fixture
async def lived(client: Client) -> Client:
    """inv-a runs, inv-b failed, inv-c was cancelled at step PROGRESS."""
    for letter in "abc":
        await create(client, f"inv-{letter}")
    await patch(client, {"status": "ERROR"}, "inv-b", **{"X-Audit-Source": "SYSTEM"})
    await patch(client, {"wizard_step": "PROGRESS", "status": "CANCELLED"}, "inv-c")
    return client


async def get(client: Client, path: str, pairs: Pairs) -> Answer:
    return await send(client, "GET", path, params=pairs)


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        ([("status", "IN_PROGRESS"), ("status", "ERROR")], "ab"),
        ([("status", "ERROR"), ("status", "ERROR")], "b"),
        ([("status", "CANCELLED"), ("wizard_step", "SETTINGS"), ("wizard_step", "PROGRESS")], "c"),
        ([("wizard_step", "SETTINGS"), ("status", "CANCELLED"), ("status", "IN_PROGRESS")], "a"),
        ([("wizard_step", "RESULTS"), ("wizard_step", "PROGRESS")], "c"),
    ],
)
async def test_several_statuses_and_steps_are_those_of_any_of_them(lived: Client, pairs: Pairs, found: str) -> None:
    listed = await get(lived, STATES, pairs)
    assert "".join(sorted(item["investigation_id"][-1] for item in listed.body["items"])) == found
    assert listed.body["total"] == len(found)
    dashboard = await get(lived, DASHBOARD, pairs)
    assert "".join(sorted(row["investigation_id"][-1] for row in dashboard.body["investigations"])) == found
    assert dashboard.body["total"] == len(found)


async def test_a_dashboard_of_several_statuses_is_told_what_comes_and_goes(lived: Client) -> None:
    pairs: Pairs = [("status", "IN_PROGRESS"), ("status", "ERROR")]
    cursor = (await get(lived, DASHBOARD, pairs)).body["cursor"]
    await patch(lived, {"status": "ERROR"}, "inv-a")
    await patch(lived, {"status": "IN_PROGRESS", "wizard_step": "PROGRESS"}, "inv-b")
    await patch(lived, {"status": "CANCELLED"}, "inv-b")
    news = (await get(lived, DASHBOARD, [*pairs, ("cursor", str(cursor))])).body
    assert [row["investigation_id"] for row in news["investigations"]] == ["inv-a"]
    assert news["removed"] == ["inv-b"]


async def test_a_trail_of_several_types_and_sources(lived: Client) -> None:
    path = url("inv-b", "/history")
    for pairs, expected in (
        ([("action_type", "STATE_CHANGE"), ("action_type", "STATE_CREATED")], ["STATE_CHANGE", "STATE_CREATED"]),
        ([("source", "SYSTEM"), ("source", "POLLING")], ["STATE_CHANGE"]),
    ):
        answer = await get(lived, path, pairs)
        assert [item["action_type"] for item in answer.body["items"]] == expected
        assert answer.body["total"] == len(expected)


@pytest.mark.parametrize(
    ("path", "name"),
    [(STATES, "status"), (STATES, "wizard_step"), (DASHBOARD, "status"), (url(suffix="/history"), "source")],
)
async def test_a_wrong_one_among_several_is_named_as_the_parameter(client: Client, path: str, name: str) -> None:
    await create(client)
    answer = await get(client, path, [(name, "USER"), (name, "NOBODY")])
    assert (answer.status, fields_named(answer)) == (422, {name})


@pytest.mark.parametrize("route", WITH_QUERY, ids=named)
async def test_any_other_parameter_that_is_given_twice_is_refused(client: Client, route: AnyRoute) -> None:
    await create(client)
    assert route.query is not None
    path = route.path.replace("{investigation_id}", "inv-1")
    single = set(route.query.model_fields) - LISTS
    assert single
    for name in single:
        answer = await get(client, path, [(name, "1"), (name, "1")])
        assert (answer.status, fields_named(answer)) == (422, {name})
        assert answer.body["errors"][0]["constraint"] == "given_once"


@pytest.mark.parametrize("route", WITH_QUERY, ids=named)
async def test_a_character_that_an_engine_does_not_take_is_refused(client: Client, route: AnyRoute) -> None:
    await create(client)
    assert route.query is not None
    for name in route.query.model_fields:
        answer = await get(client, route.path.replace("{investigation_id}", "inv-1"), [(name, "a\0b")])
        assert (answer.status, fields_named(answer)) == (422, {name})
        assert answer.body["errors"][0]["constraint"] == "no_nul"


def test_what_takes_several_values_is_what_the_contract_names() -> None:
    lists = set()
    for route in WITH_QUERY:
        assert route.query is not None
        lists |= {name for name, field in route.query.model_fields.items() if field.default == ()}
    assert lists == LISTS


def test_a_cache_buster_may_come_as_often_as_it_likes() -> None:
    given = MultiDict([("_", "1"), ("_", "2"), ("since_version", "4"), ("_t", "x")])
    assert parameters(given, PollQuery).since_version == 4


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{url()}/", 200),
        ("GET", f"{STATES}/", 200),
        ("GET", f"{POLL}/?since_version=1", 200),
        ("GET", "/healthz/", 200),
        ("GET", "/docs/", 200),
        ("GET", f"{url()}//", 404),
        ("GET", "/", 200),
        ("GET", "/nothing/", 404),
        ("DELETE", f"{STATES}/", 405),
        ("DELETE", f"{url()}/", 204),
    ],
)
async def test_a_path_with_a_slash_at_its_end_is_the_path_without_it(
    client: Client, method: str, path: str, status: int
) -> None:
    await create(client)
    async with client.request(method, path, allow_redirects=False) as answer:
        assert answer.status == status


@pytest.mark.parametrize("path", [f"{STATES}/", f"{STATES}/?"])
async def test_a_body_comes_through_a_slash_at_the_end(client: Client, path: str) -> None:
    answer = await send(client, "POST", path, json=factories.creation(), allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (201, url())


async def test_a_problem_names_the_path_without_the_slash(client: Client) -> None:
    answer = await send(client, "GET", f"{url('absent')}/")
    assert (answer.status, answer.body["instance"]) == (404, url("absent"))


async def test_a_socket_opens_behind_a_slash(client: Client) -> None:
    await create(client)
    async with client.ws_connect("/ws/investigation/inv-1/") as socket:
        assert (await socket.receive_json())["type"] == "connection_established"


@pytest.mark.parametrize(("path", "status", "allow"), [("/nothing", 404, None), ("/healthz", 405, "GET,HEAD")])
async def test_a_plain_options_of_no_path_is_a_404_and_of_a_path_says_what_it_allows(
    client: Client, path: str, status: int, allow: str | None
) -> None:
    answer = await send(client, "OPTIONS", path)
    assert (answer.status, answer.headers.get("Allow")) == (status, allow)
    assert answer.headers["Content-Type"] == "application/problem+json"
