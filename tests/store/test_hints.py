"""How a server hears that others have committed, and what it does where no hint arrives."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests import shell
from tests.store.conftest import Kit, OpenStore
from tests.store.steps import creation
from wizard_server.storage.postgresql.connection import Connection, connect
from wizard_server.storage.postgresql.hints import Hints, Listening
from wizard_server.storage.queries import load_queries
from wizard_server.storage.signals import Ticking

pytestmark = pytest.mark.needs("row locks")

LONG = 60.0
WITHIN = 20.0
OF_HINTS = "application_name = 'wizard-server' AND query LIKE 'LISTEN%'"


async def test_a_commit_is_a_hint_to_the_others_and_none_to_itself(open_store: OpenStore) -> None:
    one, two = await open_store(), await open_store()
    for kit in (one, two):
        await kit.engine.signal.wait(LONG)  # what was committed before it listened
    heard, own = (asyncio.create_task(kit.engine.signal.wait(LONG)) for kit in (two, one))
    await one.store.transact(creation())
    await asyncio.wait_for(heard, WITHIN)
    assert not own.done()
    own.cancel()


async def test_a_connection_that_is_lost_is_opened_again_and_everything_is_looked_at(open_store: OpenStore) -> None:
    kit = await open_store()
    await kit.engine.signal.wait(LONG)
    shell.run(kit.path, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OF_HINTS}")
    await asyncio.wait_for(kit.engine.signal.wait(LONG), WITHIN)


async def test_polling_opens_no_connection_for_hints(open_store: OpenStore) -> None:
    kit = await open_store(wake="poll")
    assert isinstance(kit.engine.signal, Ticking)
    assert shell.ask(kit.path, f"SELECT pid FROM pg_stat_activity WHERE {OF_HINTS}") == []


class Deaf(Connection):
    """Behind a pooler in transaction mode: LISTEN is taken, and nothing ever arrives."""

    async def fetch_all(self, query: Any, parameters: Any = None) -> Any:
        return [] if query.name == "connection.listen" else await super().fetch_all(query, parameters)


@pytest.mark.parametrize(("wake", "signal"), [("auto", Ticking), ("listen", Listening)])
async def test_where_no_hint_arrives_the_database_is_asked_often_unless_hints_are_demanded(
    kit: Kit, caplog: pytest.LogCaptureFixture, wake: str, signal: type
) -> None:
    tried = Hints(_deaf(kit), wake, trial_seconds=0.2)
    await tried.start()
    try:
        assert type(tried.signal) is signal
        assert ("hints do not arrive" in caplog.text) == (wake == "auto")
    finally:
        await tried.close()


def _deaf(kit: Kit) -> Callable[[], Awaitable[Connection]]:
    async def opening() -> Connection:
        return Deaf((await connect(kit.path)).raw, echo=False)

    return opening


@pytest.mark.parametrize(("pooler", "prepared"), [(False, 1), (True, 0)])
async def test_behind_a_pooler_nothing_is_prepared(kit: Kit, pooler: bool, prepared: int) -> None:
    connection = await connect(kit.path, pooler=pooler)
    try:
        for _ in range(10):
            await connection.fetch_all(load_queries("postgresql")["health.ping"])
        cursor = await connection.raw.execute(
            b"SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%tables%'"
        )
        [[count]] = await cursor.fetchall()
        assert count == prepared
    finally:
        await connection.close()
