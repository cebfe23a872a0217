"""Requests that come again byte for byte to one of several nodes: answered after a look at what the others did."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests import factories
from tests.clocks import StoppedTimer
from tests.conftest import Client, StartServer
from tests.nodes.conftest import options
from tests.postgresql import Database
from tests.store.steps import Gate
from tests.web.helpers import create, engine_of, patch, until
from tests.web.lines import BEHIND, HEALTH, Line, get, line_to
from wizard_server.app import DATABASE
from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.engine import Row
from wizard_server.storage.signals import Ticking
from wizard_server.web.http.accounting import REQUESTS
from wizard_server.web.http.connection_limit import CONNECTIONS
from wizard_server.web.http.context import HUB
from wizard_server.web.http.in_flight import IN_FLIGHT

LOOK = "changes.after"
# After so many seconds a look that does not come is an error for those who wait for it.
LOOK_SECONDS = 2.5


@pytest.fixture
async def writing(start_server: StartServer, postgres: Database) -> Client:
    """A node that has made inv-1."""
    node = await start_server(**options(postgres))
    await create(node)
    return node


@pytest.fixture
async def reading(start_server: StartServer, postgres: Database) -> Client:
    """Another node, as in production, which looks only where a request asks for it."""
    node = await start_server(**options(postgres), observed=False)
    engine_of(node).signal = Ticking(busy_seconds=3600.0, idle_seconds=3600.0)
    return node


@pytest.fixture
async def line(writing: Client, reading: Client) -> AsyncIterator[Line]:
    """A connection to the node that reads, over which one request came twice."""
    assert writing is not reading
    async with line_to(reading) as opened:
        await opened.both(get(BEHIND))
        yield opened


@pytest.fixture
def looks(line: Line) -> Iterator[Gate]:
    """What holds the looks of the node that reads."""
    engine = engine_of(line.client)
    gate = engine.statements[LOOK] = Gate(engine.ask)
    yield gate
    gate.open()


async def test_what_another_node_has_acknowledged_is_in_the_next_answer(writing: Client, line: Line) -> None:
    for version in range(2, 6):
        await patch(writing, {"settings": factories.settings(name=f"Case {version}")})
        answer = await line.ask(get(BEHIND))
        assert (answer.status, answer.body["version"]) == (200, version)
        await line.both(get())


async def test_those_who_come_during_a_look_share_the_next(line: Line, looks: Gate) -> None:
    store, in_flight = line.client.app[DATABASE], line.client.app[IN_FLIGHT]
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(line_to(line.client)) for _ in range(20)]
        seen, before = line.seen, store.counts.looks
        line.writer.write(get(BEHIND))
        await looks.entered.wait()
        for other in others:
            other.writer.write(get(BEHIND))
        await until(lambda: in_flight.count == 21)
        looks.open()
        assert {(await each.answer()).status for each in (line, *others)} == {304}
        assert (store.counts.looks, line.seen) == (before + 2, seen)


async def test_what_is_sent_during_the_look_is_answered_after_it_and_in_order(line: Line, looks: Gate) -> None:
    seen = line.seen
    line.writer.write(get(BEHIND))
    await looks.entered.wait()
    assert line.client.app[IN_FLIGHT].count == 1
    line.writer.write(get())
    await until(lambda: line.seen == seen + 1)  # the first; the other waits for its turn
    looks.open()
    assert [(await line.answer()).status, (await line.answer()).status] == [304, 200]
    await until(lambda: line.client.app[IN_FLIGHT].count == 0)
    await line.both(get(BEHIND))


async def test_a_client_that_leaves_during_the_look_leaves_nothing_behind(line: Line, looks: Gate) -> None:
    line.writer.write(get(BEHIND))
    await looks.entered.wait()
    line.writer.close()
    await until(lambda: line.client.app[IN_FLIGHT].count == 0)
    assert sum(each.cancelled for each in line.client.app[REQUESTS].counts()) == 1
    looks.open()
    async with line_to(line.client) as other:
        assert (await other.ask(get(BEHIND))).status == 304


async def test_where_the_look_fails_it_is_refused_as_any_other(line: Line) -> None:
    async def broken(*_: Any) -> Sequence[Row]:
        raise StorageUnavailableError("the database is away")

    engine = engine_of(line.client)
    with pytest.MonkeyPatch.context() as patch_:
        patch_.setitem(engine.statements, LOOK, broken)
        refused = await line.ordinary(get(BEHIND))
    assert (refused.status, refused.body["code"]) == (503, "storage-unavailable")
    assert "Retry-After" in refused.headers
    await line.both(get(BEHIND))


async def test_a_database_that_hangs_is_waited_for_once(line: Line) -> None:
    """The look under way fails, and the next one, which is the request's own, hangs."""

    async def broken(*_: Any) -> Sequence[Row]:
        raise StorageUnavailableError("the database is away")

    engine = engine_of(line.client)
    failing = engine.statements[LOOK] = Gate(broken)
    hanging = Gate(engine.ask)
    async with line_to(line.client) as other:
        other.writer.write(get(BEHIND))
        await failing.entered.wait()
        engine.statements[LOOK] = hanging
        begun = time.monotonic()
        line.writer.write(get(BEHIND))
        await until(lambda: line.client.app[IN_FLIGHT].count == 2)
        failing.open()
        try:
            assert (await line.answer()).status == 503
        finally:
            hanging.open()
        assert time.monotonic() - begun < 1.9 * LOOK_SECONDS


async def test_what_has_changed_needs_no_second_look(writing: Client, line: Line) -> None:
    store = line.client.app[DATABASE]
    await patch(writing, {"settings": factories.settings(name="New")})
    before = store.counts.looks
    assert (await line.ordinary(get(BEHIND))).body["version"] == 2
    assert store.counts.looks == before + 1


@pytest.fixture
def timer() -> StoppedTimer:
    """What the quota of `limited` is counted by."""
    return StoppedTimer()


@pytest.fixture
async def limited(start_server: StartServer, postgres: Database, timer: StoppedTimer) -> AsyncIterator[Line]:
    """A connection to another node that reads, where a user may ask three times."""
    quota = {"requests_per_second": 1.0, "burst": 3}
    node = await start_server(**options(postgres), rate_limit=quota, timer=timer, observed=False)
    engine_of(node).signal = Ticking(busy_seconds=3600.0, idle_seconds=3600.0)
    async with line_to(node) as opened:
        yield opened


async def used_up(line: Line) -> None:
    """Use up the quota by requests that are refused without a look."""
    while (await line.ask(get(query="?nonsense=1"))).status != 429:
        pass


@pytest.mark.usefixtures("writing")
async def test_who_is_over_quota_costs_no_look(limited: Line) -> None:
    await limited.both(get())
    await used_up(limited)
    store = limited.client.app[DATABASE]
    before = store.counts.looks
    for _ in range(10):
        assert (await limited.ordinary(get())).status == 429
    assert store.counts.looks == before


async def test_a_look_that_began_before_a_request_does_not_answer_it(
    writing: Client, limited: Line, timer: StoppedTimer
) -> None:
    """The request before it on the connection waited for that look, and was refused without it."""
    await limited.both(get())
    engine = engine_of(limited.client)
    looks = engine.statements[LOOK] = Gate(engine.ask, after=True)
    async with line_to(limited.client) as other:
        limited.writer.write(get())
        await looks.entered.wait()  # it has read what there was
        await used_up(other)
        limited.writer.write(HEALTH)
        assert [(await limited.answer()).status, (await limited.answer()).status] == [429, 200]
    timer.now += 3
    await patch(writing, {"settings": factories.settings(name="New")})
    limited.writer.write(get())
    await until(lambda: limited.client.app[IN_FLIGHT].count == 1)
    looks.open()
    assert (await limited.answer()).body["version"] == 2


async def test_whoever_waits_for_a_look_is_known(line: Line, looks: Gate) -> None:
    """Strangers that connect meanwhile close each other, and not the connection of somebody with a token."""
    connections, client = line.client.app[CONNECTIONS], line.client
    known = connections.known
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(get(BEHIND))
    await looks.entered.wait()
    assert (connections.known, connections.strangers) == (known + 1, 0)
    looks.open()
    assert (await reader.readline()).startswith(b"HTTP/1.1 304")
    writer.close()


async def test_a_drain_that_begins_during_the_look_closes_the_connection_after_the_answer(
    line: Line, looks: Gate
) -> None:
    seen = line.seen
    line.writer.write(get(BEHIND))
    await looks.entered.wait()
    line.client.app[HUB].drain()
    looks.open()
    answer = await line.answer()
    assert (answer.status, answer.headers["Connection"], line.seen) == (304, "close", seen + 1)
    assert await line.is_closed()
