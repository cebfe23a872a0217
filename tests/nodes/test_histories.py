"""A promoted standby may have another history of the same numbers: who follows is given its state, and no mixture."""

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from tests import factories
from tests.conftest import Client
from tests.nodes.test_waking import TERMINATE
from tests.postgresql import Cluster, Database
from tests.web.helpers import HANGS_AFTER_SECONDS, create, parked, patch, polling, send, soon, url
from tests.web.push import Event, EventStream, events

# What the server of the other history wrote as the same version; no trigger sees it.
OTHER = """
    UPDATE investigation_states
    SET updated_at = updated_at + INTERVAL '1 s', last_entry = 'other',
        settings_json = jsonb_set(CAST(settings_json AS jsonb), '{name}', '"other"')
"""


@pytest.fixture
def fail_over(postgres: Database, cluster: Cluster) -> Callable[[], None]:
    """Have every node find another history."""

    def found() -> None:
        with psycopg.connect(postgres.admin_url, autocommit=True) as server:
            server.execute("SET session_replication_role = replica")
            server.execute(OTHER)
        cluster.execute(TERMINATE.format(postgres.name))

    return found


async def of_name(stream: EventStream, name: str) -> Event:
    """Return the next event of `name`."""
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        while (event := await stream.block()) is None or event.name != name:
            assert event is not None, "the stream has ended"
    return event


async def test_another_state_of_the_same_number_is_told(nodes: list[Client], fail_over: Callable[[], None]) -> None:
    await create(nodes[0])
    await patch(nodes[0], {"settings": factories.settings(name="lost")})
    task = polling(nodes[2], since_version=2)
    async with events(nodes[1]) as stream:
        event = await of_name(stream, "state")
        assert event.data["settings"]["name"] == "lost"
        await parked(nodes[2])
        fail_over()
        event = await of_name(stream, "state")
        assert (event.version, event.data["settings"]["name"]) == (2, "other")
        polled = await soon(task)
        assert (polled.body["has_changes"], polled.body["state"]["settings"]["name"]) == (True, "other")
        new = {"settings": factories.settings(name="new")}
        while (await send(nodes[0], "PATCH", url(), json=new)).status == 503:
            pass  # a connection that was cut, and had not been used since
        assert (await of_name(stream, "change")).version == 3
