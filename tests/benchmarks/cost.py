"""What a load costs the server per request, and whether the load itself is the limit.

Processor time of a request hardly changes with what else the machine does, so it compares what rates cannot.
"""

import math
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.benchmarks.bench import Measured
from tests.benchmarks.machine import seconds_of_processor
from tests.benchmarks.report import Section

RATE, PROCESSOR, LOAD = "rate", "processor", "load"
# A load that takes more of its core than this may be what is measured.
MOST_OF_A_CORE = 70.0
_MICROSECONDS = 1e6


@dataclass
class Share:
    """How much of a core this process and its ended children took, in percent, while `sharing` ran."""

    percent: float = math.nan


@contextmanager
def sharing() -> Iterator[Share]:
    """Measure the block."""
    share, before, started = Share(), _own_seconds(), time.monotonic()
    yield share
    share.percent = (_own_seconds() - before) / (time.monotonic() - started) * 100


def _own_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def costed(pid: int, load: Callable[[], tuple[int, Measured]]) -> Measured:
    """Return what `load` measures of the server `pid`, its processor time per request (us), the load's own share (%).

    `load` returns how many requests it sent, and what it measured.
    """
    before = seconds_of_processor(pid)
    with sharing() as share:
        count, measured = load()
    used = seconds_of_processor(pid) - before
    return {**measured, PROCESSOR: used / count * _MICROSECONDS, LOAD: share.percent}


def add_costs(section: Section, measured: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Add the rows of `costed`, and for each subject that the load was not the limit."""
    section.add("processor time per request", "us", measured[PROCESSOR])
    add_shares(section, measured)


def add_shares(section: Section, measured: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Add for each subject how much of its core the load took."""
    for subject, shares in measured[LOAD].items():
        section.limit(f"the load's share of its core, {subject}", shares, "%", "<=", MOST_OF_A_CORE)
