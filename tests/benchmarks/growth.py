"""Does it grow slow? The same questions to a server with an almost empty database and to one with years in it."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from pathlib import Path
from random import Random
from statistics import median

from tests import factories
from tests.benchmarks.bench import Bench, Measured, Size
from tests.benchmarks.database import Shape, fill, topic
from tests.benchmarks.report import Section
from tests.benchmarks.subjects import STATE, Ours, ask, authorization, serving
from tests.benchmarks.swarm import Connection, Swarm, request

_MOST, _MOST_OF_A_START = 1.3, 1.5
_STATES_PER_USER = 100
_LONG_TRAIL, _PAGE = 1_000, 20
_AGENT = authorization("agent-1", "wizard:agent")
_OWNER = authorization()
_HISTORY = f"{STATE.format(topic(0))}/history?page_size={_PAGE}&page="

_START = "cold start to the first answer"


def growth(bench: Bench) -> Section:
    """Measure both servers in turn, then how long each takes to start."""
    size = bench.size
    section = Section("growth", f"{size.states:,} states and {size.entries:,} audit entries against almost none")
    shapes = {"large": _shape(size, size.states), "small": _shape(size, _needed(size) + 1)}
    databases = {name: fill(bench.root / f"{name}.db", shape) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        mib = databases[name].stat().st_size / 1024**2
        section.notes.append(f"{name}: {shape.states:,} states, {shape.rows:,} entries, {mib:,.0f} MiB")
    section.notes.append(f"one client; the trail that is paged has {_LONG_TRAIL:,} entries in both")
    with (
        serving(bench.folder(), shapes["large"], database=databases["large"]) as large,
        serving(bench.folder(), shapes["small"], database=databases["small"]) as small,
    ):
        measured = bench.alternate(
            {
                name: partial(_answer_times, server, _unknown(shapes[name]), size)
                for name, server in (("large", large), ("small", small))
            }
        )
    starts = {name: partial(_start, bench, shape, databases[name]) for name, shape in shapes.items()}
    measured |= bench.alternate(starts)
    for what, values in measured.items():
        section.add(what, "ms", values)
        bound = _MOST_OF_A_START if what == _START else _MOST
        section.ratio(f"{what}, large / small", values["large"], values["small"], "<=", bound)
    return section


def _shape(size: Size, states: int) -> Shape:
    return Shape(
        states=states,
        state_bytes=2_000,
        entries=size.entries // size.states,
        users=max(states // _STATES_PER_USER, 1),
        long_trail=_LONG_TRAIL,
    )


def _needed(size: Size) -> int:
    """Return how many states are read from disk in all: one for each GET and PATCH."""
    return size.rounds * size.asked * 2


def _unknown(shape: Shape) -> Iterator[int]:
    """Yield states that nobody has asked for, so that none is in memory; the first has the long trail and is not."""
    return iter(Random(1).sample(range(1, shape.states), shape.states - 1))


def _answer_times(server: Ours, unknown: Iterator[int], size: Size) -> Measured:
    """Return the median of each question's time in milliseconds."""
    last = _LONG_TRAIL // _PAGE
    questions: Mapping[str, Callable[[], bytes]] = {
        "GET from disk": lambda: request("GET", STATE.format(topic(next(unknown))), _AGENT),
        "PATCH": lambda: _patch(next(unknown)),
        "history, first page": lambda: request("GET", f"{_HISTORY}1", _OWNER),
        "history, last page": lambda: request("GET", f"{_HISTORY}{last}", _OWNER),
        "list": lambda: request("GET", f"/api/v1/wizard-state?page_size={_PAGE}", _OWNER),
    }
    with Swarm(server.port) as swarm:
        [client] = swarm.connect(1)
        return {what: _median(swarm, client, question, size.asked) for what, question in questions.items()}


def _patch(number: int) -> bytes:
    body = {"progress": factories.progress(overall_progress=99.5)}
    headers = (*_AGENT, ("Content-Type", "application/json"), ("Prefer", "return=minimal"))
    return request("PATCH", STATE.format(topic(number)), headers, json.dumps(body).encode())


def _median(swarm: Swarm, client: Connection, question: Callable[[], bytes], count: int) -> float:
    times = []
    for _ in range(count):
        swarm.answer(client, question(), HTTPStatus.OK, HTTPStatus.NO_CONTENT)
        times.append((client.answered - client.sent) * 1000)
    return median(times)


def _start(bench: Bench, shape: Shape, database: Path) -> Measured:
    """Start a server and ask for one state."""
    started = time.monotonic()
    with serving(bench.folder(), shape, database=database) as server:
        answer = ask(server.port, "GET", STATE.format(topic(0)), _OWNER)
        taken = time.monotonic() - started
    assert answer.status == HTTPStatus.OK, answer.body
    return {_START: taken * 1000}
