"""Many waiters, each on a state of its own, while states change at a steady rate: from the commit to the client.

Both sides note the moment at which a change is final, before they tell anybody (see `marked`), by the clock by which
the load notes when it has the answer.
"""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.benchmarks.bench import Bench, Measured, Size
from tests.benchmarks.crowd import Crowd
from tests.benchmarks.database import Shape, topic
from tests.benchmarks.load import percentiles
from tests.benchmarks.parking import woken
from tests.benchmarks.report import Section
from tests.benchmarks.subjects import Subject, answering, serving
from tests.benchmarks.swarm import Swarm

_P50_OVER_BARE, _P99_OVER_BARE = 2.0, 3.0


def scattered(bench: Bench) -> Section:
    """Measure with all waiters of both servers connected; in each round one server has changes."""
    size = bench.size
    shape = Shape(states=size.scattered)
    claim = f"{size.scattered:,} waiters on as many states, {size.changes_per_second} changes/s"
    section = Section("scattered", f"{claim}: commit -> client has it")
    with ExitStack() as stack:
        marks = {name: bench.root / f"{name}.marks" for name in ("ours", "bare")}
        answer = woken(bench, Shape())
        subjects: dict[str, Subject] = {
            "ours": stack.enter_context(serving(bench.folder(), shape, marks=marks["ours"])),
            "bare": stack.enter_context(answering(bench.folder(), {"woken": answer}, marks=marks["bare"])),
        }
        crowds = {
            name: Crowd(stack.enter_context(Swarm(subject.port)), subject, size.scattered, subject.change)
            for name, subject in subjects.items()
        }
        measured = bench.alternate({name: partial(_measure, each, marks[name], size) for name, each in crowds.items()})
    for quantity, bound in (("p50", _P50_OVER_BARE), ("p99", _P99_OVER_BARE)):
        values = measured[quantity]
        section.add(f"commit -> client has it, {quantity}", "ms", values)
        section.ratio(f"{quantity}, ours / bare", values["ours"], values["bare"], "<=", bound)
    return section


def _measure(crowd: Crowd, marks: Path, size: Size) -> Measured:
    known = marks.stat().st_size if marks.exists() else 0
    heard = crowd.run(size.changes_per_second, size.seconds)
    lines = marks.read_text(encoding="ascii")[known:].splitlines()
    committed = {name: float(at) for name, at in map(str.split, lines)}
    latencies = [(each.told - committed[topic(each.number)]) * 1000 for each in heard]
    p50, p99 = percentiles(latencies)
    return {"p50": p50, "p99": p99}
