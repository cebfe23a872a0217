"""Parked polls: how soon the last of many has its answer, what each costs in memory, and all of them coming at once."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from http import HTTPStatus
from statistics import median

from tests.benchmarks.bench import Bench, Measured
from tests.benchmarks.database import Shape, topic
from tests.benchmarks.machine import kib_of_memory
from tests.benchmarks.neighbours import HOW_TO_GET_NCHAN, nchan, nchan_module
from tests.benchmarks.report import Section, Series
from tests.benchmarks.subjects import CHANGED, POLL, Answer, Subject, answering, ask, authorization, serving
from tests.benchmarks.swarm import PATIENCE_SECONDS, Connection, Swarm, check, swarming

Start = Callable[[], AbstractContextManager[Subject]]

_SHAPE = Shape()
_WARM_UP = 50
_BATCH = 1_000
_CHANGES = 3
_OVER_BARE, _MEMORY_OVER_BARE = 1.1, 1.15


def fanout(bench: Bench) -> Section:
    """Measure one change and everybody who waits for it, each round in new processes: memory once used is kept."""
    size = bench.size
    section = Section("fanout", f"one change of one state, {size.waiters:,} parked polls")
    starts = _starts(bench, section)
    counts = [*size.waiter_counts, size.waiters]
    measured = bench.alternate({name: partial(_fan_out, start, size.waiters) for name, start in starts.items()})
    section.add("the last one answered after", "ms", measured["last"])
    section.add("the first one answered after", "ms", measured["first"])
    section.add("memory of each parked poll", "KiB", measured["memory"])
    last, memory = measured["last"], measured["memory"]
    section.ratio("the last one, ours / bare aiohttp", last["ours"], last["bare"], "<=", _OVER_BARE)
    section.ratio("memory, ours / bare aiohttp", memory["ours"], memory["bare"], "<=", _MEMORY_OVER_BARE)
    fewer = {name: [_fan_out(start, count) for count in counts[:-1]] for name, start in starts.items()}
    for series, quantity in (
        (Series("fanout", "One change: the last waiter answered", "waiters", "ms", {}), "last"),
        (Series("memory", "Memory of a parked poll", "waiters", "KiB", {}), "memory"),
    ):
        for name, points in fewer.items():
            values = [*(each[quantity] for each in points), median(measured[quantity][name])]
            series.lines[name] = list(zip(counts, values, strict=True))
        section.series.append(series)
    return section


def _starts(bench: Bench, section: Section) -> dict[str, Start]:
    """Return how to start each subject; all answer with the bytes that ours answers."""
    woken = _woken(bench)
    section.notes.append(f"an answer of {len(woken.body):,} bytes")
    starts: dict[str, Start] = {
        "ours": lambda: serving(bench.folder(), _SHAPE),
        "bare": lambda: answering(bench.folder(), {"woken": woken}),
    }
    if nchan_module() is None:
        section.notes.append(HOW_TO_GET_NCHAN)
    else:
        starts["nchan"] = lambda: nchan(bench.folder(), woken)
    return starts


def _woken(bench: Bench) -> Answer:
    """Return what our server answers to a parked poll once the state changes."""
    headers = (*authorization(), ("If-None-Match", f'"version-{_SHAPE.entries}"'))
    with serving(bench.folder(), _SHAPE) as ours, ThreadPoolExecutor(1) as pool, Swarm(ours.port) as swarm:
        parked = pool.submit(ask, ours.port, "GET", f"{POLL.format(topic(0))}?wait=60", headers)
        await_parked(ours, 1)
        [writer] = swarm.connect(1)
        swarm.answer(writer, ours.change(0, ours.version(0)), *CHANGED)
        answer = parked.result(PATIENCE_SECONDS)
    assert answer.status == HTTPStatus.OK, answer.body
    return answer


def _fan_out(start: Start, waiters: int) -> Measured:
    """Park polls on one state and change it several times; the times are medians of these."""
    with start() as subject, swarming(subject.port, 1) as (swarm, [writer]):
        version = subject.version(0)
        with swarming(subject.port, _WARM_UP) as (few, polls):
            _park(few, subject, polls, version)
            version = _change(swarm, subject, writer, version)
            for poll in few.answers(_WARM_UP):
                check(poll, HTTPStatus.OK)
        before = kib_of_memory(subject.pid)
        polls = [poll for some in _batches(waiters) for poll in _arrived(swarm, subject, some, version)]
        await_parked(subject, waiters)
        memory = (kib_of_memory(subject.pid) - before) / waiters
        times = []
        for _ in range(_CHANGES):
            swarm.ask(writer, subject.change(0, version))
            version += 1
            for answered in swarm.answers(waiters + 1):
                check(answered, *(CHANGED if answered is writer else (HTTPStatus.OK,)))
            taken = [poll.answered - writer.sent for poll in polls]
            times.append((min(taken) * 1000, max(taken) * 1000))
            _park(swarm, subject, polls, version)
    firsts, lasts = zip(*times, strict=True)
    return {"first": median(firsts), "last": median(lasts), "memory": memory}


def _batches(waiters: int) -> Iterator[int]:
    """Yield how many connect at a time, so that none has to try again."""
    for begin in range(0, waiters, _BATCH):
        yield min(_BATCH, waiters - begin)


def _arrived(swarm: Swarm, subject: Subject, count: int, version: int) -> list[Connection]:
    """Connect and park `count` polls more."""
    before = subject.parked()
    polls = swarm.connect(count)
    for poll in polls:
        swarm.ask(poll, subject.poll(0, version))
    await_parked(subject, before + count)
    return polls


def _park(swarm: Swarm, subject: Subject, polls: list[Connection], version: int) -> None:
    text = subject.poll(0, version)
    for poll in polls:
        swarm.ask(poll, text)
    await_parked(subject, len(polls))


def _change(swarm: Swarm, subject: Subject, writer: Connection, version: int) -> int:
    """Make the version after `version`, and return it."""
    swarm.answer(writer, subject.change(0, version), *CHANGED)
    return version + 1


def await_parked(subject: Subject, count: int) -> float:
    """Return, once `count` polls are parked, when that was seen."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (parked := subject.parked()) != count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{parked} polls of {count} are parked after {PATIENCE_SECONDS:g} s")
        time.sleep(0.002)
    return time.monotonic()
