"""Two nodes on a database that both write to all the time: whatever a node says from memory rests on a look.

SQLite stands for such a database here; neither node looks unless a request has it look.
"""

import asyncio
from typing import Any

import pytest

from tests.conftest import Client, StartServer
from tests.gated import Gated, without_looks
from tests.web.dashboards import ask, cursor, ids, waiting
from tests.web.deltas import CHANGES
from tests.web.helpers import create, engine_of, parked, patch, poll, polling, read, send, soon, start, url
from tests.web.push import events, socket, told
from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.options import StoreOptions

pytestmark = pytest.mark.needs("silence")

ERROR = {"status": "ERROR"}


async def shared(options: StoreOptions) -> Gated:
    """Open an engine that never looks by itself, and cannot tell whether others have written."""

    async def no_mark() -> None:
        return None

    engine = await without_looks(options)
    engine.is_shared, engine.mark = True, no_mark
    return engine


@pytest.fixture
async def nodes(start_server: StartServer) -> tuple[Client, Client]:
    """Two nodes; both have inv-1 at version 2."""
    one, two = await start_server(opening=shared), await start_server(opening=shared)
    await start(one)
    await read(two)
    return one, two


class Looks:
    """Counts what the feed of a node reads, and fails while it is told to."""

    def __init__(self, node: Client) -> None:
        self.count = 0
        self.fails = False
        self._tail = engine_of(node).tail
        engine_of(node).tail = self._counted

    def _counted(self) -> Any:
        self.count += 1
        if self.fails:
            raise StorageUnavailableError("the database is away")
        return self._tail()


async def test_what_was_acknowledged_at_one_node_is_read_at_the_other(nodes: tuple[Client, Client]) -> None:
    one, two = nodes
    await patch(one, ERROR)
    assert (await read(two))["version"] == 3


async def test_a_poll_and_changes_that_do_not_wait_have_it(nodes: tuple[Client, Client]) -> None:
    one, two = nodes
    await patch(one, ERROR)
    assert (await poll(two, since_version=2)).body["version"] == 3
    await patch(one, {"status": "IN_PROGRESS"})
    answer = await send(two, "GET", CHANGES, params={"since_version": "2"})
    assert [change["version"] for change in answer.body["changes"]] == [3, 4]


async def test_streams_begin_with_it(nodes: tuple[Client, Client]) -> None:
    one, two = nodes
    await patch(one, ERROR)
    async with events(two) as stream:
        assert (await stream.event(of="state")).version == 3
    await patch(one, {"status": "IN_PROGRESS"})
    async with socket(two) as opened:
        assert (await told(opened, of="connection_established"))["version"] == 4


async def test_a_poll_that_parks_asks_nothing(nodes: tuple[Client, Client]) -> None:
    looks = Looks(nodes[1])
    tasks = [polling(nodes[1], since_version=2) for _ in range(10)]
    await parked(nodes[1], 10)
    assert looks.count == 0
    await patch(nodes[1], ERROR)
    assert {(await soon(task)).body["version"] for task in tasks} == {3}


async def test_reads_that_come_together_share_a_look(nodes: tuple[Client, Client]) -> None:
    looks = Looks(nodes[1])
    await asyncio.gather(*(read(nodes[1]) for _ in range(50)))
    assert 1 <= looks.count < 25


async def test_a_poll_says_at_its_time_limit_what_is_so_then(nodes: tuple[Client, Client]) -> None:
    one, two = nodes
    task = polling(two, since_version=2, wait=0.3)
    await parked(two)
    await patch(one, ERROR)
    assert (await soon(task)).body["version"] == 3


async def test_changes_say_at_their_time_limit_what_is_so_then(nodes: tuple[Client, Client]) -> None:
    one, two = nodes
    task = asyncio.create_task(send(two, "GET", CHANGES, params={"since_version": "2", "wait": "0.3"}))
    await parked(two)
    await patch(one, ERROR)
    assert [change["version"] for change in (await soon(task)).body["changes"]] == [3]


async def test_a_dashboard_says_at_its_time_limit_what_is_so_then(nodes: tuple[Client, Client]) -> None:
    one, two = nodes
    task = waiting(two, await cursor(two), wait=0.3)
    await parked(two)
    await patch(one, ERROR)
    assert ids(await soon(task)) == ["inv-1"]


@pytest.mark.parametrize("path", [f"{CHANGES}?since_version=2", f"{CHANGES[:-8]}?since_version=2"])
async def test_a_node_that_is_cut_off_does_not_say_unchanged(nodes: tuple[Client, Client], path: str) -> None:
    task = asyncio.create_task(send(nodes[1], "GET", f"{path}&wait=0.2"))
    await parked(nodes[1])
    Looks(nodes[1]).fails = True
    answer = await soon(task)
    assert (answer.status, "Retry-After" in answer.headers) == (503, True)
    assert (await send(nodes[1], "GET", url())).status == 503


async def test_a_dashboard_loses_nothing_that_came_before_a_change_of_its_node(nodes: tuple[Client, Client]) -> None:
    """The other node's change has the lower place, and is read after ours was acknowledged."""
    one, two = nodes
    await create(one, "inv-2")
    place = await cursor(two)
    task = waiting(two, place)
    await parked(two)
    await patch(one, ERROR)
    await patch(two, {"wizard_step": "PROGRESS"}, "inv-2")
    await read(two)
    answer = await soon(task)
    rest = await ask(two, cursor=answer.body["cursor"])
    assert sorted(ids(answer) + ids(rest)) == ["inv-1", "inv-2"]
