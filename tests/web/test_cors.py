"""Pages of other origins: those that the configuration names may call the API and read every header they need."""

from tests import factories
from tests.conftest import Client, StartServer
from wizard_server.web.cors import EXPOSED

PAGE = "https://app.example.com"
STATE = "/api/v1/wizard-state"
ALLOWED = {"allowed_origins": [PAGE]}


async def test_a_page_that_is_named_may_read_what_clients_need(start_server: StartServer) -> None:
    client = await start_server(cors=ALLOWED)
    async with client.post(STATE, json=factories.creation(), headers={"Origin": PAGE}) as answer:
        assert answer.status == 201
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
        assert {"ETag", "Retry-After", "X-Recommended-Interval", "Location"} <= exposed == set(EXPOSED)
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_an_error_can_be_read_by_the_page_too(start_server: StartServer) -> None:
    client = await start_server(cors=ALLOWED)
    async with client.get(f"{STATE}/absent", headers={"Origin": PAGE}) as answer:
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (404, PAGE)


async def test_a_browser_that_asks_first_is_told_methods_and_headers(start_server: StartServer) -> None:
    client = await start_server(cors=ALLOWED, auth={"mode": "jwt", "jwt_secret": "k" * 32})
    asking = {"Origin": PAGE, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match"}
    async with client.options(f"{STATE}/inv-1", headers=asking) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
        assert {"Authorization", "If-Match", "Prefer"} <= set(
            answer.headers["Access-Control-Allow-Headers"].split(", ")
        )


async def test_an_event_stream_can_be_read_by_the_page(start_server: StartServer) -> None:
    client = await start_server(cors=ALLOWED)
    async with client.post(STATE, json=factories.creation()):
        pass
    async with client.get("/api/v1/events/wizard-state/inv-1", headers={"Origin": PAGE}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE


async def test_a_page_that_is_not_named_may_read_nothing(start_server: StartServer) -> None:
    client = await start_server(cors=ALLOWED)
    stranger = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PATCH"}
    async with client.get("/healthz", headers=stranger) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.headers["Vary"]
    async with client.options(f"{STATE}/inv-1", headers=stranger) as answer:
        assert (answer.status, "Access-Control-Allow-Origin" in answer.headers) == (405, False)


async def test_a_star_names_every_page(start_server: StartServer) -> None:
    client = await start_server(cors={"allowed_origins": ["*"]})
    async with client.get("/healthz", headers={"Origin": "https://any.example"}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "https://any.example"


async def test_without_origins_nothing_is_added(client: Client) -> None:
    async with client.get("/healthz", headers={"Origin": PAGE}) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
