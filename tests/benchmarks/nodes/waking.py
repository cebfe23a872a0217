"""From a commit at one node to the client of another: by a hint, and where hints are lost."""

from pathlib import Path

from tests.benchmarks.crowd import Crowd
from tests.benchmarks.database import topic
from tests.benchmarks.load import percentiles
from tests.benchmarks.nodes.world import World
from tests.benchmarks.subjects import Ours
from tests.benchmarks.swarm import Swarm

_P50_MS, _P99_MS, _LOST_P99_MS = 3.0, 15.0, 300.0
_RATE = 200


def waking(world: World) -> None:
    """Measure both; a node that polls the database itself sends no hints, so to the other they are lost."""
    heard = _heard(world, world.a, world.marks, 0)
    for name, figure, most in zip(("p50", "p99"), heard, (_P50_MS, _P99_MS), strict=True):
        world.section.limit(f"commit at A -> client of B, {_RATE}/s, {name}", [figure], "ms", "<=", most)
    marks = world.bench.root / "mute.marks"
    with world.node(marks, wake="poll") as mute:
        _, lost = _heard(world, mute, marks, 1)
    world.section.limit("the same, every hint lost, p99", [lost], "ms", "<=", _LOST_P99_MS)


def _heard(world: World, writing: Ours, marks: Path, before: int) -> tuple[float, float]:
    """Return the percentiles, in milliseconds, of one change of each state as clients of B hear of them.

    Each state has been changed `before`, so often.
    """
    waiting, seconds = world.b, world.bench.size.seconds
    known = marks.stat().st_size if marks.exists() else 0
    with Swarm(waiting.port) as swarm:
        version = waiting.version(0) + before
        crowd = Crowd(swarm, waiting, round(_RATE * seconds), writing.change, version=version, port=writing.port)
        heard = crowd.run(_RATE, seconds)
    lines = marks.read_text(encoding="ascii")[known:].splitlines()
    committed = {name: float(at) for name, at in map(str.split, lines)}
    return percentiles([(each.told - committed[topic(each.number)]) * 1000 for each in heard])
