"""The headers that every answer has, whatever it is."""

from collections.abc import Mapping

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import STATES, Answer, create, poll_url, send, url
from tests.web.push import events, socket
from wizard_server.web.http.common_headers import CONTENT_SECURITY_POLICY, FIXED


def assert_common(headers: Mapping[str, str]) -> None:
    assert {name: headers.get(name) for name, _ in FIXED} == dict(FIXED)
    assert "Content-Security-Policy" in headers
    assert headers["X-Request-Id"]


REQUESTS = [
    ("GET", url(), {}, 200),
    ("HEAD", url(), {}, 200),
    ("GET", poll_url(), {"If-None-Match": '"version-1"'}, 304),
    ("PATCH", url(), {"Prefer": "return=minimal", "Content-Type": "application/merge-patch+json"}, 204),
    ("GET", url("absent"), {}, 404),
    ("GET", "/nothing/here", {}, 404),
    ("GET", "/..%2f", {}, 404),
    ("DELETE", STATES, {}, 405),
    ("GET", url(), {"X-User-Id": "not an id"}, 422),
    ("PATCH", url(), {"Content-Type": "text/plain"}, 415),
    ("GET", "/healthz", {}, 200),
    ("GET", "/metrics", {}, 200),
    ("GET", "/ws/investigation/inv-1", {}, 400),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), REQUESTS, ids=[f"{it[3]} {it[1]}" for it in REQUESTS])
async def test_every_answer_has_them(
    client: Client, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    await create(client)
    answer = await ask(client, method, path, headers)
    assert answer.status == status
    assert_common(answer.headers)
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


async def ask(client: Client, method: str, path: str, headers: dict[str, str]) -> Answer:
    data = b'{"status":"ERROR"}' if method == "PATCH" else None
    async with client.request(method, path, headers=headers, data=data) as response:
        return Answer(response.status, response.headers, None, await response.read())


async def test_an_answer_without_a_token_has_them(start_server: StartServer) -> None:
    client = await start_server(auth={"mode": "jwt", "jwt_secret": "k" * 32})
    answer = await send(client, "GET", url())
    assert answer.status == 401
    assert_common(answer.headers)


async def test_streams_have_them_in_their_heads(client: Client) -> None:
    await create(client)
    async with events(client) as stream:
        assert_common(stream.response.headers)
    async with socket(client) as opened:
        assert_common(opened._response.headers)


async def test_the_page_to_try_the_api_keeps_its_own_policy(client: Client) -> None:
    async with client.get("/docs") as answer:
        assert_common(answer.headers)
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


async def test_the_client_s_request_id_comes_back_and_every_other_request_gets_one_of_its_own(client: Client) -> None:
    given = await send(client, "GET", "/healthz", headers={"X-Request-Id": "web-42"})
    others = [
        (await send(client, "GET", url("absent"), headers=headers)).headers["X-Request-Id"]
        for headers in ({}, {}, {"X-Request-Id": "no good"}, {"X-Request-Id": "x" * 129})
    ]
    assert given.headers["X-Request-Id"] == "web-42"
    assert len(set(others)) == 4
    assert not {"no good", "x" * 129} & set(others)


async def test_an_error_names_the_request_in_body_and_header_alike(client: Client) -> None:
    answer = await send(client, "POST", STATES, json={**factories.creation(), "typo": 1})
    assert answer.body["request_id"] == answer.headers["X-Request-Id"]
