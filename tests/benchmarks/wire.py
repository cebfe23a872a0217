"""Bytes on the wire per update while a state grows to 100 KB of logs: ``/changes`` against full polls."""

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from tests import factories
from tests.conftest import Client
from wizard_server.app import create_app

UPDATES, LINE_BYTES = 1000, 100
STATE = "/api/v1/wizard-state/inv-1"
POLL = "/api/v1/polling/wizard-state/inv-1"


async def run() -> None:
    """Print the bytes of both ways, headers included and nothing compressed, and their ratio."""
    app = create_app(factories.config(features={"sqlite_persistence": False}))
    client: Client = TestClient(TestServer(app))
    await client.start_server()
    try:
        full, delta = await _measure(client)
    finally:
        await client.close()
    print(f"{UPDATES} updates of one log line of {LINE_BYTES} bytes, the state grown to {UPDATES * LINE_BYTES} bytes")
    print(f"full polls  {full / UPDATES:>10,.0f} bytes per update")
    print(f"/changes    {delta / UPDATES:>10,.0f} bytes per update")
    print(f"ratio       {delta / full:>10.2%}")


async def _measure(client: Client) -> tuple[int, int]:
    await client.post("/api/v1/wizard-state", json=factories.creation())
    await client.patch(STATE, json={"wizard_step": "PROGRESS"})
    full = delta = 0
    for number in range(UPDATES):
        line = f"{number:06}".ljust(LINE_BYTES, ".")
        report = {"overall_progress": number / UPDATES * 100, "logs": [line]}
        async with client.post(f"{STATE}/progress", json=report, headers={"Prefer": "return=minimal"}) as response:
            assert response.status == 204
        known = {"since_version": str(2 + number)}
        async with client.get(POLL, params=known, headers={"Accept-Encoding": "identity"}) as response:
            full += await _size(response)
        async with client.get(f"{POLL}/changes", params=known, headers={"Accept-Encoding": "identity"}) as response:
            delta += await _size(response)
    return full, delta


async def _size(response: ClientResponse) -> int:
    assert response.status == 200
    headers = sum(len(name) + len(value) + 4 for name, value in response.raw_headers)
    return headers + len(await response.read())
