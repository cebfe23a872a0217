"""``/ws/investigation/{id}``: what a client is told, what it may say, and how that ends (contract 6)."""

import asyncio
import re
from typing import Any

import orjson
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web

from tests.conftest import Client, StartServer
from tests.web.helpers import INV, TIMESTAMP, as_operator, create, noticed, patch, read, send, start, url
from tests.web.push import (
    canonical,
    closing,
    events,
    everybody_has_gone,
    nobody_is_left,
    rebuilt,
    report,
    socket,
    socket_url,
    told,
    updates,
    waiting,
)
from wizard_server.web.http.context import HUB


async def refused(client: Client, path: str, **kwargs: Any) -> WSServerHandshakeError:
    with pytest.raises(WSServerHandshakeError) as caught:
        await client.ws_connect(path, **kwargs)
    return caught.value


def change(message: dict[str, Any]) -> dict[str, Any]:
    """Return the change that a ``state_updated`` carries."""
    return {key: value for key, value in message.items() if key not in ("type", "investigation_id", "timestamp")}


async def test_a_connection_begins_with_the_state(client: Client) -> None:
    await start(client)
    async with socket(client) as opened:
        first = await told(opened, of="connection_established")
        assert (first["investigation_id"], first["version"], first["state"]["version"]) == (INV, 2, 2)
        assert re.fullmatch(TIMESTAMP, first["timestamp"])
        assert canonical(first["state"]) == canonical(await read(client))
        assert set(first["state"]) == set(await read(client))


async def test_every_version_is_one_update_in_order_as_changes_writes_it(client: Client) -> None:
    await start(client)
    async with socket(client) as opened:
        state = (await told(opened, of="connection_established"))["state"]
        for percent in range(5):
            await patch(client, report(percent))
        messages = await updates(opened, 5)
        path = f"/api/v1/polling/wizard-state/{INV}/changes?since_version=2"
        changes = (await send(client, "GET", path)).body["changes"]
        assert [change(message) for message in messages] == [change(each) for each in changes]
        assert [message["timestamp"] for message in messages] == [each["timestamp"] for each in changes]
        assert canonical(rebuilt(state, messages)) == canonical(await read(client))


async def test_a_version_resumes_without_a_gap_and_without_a_state(client: Client) -> None:
    await start(client)
    base = await read(client)
    for percent in range(3):
        await patch(client, report(percent))
    async with client.ws_connect(f"{socket_url()}?since_version=2") as opened:
        assert "state" not in await told(opened, of="connection_established")
        missed = await updates(opened, 3)
        await patch(client, report(50))
        seen = missed + await updates(opened, 1)
    assert [message["version"] for message in seen] == [3, 4, 5, 6]
    assert canonical(rebuilt(base, seen)) == canonical(await read(client))


async def test_a_version_ahead_of_the_server_is_given_the_state(client: Client) -> None:
    await start(client)
    async with client.ws_connect(f"{socket_url()}?since_version=99") as opened:
        assert (await told(opened, of="connection_established"))["state"]["version"] == 2


async def test_a_version_outside_the_kept_history_is_given_the_state(client: Client, database: str) -> None:
    await start(client)
    as_operator(database, "DELETE FROM investigation_audit_log WHERE version = 2")
    async with client.ws_connect(f"{socket_url()}?since_version=1") as opened:
        await told(opened, of="connection_established")
        assert (await told(opened, of="state_sync"))["state"]["version"] == 2
        await patch(client, report(1))
        assert [message["version"] for message in await updates(opened, 1)] == [3]


@pytest.mark.parametrize("asked", ["since_version=x", "since_version=-1", "unknown=1"])
async def test_a_bad_parameter_is_a_422(client: Client, asked: str) -> None:
    await create(client)
    assert (await refused(client, f"{socket_url()}?{asked}")).status == 422
    assert nobody_is_left(client)


async def test_both_sides_send_heartbeats(start_server: StartServer) -> None:
    client = await start_server(polling={"heartbeat_seconds": 1})
    await create(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        assert [(await told(opened, of="heartbeat"))["type"] for _ in range(2)]


async def test_a_heartbeat_is_answered(client: Client) -> None:
    await create(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await opened.send_json({"type": "heartbeat"})
        await told(opened, of="heartbeat")


async def test_an_acknowledgment_is_taken_without_a_word(client: Client) -> None:
    await create(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await opened.send_json({"type": "acknowledgment", "version": 1})
        await opened.send_json({"type": "heartbeat"})
        await told(opened, of="heartbeat")


async def test_a_sync_is_answered_with_the_state_and_the_stream_goes_on_from_there(client: Client) -> None:
    await start(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await opened.send_json({"type": "sync"})
        synced = await told(opened, of="state_sync")
        assert (synced["version"], canonical(synced["state"])) == (2, canonical(await read(client)))
        await patch(client, report(1))
        assert [message["version"] for message in await updates(opened, 1)] == [3]


@pytest.mark.parametrize(
    "text", ["", "x", "{", "[]", "null", "1", '"sync"', "{}", '{"type": 1}', '{"type": []}', '{"type": "unknown"}']
)
async def test_any_other_text_is_answered_by_an_error_and_ends_nothing(client: Client, text: str) -> None:
    await create(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await opened.send_str(text)
        assert "heartbeat" in (await told(opened, of="error"))["message"]
        await opened.send_json({"type": "heartbeat"})
        await told(opened, of="heartbeat")


async def test_a_binary_message_is_answered_by_an_error_and_ends_nothing(client: Client) -> None:
    await create(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await opened.send_bytes(b'{"type": "heartbeat"}')
        await told(opened, of="error")
        await opened.send_json({"type": "ping"})
        await told(opened, of="pong")


async def test_no_compression_is_agreed_on_though_every_browser_offers_it(client: Client) -> None:
    await create(client)
    async with client.ws_connect(socket_url(), compress=15) as opened:
        assert opened.compress == 0
        await told(opened, of="connection_established")


async def test_a_message_over_its_limit_closes(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    await create(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await opened.send_str(orjson.dumps({"type": "sync", "much": "x" * 100_000}).decode())
        assert (await closing(opened))[0] == 1009
    await everybody_has_gone(client)
    assert "unforeseen" not in caplog.text


async def test_a_deletion_closes_with_code_and_reason(client: Client) -> None:
    await create(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await waiting(client)
        assert (await send(client, "DELETE", url())).status == 204
        ended = await told(opened, of="connection_closed")
        assert (ended["code"], ended["reason"]) == (4004, "deleted")
        assert await closing(opened) == (4004, "deleted")
    await everybody_has_gone(client)


async def test_a_server_that_goes_down_closes_with_code_and_reason(client: Client) -> None:
    await create(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await waiting(client)
        client.app[HUB].drain()
        assert (await told(opened, of="connection_closed"))["code"] == 1001
        assert await closing(opened) == (1001, "going away")
    await everybody_has_gone(client)


@pytest.fixture
def closed_with(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The code that each close of the server ended with: the client's own where the server waited for it."""
    codes: list[int | None] = []
    close = web.WebSocketResponse.close

    async def noted(self: web.WebSocketResponse, **kwargs: Any) -> bool:
        try:
            return await close(self, **kwargs)
        finally:
            codes.append(self.close_code)

    monkeypatch.setattr(web.WebSocketResponse, "close", noted)
    return codes


async def test_the_server_waits_for_the_clients_close_frame(client: Client, closed_with: list[int | None]) -> None:
    await create(client)
    async with socket(client, autoclose=False) as opened:
        await told(opened, of="connection_established")
        await waiting(client)
        await send(client, "DELETE", url())
        assert await closing(opened) == (4004, "deleted")
        await opened.close(code=4999)
    await everybody_has_gone(client)
    assert 4999 in closed_with


async def test_a_client_that_closes_keeps_no_place(client: Client) -> None:
    await create(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        assert client.app[HUB].parked == 1
    await everybody_has_gone(client)


def drop(opened: ClientWebSocketResponse) -> None:
    """Be gone without a close frame."""
    transport = opened._conn.transport if opened._conn else None
    assert transport is not None
    transport.abort()


async def test_a_client_that_vanishes_keeps_no_place(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    await start(client)
    opened = await client.ws_connect(socket_url())
    await told(opened, of="connection_established")
    drop(opened)
    await asyncio.gather(*(patch(client, report(percent)) for percent in range(10)))
    await everybody_has_gone(client)
    assert "unforeseen" not in caplog.text


async def test_a_user_has_no_more_connections_than_configured(start_server: StartServer) -> None:
    client = await start_server(polling={"max_push_per_user": 2})
    await create(client)
    async with socket(client) as opened, events(client) as stream:
        await told(opened, of="connection_established")
        await stream.event(of="state")
        error = await refused(client, socket_url())
        assert error.status == 429
        assert error.headers is not None
        assert int(error.headers["Retry-After"]) > 0
    await everybody_has_gone(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")


async def test_somebody_elses_and_what_never_was_are_both_404(client: Client) -> None:
    await create(client, user_id="bob")
    assert (await refused(client, socket_url())).status == 404
    assert (await refused(client, socket_url("inv-9"))).status == 404
    assert nobody_is_left(client)


async def test_without_a_trail_there_are_no_sockets(start_server: StartServer) -> None:
    client = await start_server(features={"audit_logging": False})
    await create(client)
    assert (await refused(client, socket_url())).status == 404


async def test_a_request_that_does_not_upgrade_is_a_client_error(client: Client) -> None:
    await create(client)
    assert (await send(client, "GET", socket_url())).status in (400, 426)


async def test_a_state_handed_over_to_another_user_ends_the_connection(client: Client, database: str) -> None:
    await create(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await waiting(client)
        as_operator(database, "UPDATE investigation_states SET user_id = 'bob'")
        await noticed(client)
        await told(opened, of="connection_closed")
        assert (await closing(opened))[0] == 4004
    await everybody_has_gone(client)


async def test_no_state_is_shown_to_whom_it_was_taken_from(client: Client, database: str) -> None:
    await create(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        as_operator(database, "UPDATE investigation_states SET user_id = 'bob'")
        await noticed(client)
        await opened.send_json({"type": "sync"})
        assert (await closing(opened))[0] == 4004
        assert (await opened.receive()).type in (WSMsgType.CLOSED, WSMsgType.CLOSING)
