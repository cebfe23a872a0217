"""Parked polls: how soon the last of many has its answer, and what each costs in memory."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from http import HTTPStatus
from statistics import median

from tests.benchmarks.bench import Bench, Measured
from tests.benchmarks.cost import LOAD, add_shares, sharing
from tests.benchmarks.database import Shape
from tests.benchmarks.machine import kib_of_memory
from tests.benchmarks.neighbours import HOW_TO_GET_NCHAN, nchan, nchan_module
from tests.benchmarks.parking import arrive, await_parked, woken
from tests.benchmarks.report import Section, Series
from tests.benchmarks.subjects import CHANGED, Subject, answering, serving
from tests.benchmarks.swarm import Connection, Swarm, check, swarming

Start = Callable[[], AbstractContextManager[Subject]]

_SHAPE = Shape()
_WARM_UP = 50
_CHANGES = 2
_OVER_BARE, _MEMORY_OVER_BARE = 1.1, 1.1


def fanout(bench: Bench) -> Section:
    """Measure one change and everybody who waits for it, each round in new processes: memory once used is kept."""
    size = bench.size
    section = Section("fanout", f"one change of one state, {size.waiters:,} parked polls")
    starts = _starts(bench, section)
    measured = bench.alternate({name: partial(_fan_out, start, size.waiters) for name, start in starts.items()})
    section.add("the last one answered after", "ms", measured["last"])
    section.add("the first one answered after", "ms", measured["first"])
    section.add("memory of each parked poll", "KiB", measured["memory"])
    last, memory = measured["last"], measured["memory"]
    section.ratio("the last one, ours / bare", last["ours"], last["bare"], "<=", _OVER_BARE)
    section.ratio("memory, ours / bare", memory["ours"], memory["bare"], "<=", _MEMORY_OVER_BARE)
    section.ratio("memory, ours / bare asyncio", memory["ours"], memory["bare asyncio"], "<=", _MEMORY_OVER_BARE)
    add_shares(section, measured)
    fewer = {name: [(n, _fan_out(start, n)) for n in size.waiter_counts] for name, start in starts.items()}
    for file, title, unit, quantity in (
        ("fanout", "One change: the last waiter answered", "ms", "last"),
        ("memory", "Memory of a parked poll", "KiB", "memory"),
    ):
        most = {name: (size.waiters, median(values)) for name, values in measured[quantity].items()}
        lines = {name: [*((n, each[quantity]) for n, each in points), most[name]] for name, points in fewer.items()}
        section.series.append(Series(file, title, "waiters", unit, lines))
    return section


def _starts(bench: Bench, section: Section) -> dict[str, Start]:
    """Return how to start each subject; all answer with the bytes that ours answers."""
    answer = woken(bench, _SHAPE)
    section.notes.append(f"an answer of {len(answer.body):,} bytes")
    starts: dict[str, Start] = {
        "ours": lambda: serving(bench.folder(), _SHAPE),
        "bare": lambda: answering(bench.folder(), {"woken": answer}),
        "bare asyncio": lambda: answering(bench.folder(), {"woken": answer}, loop="asyncio"),
    }
    if nchan_module() is None:
        section.notes.append(HOW_TO_GET_NCHAN)
    else:
        starts["nchan"] = lambda: nchan(bench.folder(), answer)
    return starts


def _fan_out(start: Start, waiters: int) -> Measured:
    """Park polls on one state and change it several times; the times are medians of these."""
    with start() as subject, swarming(subject.port, 1) as (swarm, [writer]):
        _warm_up(subject)
        version = subject.version(0) + 1
        before = kib_of_memory(subject.pid)
        polls = arrive(swarm, subject, [0] * waiters, version)
        memory = (kib_of_memory(subject.pid) - before) / waiters
        times: list[tuple[float, float]] = []
        shares: list[float] = []
        for _ in range(_CHANGES):
            if times:
                _park_again(swarm, subject, polls, version)
            with sharing() as share:
                swarm.ask(writer, subject.change(0, version))
                version += 1
                for answered in swarm.answers(waiters + 1):
                    check(answered, *(CHANGED if answered is writer else (HTTPStatus.OK,)))
            shares.append(share.percent)
            taken = [poll.answered - writer.sent for poll in polls]
            times.append((min(taken) * 1000, max(taken) * 1000))
    firsts, lasts = zip(*times, strict=True)
    return {"first": median(firsts), "last": median(lasts), "memory": memory, LOAD: max(shares)}


def _warm_up(subject: Subject) -> None:
    """Park a few and wake them, so that what every server does once is done; this makes one version."""
    version = subject.version(0)
    with Swarm(subject.port) as swarm:
        polls = arrive(swarm, subject, [0] * _WARM_UP, version)
        [writer] = swarm.connect(1)
        swarm.ask(writer, subject.change(0, version))
        for answered in swarm.answers(len(polls) + 1):
            check(answered, *CHANGED)
        await_parked(swarm, subject, 0)


def _park_again(swarm: Swarm, subject: Subject, polls: list[Connection], version: int) -> None:
    """Poll once more from the same connections."""
    text = subject.poll(0, version)
    for poll in polls:
        swarm.ask(poll, text)
    await_parked(swarm, subject, len(polls))
