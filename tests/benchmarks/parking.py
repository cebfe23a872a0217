"""Parking polls by the thousand, and what our server answers to one."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from tests.benchmarks.bench import Bench
from tests.benchmarks.database import Shape, topic
from tests.benchmarks.subjects import CHANGED, POLL, Answer, Subject, ask, authorization, serving
from tests.benchmarks.swarm import PATIENCE_SECONDS, Connection, Swarm

# How many connect at a time where it is not the crowd that is measured, so that none has to try again.
_BATCH = 1_000
_PAUSE_SECONDS = 0.005


def await_parked(swarm: Swarm, subject: Subject, count: int) -> float:
    """Return, once `count` polls are parked, when that was seen; the swarm goes on connecting meanwhile."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (parked := subject.parked()) != count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{parked} polls of {count} are parked after {PATIENCE_SECONDS:g} s")
        if answered := swarm.pump(_PAUSE_SECONDS):
            raise ValueError(f"{len(answered)} polls were answered instead of parked, status {answered[0].status}")
    return time.monotonic()


def arrive(swarm: Swarm, subject: Subject, topics: Sequence[int], version: int) -> list[Connection]:
    """Connect and park one poll for each of `topics`, all of which have `version`."""
    arrived: list[Connection] = []
    before = subject.parked()
    for begin in range(0, len(topics), _BATCH):
        some = topics[begin : begin + _BATCH]
        polls = swarm.connect(len(some))
        for poll, number in zip(polls, some, strict=True):
            swarm.ask(poll, subject.poll(number, version))
        arrived += polls
        await_parked(swarm, subject, before + len(arrived))
    return arrived


def woken(bench: Bench, shape: Shape) -> Answer:
    """Return what our server answers to a parked poll once the state changes."""
    headers = (*authorization(), ("If-None-Match", f'"version-{shape.entries}"'))
    with serving(bench.folder(), shape) as ours, ThreadPoolExecutor(1) as pool, Swarm(ours.port) as swarm:
        parked = pool.submit(ask, ours.port, "GET", f"{POLL.format(topic(0))}?wait=60", headers)
        await_parked(swarm, ours, 1)
        [writer] = swarm.connect(1)
        swarm.answer(writer, ours.change(0, ours.version(0)), *CHANGED)
        answer = parked.result(PATIENCE_SECONDS)
    assert answer.status == HTTPStatus.OK, answer.body
    return answer
