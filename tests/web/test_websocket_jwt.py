"""Who may open a WebSocket in mode jwt: by header, or by the subprotocol ``bearer.<token>`` (contract 7)."""

from collections.abc import Sequence

import pytest
from aiohttp import WSServerHandshakeError

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import STATES, send, url
from tests.web.push import events_url, socket, socket_url, told
from tests.web.tokens import SECRET, bearer, token


@pytest.fixture
async def guarded(start_server: StartServer) -> Client:
    """A server in mode jwt on which ann has inv-1."""
    client = await start_server(auth={"mode": "jwt", "jwt_secret": SECRET})
    answer = await send(client, "POST", STATES, json=factories.creation(user_id="ann"), headers=bearer())
    assert answer.status == 201, answer.body
    return client


async def status(client: Client, *protocols: str, **headers: str) -> int:
    with pytest.raises(WSServerHandshakeError) as caught:
        await client.ws_connect(socket_url(), headers=headers, protocols=protocols)
    return caught.value.status


async def test_a_token_in_the_header_opens(guarded: Client) -> None:
    async with socket(guarded, headers=bearer()) as opened:
        assert (await told(opened, of="connection_established"))["state"]["user_id"] == "ann"
        assert opened.protocol is None


@pytest.mark.parametrize("others", [(), ("wizard.v1",)])
@pytest.mark.parametrize("first", [True, False])
async def test_a_token_as_subprotocol_opens_and_one_that_was_offered_is_agreed_on(
    guarded: Client, others: Sequence[str], first: bool
) -> None:
    mine = f"bearer.{token()}"
    offered = (mine, *others) if first else (*others, mine)
    async with socket(guarded, protocols=offered) as opened:
        await told(opened, of="connection_established")
        assert opened.protocol == (others[0] if others else mine)


async def test_no_token_or_a_bad_one_is_a_401(guarded: Client) -> None:
    assert await status(guarded) == 401
    assert await status(guarded, "wizard.v1") == 401
    assert await status(guarded, "bearer.") == 401
    assert await status(guarded, "bearer.a.b.c") == 401
    assert await status(guarded, f"bearer.{token(secret='f' * 32)}") == 401


async def test_a_token_without_the_scope_is_a_403(guarded: Client) -> None:
    assert await status(guarded, **bearer(scope="wizard:write")) == 403


async def test_another_users_token_is_a_404(guarded: Client) -> None:
    assert await status(guarded, **bearer("bob")) == 404


async def test_agents_and_admins_follow_any_users_state(guarded: Client) -> None:
    for scope in ("wizard:agent", "wizard:admin"):
        async with socket(guarded, headers=bearer("robot", scope)) as opened:
            await told(opened, of="connection_established")
            answer = await send(guarded, "GET", url(), headers=bearer())
            assert answer.status == 200


async def test_a_stream_of_events_asks_for_a_token_too(guarded: Client) -> None:
    assert (await send(guarded, "GET", events_url())).status == 401
    assert (await send(guarded, "GET", events_url(), headers=bearer("bob"))).status == 404


async def test_a_subprotocol_is_no_token_for_anything_but_a_websocket(guarded: Client) -> None:
    headers = {"Sec-WebSocket-Protocol": f"bearer.{token()}"}
    assert (await send(guarded, "GET", url(), headers=headers)).status == 401


async def test_a_token_never_appears_in_a_log(guarded: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    mine = token()
    async with socket(guarded, protocols=(f"bearer.{mine}", "wizard.v1")) as opened:
        await told(opened, of="connection_established")
    assert await status(guarded, f"bearer.{mine}x") == 401
    assert mine not in caplog.text
