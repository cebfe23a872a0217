"""What reading costs on a shared database: the check of each GET, polls that are parked, the memory of a node."""

import time

from tests.benchmarks.database import topic
from tests.benchmarks.load import read_loop
from tests.benchmarks.machine import kib_of_memory
from tests.benchmarks.nodes.world import World
from tests.benchmarks.parking import arrive
from tests.benchmarks.subjects import STATE, Ours, authorization
from tests.benchmarks.swarm import Swarm

_CLIENTS = 32
_OF_SQLITE, _CHECKS_OF_REQUESTS = 0.75, 0.2
_STATEMENTS_PER_SECOND = 8.0
_NODE_MIB, _PARKED_KIB = 15.0, 1.0
# PostgreSQL adds up what a backend has done once it has been idle for a second.
_COUNTED_SECONDS = 1.5
# States that no other measurement changes.
_FIRST = 900


def reading(world: World) -> None:
    """Measure node and SQLite in turn, so that both meet the same neighbours."""
    size, section = world.bench.size, world.section
    with world.on_sqlite() as sqlite:
        before = world.transactions()
        found = world.bench.alternate(
            {
                "node": lambda: {"rate": _gets(world.a, size.seconds), "memory": kib_of_memory(world.a.pid) / 1024},
                "SQLite": lambda: {"rate": _gets(sqlite, size.seconds), "memory": kib_of_memory(sqlite.pid) / 1024},
            }
        )
        time.sleep(_COUNTED_SECONDS)
        asked = sum(found["rate"]["node"]) * size.seconds
        section.add("unchanged GET, 32 clients", "GET/s", found["rate"])
        section.ratio("GET, node / SQLite", found["rate"]["node"], found["rate"]["SQLite"], ">=", _OF_SQLITE)
        section.limit("checks per request", [(world.transactions() - before) / asked], "", "<=", _CHECKS_OF_REQUESTS)
        extra = [node - alone for node, alone in zip(found["memory"]["node"], found["memory"]["SQLite"], strict=True)]
        section.limit("memory of a node beyond SQLite's server", extra, "MiB", "<=", _NODE_MIB)
        parked = [_parked_kib(world, sqlite, size.watchers)]
    section.limit("memory of a parked poll beyond SQLite's", parked, "KiB", "<=", _PARKED_KIB)


def _gets(ours: Ours, seconds: float) -> float:
    headers = (*authorization(), ("If-None-Match", f'"version-{ours.version(_FIRST)}"'))
    return read_loop(ours.port, STATE.format(topic(_FIRST)), headers, _CLIENTS, seconds)


def _parked_kib(world: World, sqlite: Ours, count: int) -> float:
    """Return how much more a parked poll weighs on a node, and note what idle nodes ask of the database."""
    with Swarm(world.a.port) as swarm:
        before = kib_of_memory(world.a.pid)
        _park(swarm, world.a, count)
        on_node = kib_of_memory(world.a.pid) - before
        seconds = world.bench.size.seconds
        with world.counted() as statements:
            time.sleep(seconds)
        # Two nodes: the other has nobody parked, and looks as often.
        rate = len(statements) / seconds / 2
        world.section.limit(f"{count:,} parked, idle: statements of a node", [rate], "/s", "<=", _STATEMENTS_PER_SECOND)
    with Swarm(sqlite.port) as swarm:
        before = kib_of_memory(sqlite.pid)
        _park(swarm, sqlite, count)
        return (on_node - kib_of_memory(sqlite.pid) + before) / count


def _park(swarm: Swarm, ours: Ours, count: int) -> None:
    numbers = [_FIRST + number % (1000 - _FIRST) for number in range(count)]
    arrive(swarm, ours, numbers, ours.version(_FIRST))
