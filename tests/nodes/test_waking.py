"""What one node commits wakes who waits at another: by a hint, without one, and after the database was away."""

import signal
from collections.abc import Iterator

import pytest

from tests import postgresql
from tests.conftest import Client, StartServer
from tests.nodes.conftest import NODES, options
from tests.postgresql import Cluster, Database
from tests.web.dashboards import cursor, ids, waiting
from tests.web.helpers import engine_of, parked, patch, polling, read, send, soon, start, until, url
from wizard_server.app import DATABASE
from wizard_server.storage.signals import Ticking

# Longer than a database may be away on a machine that has much else to do: no wait ends by itself meanwhile.
PATIENT = {"polling": {"max_wait_seconds": 300, "stall_after_seconds": 3600}}
ERROR, RUNNING = {"status": "ERROR"}, {"status": "IN_PROGRESS"}
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' AND usename = 'wizard'"


@pytest.fixture
async def started(nodes: list[Client]) -> list[Client]:
    """Three nodes that all have inv-1, at version 2."""
    await start(nodes[0])
    for node in nodes:
        await read(node)
    return nodes


async def test_a_hint_wakes_who_waits_at_another_node(started: list[Client]) -> None:
    hints = started[1].app[DATABASE].engine.signal
    hints.busy_seconds = 3600.0
    polled, listed = polling(started[1], since_version=2), waiting(started[1], await cursor(started[1]))
    await parked(started[1], 2)
    for status in (ERROR, RUNNING) * 3:  # the wait that is under way has its old limit
        await patch(started[0], status)
    assert (await soon(polled)).body["version"] > 2
    assert ids(await soon(listed)) == ["inv-1"]


async def test_a_hint_that_is_lost_costs_a_quarter_of_a_second(started: list[Client]) -> None:
    engine_of(started[0]).signal = Ticking(busy_seconds=0.25, idle_seconds=0.25)  # sends none
    task = polling(started[1], since_version=2)
    await parked(started[1])
    await patch(started[0], ERROR)
    assert (await soon(task)).body["version"] == 3


async def test_a_node_whose_connections_were_cut_forgets_what_it_knew_and_goes_on(
    started: list[Client], postgres: Database, cluster: Cluster
) -> None:
    task = polling(started[1], since_version=2)
    await parked(started[1])
    store = started[1].app[DATABASE]
    epoch = store.engine.epoch
    cluster.execute(TERMINATE.format(postgres.name))
    await until(lambda: store.engine.epoch > epoch and not store.in_memory("inv-1"))
    await patch(started[1], ERROR)
    assert (await soon(task)).body["version"] == 3


@pytest.fixture
def mortal() -> Iterator[Cluster]:
    """A PostgreSQL that a test may stop."""
    with postgresql.running() as running:
        running.make_template()
        yield running


async def test_polls_stay_parked_while_the_database_is_away_and_hear_of_what_comes_after(
    start_server: StartServer, mortal: Cluster
) -> None:
    with mortal.database() as database:
        nodes = [await start_server(**options(database) | PATIENT) for _ in range(NODES)]
        await start(nodes[0])
        tasks = [polling(node, since_version=2, wait=300) for node in nodes]
        for node in nodes:
            await parked(node)
        mortal.stop(signal.SIGQUIT)
        assert {(await send(node, "GET", url())).status for node in nodes} == {503}
        assert not any(task.done() for task in tasks)
        mortal.start()
        while (answer := await send(nodes[0], "PATCH", url(), json=ERROR)).status == 503:
            assert "Retry-After" in answer.headers
        assert answer.status == 200
        assert [(await soon(task)).body["version"] for task in tasks] == [3] * NODES
        for node in nodes:
            await node.close()
