"""What clients ask to wait is an upper bound on a real process too, for as many as come at once."""

import asyncio

from tests import factories
from tests.acceptance.client import POLLS, STATES, Connection, connect
from tests.acceptance.conftest import Serve

CLIENTS = 24
WAIT_SECONDS = 1.0
# A client's own time-out lies so far above what it asks for; a busy machine gets three times that.
SLACK_SECONDS = 3 * 0.5


async def waited(connection: Connection) -> tuple[int, float]:
    """Return the status of a poll without news, and how long it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await connection.ask(
        "GET", f"{POLLS}/inv-1?wait={WAIT_SECONDS:g}", headers={"If-None-Match": '"version-1"'}
    )
    return answer.status, loop.time() - began


async def test_two_dozen_clients_are_answered_within_what_they_asked_for(serve_all: Serve) -> None:
    server = serve_all()
    async with connect(server.port, CLIENTS) as connections:
        assert (await connections[0].ask("POST", STATES, factories.creation("inv-1"))).status == 201
        found = await asyncio.gather(*map(waited, connections))
    assert {status for status, _ in found} == {304}
    assert min(seconds for _, seconds in found) >= WAIT_SECONDS * 15 / 16
    assert max(seconds for _, seconds in found) < WAIT_SECONDS + SLACK_SECONDS
