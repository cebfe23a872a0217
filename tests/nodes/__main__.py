"""The schedule of faults, by hand and for long: ``python -m tests.nodes``, or ``python -m tests.nodes kills``.

Prints a line for each run, with what the checker found, and ends with status 1 when that was anything.
"""

import argparse
import asyncio
import itertools
import signal
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from time import monotonic

from tests import postgresql
from tests.nodes.checker import violations
from tests.nodes.clients import Run, disturbed
from tests.nodes.faults import FAULTS, Disturbance
from tests.nodes.world import World, world_on
from tests.postgresql import Cluster

# How much of what a node said is shown where a run broke off.
_LAST_LINES = 40


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.nodes", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    parser.add_argument("--runs", type=int, default=len(FAULTS), help="how many; the faults take turns")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long a fault is repeated in each run")
    parser.add_argument("--clients", type=int, default=16, help="how many at once")
    parser.add_argument("--only", choices=FAULTS, action="append", help="no other fault; may be repeated")
    parser.add_argument("--seed", type=int, default=1000, help="of the first run")
    kills = commands.add_parser("kills", help="kill nodes and the database under writers")
    kills.add_argument("--nodes", type=int, default=100, help="how often a node")
    kills.add_argument("--database", type=int, default=20, help="how often PostgreSQL")
    kills.add_argument("--writers", type=int, default=32, help="how many at once")
    return parser.parse_args()


async def _schedule(cluster: Cluster, asked: argparse.Namespace) -> int:
    """Play the runs, on new nodes after one that broke off; return how many violations there were."""
    runs = zip(range(asked.runs), itertools.cycle(asked.only or FAULTS), strict=False)
    options = {"clients": asked.clients, "seconds": asked.seconds}
    found, last = 0, -1
    while last + 1 < asked.runs:
        async with _world(cluster) as world:
            for last, name in runs:
                met = await _play(world, f"run {last + 1}, {name}", asked.seed + last, FAULTS[name], **options)
                found += met
                if met:
                    break
    return found


@asynccontextmanager
async def _world(cluster: Cluster) -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        async with world_on(cluster, Path(folder)) as world:
            yield world


async def _kills(cluster: Cluster, asked: argparse.Namespace) -> int:
    """Kill nodes and the database, evenly mixed; return how many writes were lost, and other violations."""
    kinds = ["node"] * asked.nodes + ["database"] * asked.database
    random = Random(asked.seed)
    random.shuffle(kinds)

    async def kill_all(world: World, run: Run) -> None:
        for number, kind in enumerate(kinds):
            if kind == "node":
                node = random.choice(world.nodes)
                await node.stop(signal.SIGKILL)
                await node.start()
            else:
                await asyncio.to_thread(world.cluster.stop, signal.SIGQUIT)
                await asyncio.to_thread(world.cluster.start)
            await run.answers(asked.writers)
            print(f"{number + 1} of {len(kinds)}: {kind} killed, {len(run.writes)} writes acknowledged", flush=True)

    async with _world(cluster) as world:
        return await _play(world, "kills", asked.seed, kill_all, clients=asked.writers, writes=1.0)


async def _play(world: World, what: str, seed: int, fault: Disturbance, **options: float) -> int:
    begun = monotonic()
    try:
        run = await disturbed(world.urls, seed, lambda run: fault(world, run), **options)
    except ExceptionGroup as error:
        print(f"{what}: {error.exceptions}", flush=True)
        traceback.print_exception(error)
        for node in world.nodes:
            print(
                f"{node.url} said at last:", *node.process.stderr.splitlines()[-_LAST_LINES:], sep="\n    ", flush=True
            )
        return 1
    found = violations(run.stories) + world.complaints
    answers = sum(len(story.seen) for story in run.stories.values())
    print(
        f"{what}: {answers} answers, {len(run.writes)} writes acknowledged, repeated {dict(run.interruptions)}, "
        f"{monotonic() - begun:.1f} s, {len(found)} violations",
        flush=True,
    )
    for violation in found:
        print(f"    {violation}", flush=True)
    return len(found)


async def _main(asked: argparse.Namespace) -> int:
    with postgresql.running() as cluster:
        cluster.make_template()
        found = await (_kills if asked.command else _schedule)(cluster, asked)
    print(f"{found} violations in all")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(_arguments())))
