"""Pages of other origins: those that the configuration names may call the API and read every header they need."""

import pytest
from aiohttp import ClientResponse

from tests import factories
from tests.conftest import Client, StartServer
from wizard_server.web.http.cors import EXPOSED
from wizard_server.web.openapi.headers import ANSWER_HEADERS
from wizard_server.web.routes import ROUTES

PAGE = "https://app.example.com"
STATE = "/api/v1/wizard-state"
ALLOWED = {"allowed_origins": [PAGE]}
ASKING = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization,if-match",
}


async def test_a_page_that_is_named_may_read_what_clients_need(start_server: StartServer) -> None:
    client = await start_server(cors=ALLOWED)
    async with client.post(STATE, json=factories.creation(), headers={"Origin": PAGE}) as answer:
        assert answer.status == 201
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert listed(answer, "Access-Control-Expose-Headers") == set(EXPOSED)
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_every_header_that_an_answer_may_have_is_exposed_but_what_only_browsers_read() -> None:
    # A page may read Cache-Control anyway: the specification of fetch has it on its list.
    assert set(ANSWER_HEADERS) - {"Cache-Control", "Content-Security-Policy", "X-Accel-Buffering"} <= set(EXPOSED)


async def test_an_error_can_be_read_by_the_page_too(start_server: StartServer) -> None:
    client = await start_server(cors=ALLOWED)
    async with client.get(f"{STATE}/absent", headers={"Origin": PAGE}) as answer:
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (404, PAGE)


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES}))
async def test_a_browser_that_asks_first_is_told_the_methods_of_the_path_and_the_headers(
    start_server: StartServer, path: str
) -> None:
    client = await start_server(cors=ALLOWED, auth={"mode": "jwt", "jwt_secret": "k" * 32})
    concrete = path.format(investigation_id="inv-1", template_id="t-1", file="docs.js", module="index.js")
    async with client.options(concrete, headers=ASKING) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        methods = {route.method for route in ROUTES if route.path == path} | {"OPTIONS"}
        methods |= {"PATCH"} | ({"HEAD"} if "GET" in methods else set())
        assert listed(answer, "Access-Control-Allow-Methods") == methods
        asked = {name for route in ROUTES for name in route.headers}
        assert asked | {"Authorization", "Content-Type"} <= listed(answer, "Access-Control-Allow-Headers")
        assert answer.headers["Access-Control-Max-Age"] == "7200"
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Origin" in listed(answer, "Vary")


@pytest.mark.parametrize(
    "path", ["/absent", "/api/v1/wizard-stat", "/api/v2/x%0Ay", f"{STATE}/inv-1/", f"{STATE}/inv-1/x"]
)
@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH", "PROPFIND"])
async def test_a_page_that_asks_first_sees_our_answer_on_every_path_and_for_every_method(
    start_server: StartServer, path: str, method: str
) -> None:
    client = await start_server(cors=ALLOWED)
    asking = {**ASKING, "Access-Control-Request-Method": method}
    async with client.options(path, headers=asking) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert method in listed(answer, "Access-Control-Allow-Methods")
        assert {"Authorization", "If-Match"} <= listed(answer, "Access-Control-Allow-Headers")
    async with client.request(method, path, headers={"Origin": PAGE}) as answer:
        assert answer.status in (404, 405, 415)
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert (await answer.json(content_type="application/problem+json"))["status"] == answer.status


@pytest.mark.parametrize("path", [f"{STATE}/inv-1", "/absent"])
async def test_a_page_may_send_headers_of_its_own(start_server: StartServer, path: str) -> None:
    client = await start_server(cors=ALLOWED)
    names = "authorization, X-Polling-Interval,x-trace ,, bad name, caf\u00e9, x:y"
    async with client.options(path, headers={**ASKING, "Access-Control-Request-Headers": names}) as answer:
        assert answer.status == 204
        known = listed(answer, "Access-Control-Allow-Headers")
        assert {"X-Polling-Interval", "x-trace", "Authorization"} <= known
        assert known.isdisjoint({"authorization", "bad name", "caf\u00e9", "x:y", ""})


@pytest.mark.parametrize("path", ["/absent", f"{STATE}/inv-1/x"])
async def test_who_is_not_named_or_asks_nothing_is_granted_nothing_on_an_unknown_path(
    start_server: StartServer, path: str
) -> None:
    client = await start_server(cors=ALLOWED)
    for headers in ({**ASKING, "Origin": "https://evil.example"}, {"Origin": PAGE}, {}):
        async with client.options(path, headers=headers) as answer:
            assert answer.status == 404
            assert "Access-Control-Allow-Methods" not in answer.headers


async def test_a_plain_options_says_which_methods_there_are(start_server: StartServer) -> None:
    client = await start_server(cors=ALLOWED)
    async with client.options("/healthz") as answer:
        assert (answer.status, listed(answer, "Allow")) == (204, {"GET", "HEAD", "OPTIONS"})
        assert "Access-Control-Allow-Methods" not in answer.headers


async def test_an_event_stream_can_be_read_by_the_page(start_server: StartServer) -> None:
    client = await start_server(cors=ALLOWED)
    async with client.post(STATE, json=factories.creation()):
        pass
    async with client.get("/api/v1/events/wizard-state/inv-1", headers={"Origin": PAGE}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{PAGE}.evil.example", PAGE.upper(), f"{PAGE}/", "http" + PAGE[5:], "*"]
)
async def test_a_page_that_is_not_named_may_read_nothing(start_server: StartServer, origin: str) -> None:
    client = await start_server(cors=ALLOWED)
    stranger = {**ASKING, "Origin": origin}
    async with client.get("/healthz", headers=stranger) as answer:
        assert not cors_headers(answer)
        assert "Origin" in listed(answer, "Vary")
    async with client.options(f"{STATE}/inv-1", headers=stranger) as answer:
        assert (answer.status, cors_headers(answer)) == (204, set())


async def test_a_page_that_is_not_named_changes_nothing_of_a_developers(start_server: StartServer) -> None:
    client = await start_server(cors=ALLOWED)
    async with client.post("/api/v1/templates", json={"name": "T", "settings": factories.settings()}) as answer:
        template = f"/api/v1/templates/{(await answer.json())['template_id']}"
    for method, path in [("POST", f"{template}/apply"), ("POST", STATE), ("DELETE", template)]:
        async with client.request(method, path, headers={"Origin": "https://evil.example"}) as answer:
            problem = await answer.json(content_type="application/problem+json")
        assert (answer.status, problem["code"], problem["errors"][0]["field"]) == (403, "foreign-origin", "Origin")
        assert "[cors] allowed_origins" in problem["detail"]
    async with client.get(template) as answer:
        assert (answer.status, (await answer.json())["usage_count"]) == (200, 0)
    async with client.delete(template, headers={"Origin": PAGE}) as answer:
        assert answer.status == 204


async def test_an_answer_varies_with_the_origin_also_where_none_is_sent(start_server: StartServer) -> None:
    client = await start_server(cors=ALLOWED)
    async with client.get(f"{STATE}/absent") as answer:
        assert listed(answer, "Vary") == {"Accept-Encoding", "Origin"}
        assert not cors_headers(answer)


async def test_a_star_names_every_page_and_caches_may_share_the_answer(start_server: StartServer) -> None:
    client = await start_server(cors={"allowed_origins": ["*"]})
    for origin in ({"Origin": "https://any.example"}, {}):
        async with client.get("/healthz", headers=origin) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "Origin" not in listed(answer, "Vary")


async def test_without_origins_nothing_is_added(client: Client) -> None:
    async with client.get("/healthz", headers={"Origin": PAGE}) as answer:
        assert not cors_headers(answer)
    async with client.options("/healthz", headers=ASKING) as answer:
        assert (answer.status, cors_headers(answer)) == (405, set())


def listed(answer: ClientResponse, name: str) -> set[str]:
    return set(answer.headers.get(name, "").split(", ")) - {""}


def cors_headers(answer: ClientResponse) -> set[str]:
    return {name for name in answer.headers if name.startswith("Access-Control-")}
