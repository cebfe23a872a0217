"""What the tokens of real issuers look like: users with any visible ASCII, scopes wherever the issuer puts them."""

from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import STATES, poll_url, send, url
from tests.web.push import socket, told
from tests.web.tokens import SECRET, bearer, token

USERS = ["auth0|5f7c8ec7", "alice@example.com", "f:550e8400-e29b:alice", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"]
DASHBOARD = "/api/v1/polling/active-investigations"


@pytest.fixture
async def guarded(start_server: StartServer) -> Client:
    return await start_server(auth={"mode": "jwt", "jwt_secret": SECRET})


@pytest.mark.parametrize("user", USERS)
async def test_such_a_user_is_the_same_one_everywhere(guarded: Client, user: str) -> None:
    mine = bearer(user)
    created = await send(guarded, "POST", STATES, json=factories.creation(user_id=user), headers=mine)
    assert (created.status, created.body["user_id"]) == (201, user)
    for path in (url(), poll_url(), f"{url()}?version=1"):
        answer = await send(guarded, "GET", path, headers=mine)
        assert (answer.status, answer.body.get("state", answer.body)["user_id"]) == (200, user)
    for path, rows in ((STATES, "items"), (url(suffix="/history"), "items"), (DASHBOARD, "investigations")):
        answer = await send(guarded, "GET", path, headers=mine)
        assert [row["user_id"] for row in answer.body[rows]] == [user], path
    note = {"investigation_id": "inv-1", "user_id": user, "action_type": "NOTE", "source": "USER"}
    noted = await send(guarded, "POST", url(suffix="/history"), json=note, headers=mine)
    assert (noted.status, noted.body["user_id"]) == (201, user)
    template = await send(
        guarded, "POST", "/api/v1/templates", json={"name": "t", "settings": factories.settings()}, headers=mine
    )
    assert (template.status, template.body["user_id"]) == (201, user)
    async with socket(guarded, headers=mine) as opened:
        assert (await told(opened, of="connection_established"))["state"]["user_id"] == user


async def test_users_are_compared_to_the_letter(guarded: Client) -> None:
    mine = bearer("Auth0|5f7c")
    body = factories.creation(user_id="Auth0|5f7c")
    assert (await send(guarded, "POST", STATES, json=body, headers=mine)).status == 201
    for other in ("auth0|5f7c", "AUTH0|5F7C", "Auth0|5f7", "Auth0|5f7c ", "Auth0|5f7%", "Auth0_5f7c"):
        assert (await send(guarded, "GET", url(), headers=bearer(other))).status in (401, 404)
        answer = await send(guarded, "GET", STATES, headers=bearer(other))
        assert answer.status == 401 or answer.body["items"] == []
    assert (await send(guarded, "GET", url(), headers=mine)).status == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"scp": "wizard:read wizard:write"},
        {"scp": ["wizard:read", "wizard:write"]},
        {"scopes": ["wizard:read", "wizard:write"]},
        {"scope": "openid", "permissions": ["wizard:read", "wizard:write"]},
    ],
)
async def test_scopes_are_found_where_the_issuer_put_them(guarded: Client, claims: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {token(**{'scope': None, **claims})}"}
    assert (await send(guarded, "POST", STATES, json=factories.creation(user_id="ann"), headers=headers)).status == 201
    assert (await send(guarded, "GET", url(), headers=headers)).status == 200


async def test_in_development_the_header_names_such_a_user_too(client: Client) -> None:
    mine = {"X-User-Id": USERS[0]}
    body = factories.creation(user_id=USERS[0])
    assert (await send(client, "POST", STATES, json=body, headers=mine)).status == 201
    assert (await send(client, "GET", url(), headers=mine)).body["user_id"] == USERS[0]
    assert (await send(client, "GET", url(), headers={"X-User-Id": USERS[1]})).status == 404
