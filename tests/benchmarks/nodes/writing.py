"""What a durable write costs on PostgreSQL, of one node and of two, and beside a row that somebody holds."""

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import psycopg

from tests.benchmarks.bench import Measured
from tests.benchmarks.database import topic
from tests.benchmarks.load import Loaded, closed_loop
from tests.benchmarks.machine import CORES, moved, seconds_of_processor
from tests.benchmarks.nodes.world import World
from tests.benchmarks.subjects import Ours
from tests.benchmarks.writes import new_progress

_CLIENTS = 32
_POSTGRESQL_US, _OF_SQLITE, _TWO_OF_ONE = 350.0, 1.25, 1.25
_OTHERS_P99_MS = 150.0
# A core each for two nodes, for PostgreSQL and for the load.
_CORES_TO_GROW, _GROWTH = 4, 1.7
_HOLD = "SELECT investigation_id FROM investigation_states WHERE investigation_id = %s FOR UPDATE"


def writing(world: World) -> None:
    """Measure one node, two nodes, and the server on SQLite in turn."""
    section, seconds = world.section, world.bench.size.seconds
    with world.on_sqlite() as sqlite:
        for server in (world.a, world.b, sqlite):  # all states are in memory then
            closed_loop(server.port, _CLIENTS, seconds / 3, new_progress(), (HTTPStatus.NO_CONTENT,))
        found = world.bench.alternate(
            {
                "node": lambda: _patches(world, [world.a]),
                "2 nodes": lambda: _patches(world, [world.a, world.b]),
                "SQLite": lambda: _patches(world, [sqlite]),
            }
        )
    node, both = found["server"], found["all"]
    section.add("durable PATCH of 5 KB, 32 clients", "PATCH/s", found["rate"])
    section.add("processor per PATCH, our servers", "us", node)
    section.limit("processor per PATCH, PostgreSQL", found["database"]["node"], "us", "<=", _POSTGRESQL_US)
    section.ratio("processor per PATCH, node / SQLite", node["node"], node["SQLite"], "<=", _OF_SQLITE)
    section.ratio("processor per PATCH with PostgreSQL, 2 nodes / 1", both["2 nodes"], both["node"], "<=", _TWO_OF_ONE)


def growing(world: World) -> None:
    """Measure what a second node adds where it has a core of its own."""
    if len(CORES) < _CORES_TO_GROW:
        what = f"2 nodes against 1: the rate (to reach >= {_GROWTH:g} x) needs {_CORES_TO_GROW} cores"
        world.section.notes.append(f"{what}, and here are {len(CORES)}: not measured")
        return
    first, second, *database, _ = CORES
    with moved(world.a.pid, [first]), moved(world.b.pid, [second]), moved(world.cluster.pid, database):
        found = world.bench.alternate(
            {"1": lambda: _patches(world, [world.a]), "2": lambda: _patches(world, [world.a, world.b])}
        )
    rate = found["rate"]
    world.section.ratio("rate of PATCHes, 2 nodes on cores of their own / 1", rate["2"], rate["1"], ">=", _GROWTH)


def _patches(world: World, servers: list[Ours]) -> Measured:
    """Return rate and processor time of a PATCH, of `servers` and of PostgreSQL."""
    seconds, each = world.bench.size.seconds, _CLIENTS // len(servers)

    def load(place: int) -> Loaded:
        following = new_progress(place * each)
        return closed_loop(servers[place].port, each, seconds, following, (HTTPStatus.NO_CONTENT,))

    before = [seconds_of_processor(server.pid) for server in servers], seconds_of_processor(world.cluster.pid)
    with ThreadPoolExecutor(len(servers)) as threads:
        loads = list(threads.map(load, range(len(servers))))
    ours = sum(map(seconds_of_processor, [server.pid for server in servers])) - sum(before[0])
    database = seconds_of_processor(world.cluster.pid) - before[1]
    micro = 1e6 / sum(loaded.count for loaded in loads)
    rate = sum(loaded.per_second for loaded in loads)
    return {"rate": rate, "server": ours * micro, "database": database * micro, "all": (ours + database) * micro}


def held_row(world: World) -> None:
    """Measure those who write other states while somebody holds a row for the whole time."""
    refused = (HTTPStatus.NO_CONTENT, HTTPStatus.SERVICE_UNAVAILABLE)
    seconds = world.bench.size.seconds
    with psycopg.connect(world.database.owner_url) as holder, ThreadPoolExecutor(1) as thread:
        holder.execute(_HOLD, (topic(_CLIENTS),))
        held = thread.submit(closed_loop, world.a.port, 1, seconds, new_progress(_CLIENTS), refused)
        others = closed_loop(world.a.port, _CLIENTS - 1, seconds, new_progress(), (HTTPStatus.NO_CONTENT,))
        holder.rollback()
        held.result()
    world.section.limit("a row is held: p99 of who writes others", [others.p99], "ms", "<=", _OTHERS_P99_MS)
