"""What reading costs on a shared database: the check of each GET, polls that are parked, the memory of a node."""

import time
from functools import partial

from tests.benchmarks.bench import Measured
from tests.benchmarks.database import topic
from tests.benchmarks.load import read_loop
from tests.benchmarks.machine import kib_of_memory
from tests.benchmarks.nodes.world import SHAPE, World
from tests.benchmarks.parking import arrive
from tests.benchmarks.subjects import STATE, Ours, authorization
from tests.benchmarks.swarm import Swarm

_CLIENTS = 32
_OF_SQLITE, _CHECKS_OF_REQUESTS = 0.75, 0.2
_STATEMENTS_PER_SECOND = 8.0
_NODE_MIB, _PARKED_KIB = 15.0, 1.0
# PostgreSQL adds up what a backend has done once it has been idle for a second.
_COUNTED_SECONDS = 1.5
# Those of the world, and the one that is measured; all look equally often, whoever has polls parked.
_NODES = 3
# States that no other measurement changes.
_FIRST = 900


def reading(world: World) -> None:
    """Measure a new node and a new server on SQLite in turn, so that both meet the same neighbours."""
    size, section = world.bench.size, world.section
    with world.on_sqlite() as sqlite, world.node() as node:
        subjects = {"node": node, "SQLite": sqlite}
        rest = [kib_of_memory(ours.pid) / 1024 for ours in subjects.values()]
        section.limit("memory of a node beyond SQLite's server", [rest[0] - rest[1]], "MiB", "<=", _NODE_MIB)
        for what, anew in (("unchanged GET, 32 clients", True), ("the same, byte for byte as the last", False)):
            before = world.transactions()
            gets = {name: partial(_gets, ours, size.seconds, anew) for name, ours in subjects.items()}
            found = world.bench.alternate(gets)
            time.sleep(_COUNTED_SECONDS)
            checks = (world.transactions() - before) / sum(found["count"]["node"])
            section.add(what, "GET/s", found["rate"])
            section.ratio(f"{what}, node / SQLite", found["rate"]["node"], found["rate"]["SQLite"], ">=", _OF_SQLITE)
            section.limit(f"{what}, checks per request", [checks], "", "<=", _CHECKS_OF_REQUESTS)
        on_sqlite, _ = _parked(world, sqlite)
        on_node, statements = _parked(world, node)
    section.limit("memory of a parked poll beyond SQLite's", [on_node - on_sqlite], "KiB", "<=", _PARKED_KIB)
    what = f"{size.watchers:,} parked, idle: statements of a node"
    section.limit(what, [statements / _NODES], "/s", "<=", _STATEMENTS_PER_SECOND)


def _gets(ours: Ours, seconds: float, anew: bool) -> Measured:
    """Return number and rate of GETs; those that are not `anew` are answered without being parsed (see ``repeats``)."""
    headers = (*authorization(), ("If-None-Match", f'"version-{ours.version(_FIRST)}"'))
    count, rate = read_loop(ours.port, STATE.format(topic(_FIRST)), headers, _CLIENTS, seconds, anew=anew)
    return {"count": count, "rate": rate}


def _parked(world: World, ours: Ours) -> tuple[float, float]:
    """Return what a parked poll weighs (KiB), and how many statements all nodes execute in a second meanwhile."""
    count, seconds = world.bench.size.watchers, world.bench.size.seconds
    numbers = [_FIRST + number % (SHAPE.states - _FIRST) for number in range(count)]
    with Swarm(ours.port) as swarm:
        before = kib_of_memory(ours.pid)
        arrive(swarm, ours, numbers, ours.version(_FIRST))
        weight = (kib_of_memory(ours.pid) - before) / count
        with world.counted() as statements:
            time.sleep(seconds)
    return weight, len(statements) / seconds
