"""Standbys: a synchronous one loses nothing that was acknowledged; after an asynchronous one everybody is told."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientSession, ClientTimeout

from tests import factories, postgresql
from tests.acceptance.process import ServerProcess, write_config
from tests.nodes.checker import violations
from tests.nodes.clients import Run, disturbed
from tests.nodes.wire import Wire
from tests.nodes.world import SOCKET, World, world_on
from tests.postgresql import Cluster
from wizard_server.storage.engine import BUSY_TIMEOUT_SECONDS

API = "/api/v1"
STATES = f"{API}/wizard-state"
POLLS = f"{API}/polling/wizard-state/inv-1"
HANGS_AFTER_SECONDS = 30.0
DRAIN_SECONDS = 1
SLACK = 3
DATABASE = "nodes"
WAITS = "commits wait for a synchronous standby"
Ask = Callable[..., Coroutine[Any, Any, tuple[int, Any]]]


@pytest.fixture
def primary() -> Iterator[Cluster]:
    with postgresql.running() as cluster:
        cluster.make_template()
        cluster.execute(f"CREATE DATABASE {DATABASE} OWNER owner TEMPLATE template")  # it dies with the primary
        yield cluster


@asynccontextmanager
async def asking(world: World) -> AsyncIterator[Ask]:
    """Yield what asks a node and returns the status and the body."""
    async with ClientSession(timeout=ClientTimeout(HANGS_AFTER_SECONDS)) as session:

        async def ask(node: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
            async with session.request(method, world.nodes[node].url + path, json=body) as answer:
                return answer.status, await answer.json() if answer.content_type.endswith("json") else None

        yield ask


async def until(found: Callable[[], Awaitable[bool]]) -> None:
    """Return once `found`, which asks somebody."""
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        while not await found():
            pass


async def promote(world: World, standby: Cluster) -> None:
    """Let the primary die, and the standby take its place."""
    await asyncio.to_thread(world.cluster.stop, signal.SIGQUIT)
    await asyncio.to_thread(standby.execute, "SELECT pg_promote()")


async def test_a_server_ends_whose_commit_waits_for_a_standby(primary: Cluster, tmp_path: Path) -> None:
    """Nobody can be told any more; without a bound it would go on for as long as the standby is away."""
    database = {"url": primary.url(DATABASE, "wizard"), "require_durability": False}
    config = write_config(tmp_path, database=database, server={"shutdown_timeout_seconds": DRAIN_SECONDS})
    with ServerProcess(config) as server:
        await asyncio.to_thread(server.ready)
        async with ClientSession(server.url, timeout=ClientTimeout(HANGS_AFTER_SECONDS)) as session:

            async def waits() -> bool:
                async with session.get("/readyz") as answer:
                    return WAITS in await answer.text()

            async with session.post(STATES, json=factories.creation()) as answer:
                assert answer.status == 201
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
            writing = asyncio.create_task(session.patch(f"{STATES}/inv-1", json={"status": "ERROR"}))
            await until(waits)
            server.signal(signal.SIGTERM)
            async with asyncio.timeout(SLACK * (DRAIN_SECONDS + BUSY_TIMEOUT_SECONDS)):
                assert await asyncio.to_thread(server.wait) == 0
            with pytest.raises(ClientConnectionError):
                await writing
        assert f'commit broken off reason="{WAITS}"' in server.stderr


async def test_nothing_is_acknowledged_that_a_synchronous_standby_lacks(primary: Cluster, tmp_path: Path) -> None:
    conninfo = f"host={primary.folder} user=postgres"
    with postgresql.standby_of(primary, conninfo) as standby:
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        async with world_on(primary, tmp_path, standby=standby, database=DATABASE) as world:
            async with asking(world) as ask:
                await ask(0, "POST", STATES, factories.creation())
                await asyncio.to_thread(standby.stop, signal.SIGQUIT)
                writing = asyncio.create_task(ask(0, "PATCH", f"{STATES}/inv-1", {"status": "ERROR"}))

                async def is_said() -> bool:
                    status, body = await ask(0, "GET", "/readyz")
                    return status == 503 and body["parts"]["database"] == WAITS

                await until(is_said)
                for node in range(len(world.nodes)):
                    status, state = await ask(node, "GET", f"{STATES}/inv-1")
                    assert (status, state["version"]) == (200, 1)
                assert not writing.done()
                await asyncio.to_thread(standby.start)
                assert (await writing)[0] == 200

            async def promoted(run: Run) -> None:
                await promote(world, standby)

            run = await disturbed(world.urls, 0, promoted)
            assert violations(run.stories) == []
            assert world.complaints == []


@pytest.fixture
def line() -> Wire:
    """What an asynchronous standby hears its primary by."""
    return Wire(Path())


async def test_everybody_is_told_that_a_promoted_standby_lacks_what_was_acknowledged(
    primary: Cluster, line: Wire, tmp_path: Path
) -> None:
    line.lead_to(primary.folder / SOCKET)
    async with line:
        conninfo = f"host=127.0.0.1 port={line.port} user=postgres sslmode=disable gssencmode=disable"
        made = postgresql.standby_of(primary, conninfo)
        standby = await asyncio.to_thread(made.__enter__)  # the line is served meanwhile
        try:
            async with world_on(primary, tmp_path, standby=standby, database=DATABASE) as world:
                await lose_and_go_on(world, standby, line)
        finally:
            await asyncio.to_thread(made.__exit__, None, None, None)


async def lose_and_go_on(world: World, standby: Cluster, line: Wire) -> None:
    """Write what the standby hears and what it does not, promote it, and write on."""
    async with asking(world) as ask:

        async def write(name: str) -> int:
            status, state = await ask(0, "PATCH", f"{STATES}/inv-1", {"settings": factories.settings(name=name)})
            assert status == 200
            return int(state["version"])

        async def has_heard() -> bool:
            statement = "SELECT pg_current_wal_lsn() = min(replay_lsn) FROM pg_stat_replication"
            return bool((await world.ask(statement))[0][0])

        await ask(0, "POST", STATES, factories.creation())
        kept = await write("kept")
        await until(has_heard)
        line.is_deaf = True
        line.swallow()
        for number in range(3):
            newest = await write(f"lost {number}")
        cursors = [(await ask(node, "GET", f"{API}/polling/active-investigations"))[1]["cursor"] for node in range(3)]
        nodes = range(len(world.nodes))
        parked = [asyncio.create_task(ask(node, "GET", f"{POLLS}?since_version={newest}&wait=25")) for node in nodes]
        await until(lambda: are_parked(ask, len(parked)))
        await promote(world, standby)
        for status, body in await asyncio.gather(*parked):
            assert (status, body["reset"], body["version"]) == (200, True, kept)
            assert body["state"]["settings"]["name"] == "kept"
        for node, cursor in enumerate(cursors):
            assert (await ask(node, "GET", f"{POLLS}/changes?since_version={newest}"))[0] == 410
            _, listed = await ask(node, "GET", f"{API}/polling/active-investigations?cursor={cursor}")
            assert listed["reset"]
        assert await write("new") == kept + 1
        for node in nodes:
            assert (await ask(node, "GET", f"{STATES}/inv-1"))[1]["settings"]["name"] == "new"


async def are_parked(ask: Ask, count: int) -> bool:
    """Whether one poll is parked at each node."""
    found = [(await ask(node, "GET", f"{API}/polling/health"))[1] for node in range(count)]
    return all(each["server_load"]["active_connections"] == 1 for each in found)
