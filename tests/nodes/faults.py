"""The schedule of faults: what happens to nodes, connections and the database while clients are at work.

Each fault is given the nodes and the run that it disturbs, and returns when everything is whole again.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping
from statistics import median
from time import monotonic

import psycopg

from tests.nodes.checker import Seen
from tests.nodes.clients import PATIENCE_SECONDS, Run
from tests.nodes.wire import Cut, Hold
from tests.nodes.world import World

# How long another's write may take while a row is held, and an edit by hand until everybody has been told.
_HELD_SECONDS = 0.15
_HOLD_SECONDS = 3.0
_TOLD_SECONDS = 0.5
Disturbance = Callable[[World, Run], Awaitable[None]]
# Connections of the nodes by what they asked last.
_SESSIONS = {
    "listen": "query LIKE 'LISTEN%'",
    "tail": "query LIKE '%newest_change AS n LEFT JOIN%'",
    "writer": "query IN ('COMMIT', 'ROLLBACK') OR state = 'idle in transaction'",
}
# What is asked first on a connection.
_ASKED = {"listen": b"LISTEN wizard", "tail": b"newest_change AS n LEFT JOIN"}
_OF_NODES = "datname = current_database() AND usename = 'wizard'"


async def node_killed(world: World, run: Run) -> None:
    """A node is gone in the middle of what it did, and comes again."""
    await world.nodes[1].stop(signal.SIGKILL)
    await run.answers(20)
    await world.nodes[1].start()


def _terminated(what: str) -> Disturbance:
    async def terminated(world: World, run: Run) -> None:
        condition = f"{_OF_NODES} AND ({_SESSIONS[what]})"
        end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {condition}"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await world.ask(end):
                pass
        await run.answers(20)

    terminated.__doc__ = f"The {what} connections of all nodes are terminated."
    return terminated


async def database_stopped(world: World, run: Run) -> None:
    """PostgreSQL ends at once, with what was committed, and comes again."""
    await asyncio.to_thread(world.cluster.stop, signal.SIGQUIT)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(world.cluster.start)


async def delayed(world: World, run: Run) -> None:
    """What passes between a node and the database is slow."""
    world.nodes[1].wire.delay = 0.05
    await run.answers(60)
    world.nodes[1].wire.delay = 0.0


async def swallowed(world: World, run: Run) -> None:
    """All connections of a node are half-open: nothing comes, and nobody says why."""
    world.nodes[1].wire.swallow()
    await run.answers(200)


def _swallowed(what: str) -> Disturbance:
    async def swallowed(world: World, run: Run) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not world.nodes[1].wire.swallow(_ASKED[what]):
                await run.answers(1)
        await run.answers(100)

    swallowed.__doc__ = f"The {what} connection of a node is half-open, and no other."
    return swallowed


async def deaf(world: World, run: Run) -> None:
    """So are those that it opens for a while."""
    world.nodes[1].wire.is_deaf = True
    world.nodes[1].wire.swallow()
    await asyncio.sleep(3)
    world.nodes[1].wire.is_deaf = False
    await run.answers(20)


def _held(where: Hold) -> Disturbance:
    async def held(world: World, run: Run) -> None:
        for node in world.nodes:
            node.wire.hold_next(where)
            await node.wire.reached.wait()
        await run.answers(50)

    return held


def _cut(where: Cut) -> Disturbance:
    async def cut(world: World, run: Run) -> None:
        for node in world.nodes:
            node.wire.cut_next(where)
            await node.wire.reached.wait()

    cut.__doc__ = f"A connection is cut during a commit, which is {where.value} afterwards."
    return cut


async def node_stopped(world: World, run: Run) -> None:
    """A node stands still in a transaction for longer than the database lets it hold its rows."""
    node = world.nodes[1]
    node.wire.hold_next(Hold.BEFORE)
    await node.wire.reached.wait()
    node.process.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(7)
    finally:
        node.process.signal(signal.SIGCONT)
    await run.answers(50)


async def row_held(world: World, run: Run) -> None:
    """An operator holds a row for 3 s: its write goes through afterwards, and nobody else's waits for it."""
    name, before = await run.make("held"), median(_took(run.writes))
    statement = "SELECT 1 FROM investigation_states WHERE investigation_id = %s FOR UPDATE"
    begun = monotonic()
    with psycopg.connect(world.cluster.url(world.database)) as operator:
        operator.execute(statement, [name])
        waiting = asyncio.create_task(run.report(0, name, name))
        await asyncio.sleep(_HOLD_SECONDS)
        assert not waiting.done()
    assert (await waiting)["version"] == 3
    took = _took(seen for seen in run.writes if seen.begun > begun)
    assert median(took) < 3 * max(_HELD_SECONDS, before), (took, before)
    assert took[-1] < _HOLD_SECONDS, took


def _took(writes: Iterable[Seen]) -> list[float]:
    """Return how long each of them took, in order, in seconds."""
    return sorted(seen.ended - seen.begun for seen in writes)


async def edited_by_hand(world: World, run: Run) -> None:
    """An operator changes states by hand: each change gets its place, and everybody is told."""
    name, times = await run.make("edited"), list[float]()
    for version in range(2, 6):
        path = f"/polling/wizard-state/{name}?since_version={version}&wait=20"
        parked = [asyncio.create_task(run.ask(node, "GET", path)) for node in range(len(world.nodes))]
        await run.answers(20)
        await world.edit(name)
        begun = monotonic()
        told = await asyncio.gather(*parked)
        times.append(monotonic() - begun)
        assert [found["version"] for _, found in told] == [version + 1] * len(parked)
        for key, story in run.stories.items():
            begun = monotonic()
            edited, mark = await world.edit(key)
            story.seen.append(Seen(-1, begun, monotonic(), edited, mark))
            while await world.ask("SELECT 1 FROM hand_edits WHERE investigation_id = %s", key):
                pass
            story.placed[edited] = monotonic()
    assert median(times) < 3 * _TOLD_SECONDS, times


async def one_key_twice(world: World, run: Run) -> None:
    """A client asks two nodes at once to do the same: it is done once, and both say so."""
    name = await run.make("keyed")
    for version in range(3, 13):
        asked = [run.report(node, name, f"{name}-{version}") for node in (0, 1)]
        one, two = await asyncio.gather(*asked)
        assert one == two
        assert one["version"] == version


async def restarted(world: World, run: Run) -> None:
    """The nodes are restarted one after the other: clients connect anew, and meet no other error."""
    before = +run.interruptions
    for node in world.nodes:
        await node.stop()
        await node.start()
        await run.answers(20)
    assert set(met := run.interruptions - before) <= {"gone"}, met


FAULTS: Mapping[str, Disturbance] = {
    "node killed": node_killed,
    **{f"{what} terminated": _terminated(what) for what in _SESSIONS},
    "database stopped": database_stopped,
    "delayed": delayed,
    "swallowed": swallowed,
    **{f"{what} swallowed": _swallowed(what) for what in _ASKED},
    "deaf": deaf,
    **{f"commit cut, {where.value}": _cut(where) for where in Cut},
    # The database waits for the rest of it, rows locked; or it has committed, and the node waits for the answer.
    "commit broken off": _held(Hold.AMIDST),
    "commit unanswered": _held(Hold.UNANSWERED),
    "node stopped": node_stopped,
    "row held": row_held,
    "edited by hand": edited_by_hand,
    "one key twice": one_key_twice,
    "restarted": restarted,
}
