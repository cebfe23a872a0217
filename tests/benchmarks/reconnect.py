"""Everybody comes back at once, as after a network failure: connect, and send the poll again."""

import time
from contextlib import ExitStack
from functools import partial

from tests.benchmarks.bench import Bench, Measured
from tests.benchmarks.database import Shape
from tests.benchmarks.machine import counters
from tests.benchmarks.parking import arrive, await_parked, woken
from tests.benchmarks.report import Section, Verdict
from tests.benchmarks.subjects import Subject, answering, serving
from tests.benchmarks.swarm import Swarm

_SHAPE = Shape()
_TIME = "all parked again after"
# What grows when a SYN is lost because nobody accepts in time.
_LOST_SYNS = {
    "SYNs sent again": "TcpExt.TCPSynRetrans",
    "times that the queue of connections was full": "TcpExt.ListenOverflows",
    "SYNs dropped": "TcpExt.ListenDrops",
}
# Those, and whatever else was sent twice because an answer came late.
_COUNTERS = {**_LOST_SYNS, "segments sent again": "Tcp.RetransSegs"}


def reconnect(bench: Bench) -> Section:
    """Measure how long until all are parked again, and what the kernel had to send twice."""
    size = bench.size
    section = Section("reconnect", f"{size.waiters:,} clients reconnecting at once")
    with ExitStack() as stack:
        answer = woken(bench, _SHAPE)
        subjects: dict[str, Subject] = {
            "ours": stack.enter_context(serving(bench.folder(), _SHAPE)),
            "bare": stack.enter_context(answering(bench.folder(), {"woken": answer})),
        }
        measured = bench.alternate({name: partial(_storm, each, size.waiters) for name, each in subjects.items()})
    section.add(_TIME, "ms", measured.pop(_TIME))
    for what, values in measured.items():
        section.add(what, "", values)
    refused = [max(each) for each in zip(*(measured[what]["ours"] for what in _LOST_SYNS), strict=True)]
    section.verdicts.append(Verdict("the worst round's lost SYNs, ours", max(refused), refused, "", "<=", 0))
    section.notes.append("the kernel counts for the whole machine: other programs' connections are in these counts")
    return section


def _storm(subject: Subject, count: int) -> Measured:
    """Park polls, and drop them all; once the server has noticed, connect all at once."""
    with Swarm(subject.port) as swarm:
        arrive(swarm, subject, [0] * count, subject.version(0))
        swarm.leave()
        await_parked(swarm, subject, 0)
        before = counters(_COUNTERS.values())
        started = time.monotonic()
        for poll in swarm.connect(count):
            swarm.ask(poll, subject.poll(0, subject.version(0)))
        ended = await_parked(swarm, subject, count)
        after = counters(_COUNTERS.values())
        swarm.leave()
        await_parked(swarm, subject, 0)
    grown = {what: float(after[name] - before[name]) for what, name in _COUNTERS.items()}
    return {_TIME: (ended - started) * 1000, **grown}
