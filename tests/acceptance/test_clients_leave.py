"""Clients that go away without a word: nobody keeps a place for them (contract 5)."""

from pathlib import Path

import pytest

from tests import factories
from tests.acceptance.client import POLLS, STATES, Connection, connect, eventually, parked, request_bytes
from tests.acceptance.conftest import Serve

WAITERS = 100


async def none_is_parked(connection: Connection) -> bool:
    return await parked(connection) == 0


async def all_are_parked(connection: Connection) -> bool:
    return await parked(connection) == WAITERS


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_waiter_whose_client_has_gone_is_freed(reset: bool, config: Path, serve: Serve) -> None:
    server = serve(config)
    async with connect(server.port) as [control], connect(server.port, WAITERS) as waiters:
        assert (await control.ask("POST", STATES, factories.creation("inv-1"))).status == 201
        for waiter in waiters:
            await waiter.send(request_bytes("GET", f"{POLLS}/inv-1?since_version=1&wait=50"))
        await eventually(lambda: all_are_parked(control))
        for waiter in waiters:
            waiter.leave(reset=reset)
        await eventually(lambda: none_is_parked(control))
        changed = await control.ask("PATCH", f"{STATES}/inv-1", {"settings": factories.settings(name="still here")})
        assert (changed.status, changed.json()["version"]) == (200, 2)
    assert server.terminate() == 0


async def test_clients_that_leave_in_the_middle_of_anything_cost_the_server_nothing(config: Path, serve: Serve) -> None:
    server = serve(config)
    update = {"settings": factories.settings(name="left")}
    requests = [
        request_bytes("GET", f"{STATES}?q=ring"),
        request_bytes("GET", f"{STATES}/inv-1/history"),
        request_bytes("GET", "/readyz"),
        request_bytes("GET", f"{STATES}/inv-1?version=1"),
        request_bytes("PATCH", f"{STATES}/inv-1", update),
        request_bytes("PATCH", f"{STATES}/inv-1", update, {"Idempotency-Key": "once"}),
        request_bytes("PATCH", f"{STATES}/inv-1", update)[:-10],
        b"GET /api/v1/wiz",
    ]
    async with connect(server.port) as [control]:
        assert (await control.ask("POST", STATES, factories.creation("inv-1"))).status == 201
        for _ in range(20):
            async with connect(server.port, len(requests)) as connections:
                for connection, request in zip(connections, requests, strict=True):
                    await connection.send(request)
                await control.ask("GET", "/healthz")
                for connection in connections:
                    connection.leave(reset=True)
        assert (await control.ask("GET", "/readyz")).status == 200
        assert (await control.ask("GET", f"{STATES}/inv-1/history")).status == 200
        assert (await control.ask("GET", f"{STATES}/inv-1")).json()["settings"]["name"] in ("left", "Card testing ring")
    assert server.terminate() == 0
