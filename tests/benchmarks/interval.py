"""The obvious implementation, polled on an interval, against ours: what it takes to know of changes in time."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path

from tests import factories
from tests.acceptance.process import CHECKOUT
from tests.benchmarks.bench import Bench, Measured, Size
from tests.benchmarks.crowd import Crowd, Heard, Pollers
from tests.benchmarks.database import USER, Shape, topic
from tests.benchmarks.load import percentiles
from tests.benchmarks.machine import seconds_of_processor
from tests.benchmarks.neighbours import free_port, running
from tests.benchmarks.report import Section
from tests.benchmarks.subjects import POLL, SECRET, STATE, authorization, serving
from tests.benchmarks.swarm import Swarm, request

_INTERVAL_SECONDS = 0.5
_CHANGES_PER_SECOND = 20
_SHARE = 1 / 20
_INSTALLED = all(find_spec(name) for name in ("fastapi", "sqlalchemy", "uvicorn"))
_HOW_TO_GET = "FastAPI, SQLAlchemy and uvicorn are not installed (pip install 'wizard-server[bench]')"
# What a state has that was created and set going.
_VERSION = 2
_JSON = ("Content-Type", "application/json")
_HEARD = "a change is known after, p99"
_POLLS = "polls answered"
_PROCESSOR = "processor time of the server"


def obvious(bench: Bench) -> Section:
    """Measure the processor time of both over the same time, with the same changes."""
    size = bench.size
    claim = f"{size.watchers:,} clients want to know within {_INTERVAL_SECONDS * 1000:.0f} ms"
    section = Section("obvious", f"{claim}, {_CHANGES_PER_SECOND} changes/s: FastAPI and SQLAlchemy, polled")
    shape = Shape(states=size.watchers)
    with ExitStack() as stack:
        ours = stack.enter_context(serving(bench.folder(), shape))
        crowd = Crowd(stack.enter_context(Swarm(ours.port)), ours, size.watchers, _change)
        subjects: dict[str, Callable[[], Measured]] = {"ours": partial(_ours, crowd, ours.pid, size)}
        if _INSTALLED:
            pid, port = stack.enter_context(_serving(bench.folder(), size.watchers))
            pollers = Pollers(stack.enter_context(Swarm(port)), size.watchers, _VERSION, _poll, _change)
            subjects["obvious"] = partial(_obvious, pollers, pid, size)
        else:
            section.notes.append(_HOW_TO_GET)
        measured = bench.alternate(subjects)
    section.add(_PROCESSOR, "% of a core", measured[_PROCESSOR])
    section.add(_HEARD, "ms", measured[_HEARD])
    section.add(_POLLS, "polls/s", measured[_POLLS])
    if _INSTALLED:
        used = measured[_PROCESSOR]
        section.ratio("processor time, ours / obvious", used["ours"], used["obvious"], "<=", _SHARE)
        wanted = size.watchers / _INTERVAL_SECONDS
        answered = measured[_POLLS]["obvious"]
        needed = [one * wanted / polls for one, polls in zip(used["obvious"], answered, strict=True)]
        section.add("processor time if no poll were late", "% of a core", {"obvious": needed})
        section.ratio("processor time, ours / obvious if no poll were late", used["ours"], needed, "<=", _SHARE)
        section.notes.append(
            f"its clients would like {wanted:,.0f} polls/s; a server that is full answers later, not more"
        )
    return section


def _change(number: int, version: int) -> bytes:
    """Return the same change for both: new progress."""
    body = {"progress": factories.progress(overall_progress=version % 1000 / 10 + 0.05)}
    headers = (*authorization(), _JSON, ("Prefer", "return=minimal"))
    return request("PATCH", STATE.format(topic(number)), headers, json.dumps(body).encode())


def _poll(number: int, version: int) -> bytes:
    return request("GET", POLL.format(topic(number)), (*authorization(), ("If-None-Match", f'"version-{version}"')))


def _ours(crowd: Crowd, pid: int, size: Size) -> Measured:
    return _used(pid, lambda: crowd.run(_CHANGES_PER_SECOND, size.watch_seconds), len)


def _obvious(pollers: Pollers, pid: int, size: Size) -> Measured:
    run = partial(pollers.run, _CHANGES_PER_SECOND, size.watch_seconds, _INTERVAL_SECONDS)
    return _used(pid, run, lambda heard: pollers.answered)


def _used(pid: int, run: Callable[[], list[Heard]], polls: Callable[[list[Heard]], int]) -> Measured:
    """Return what a run took of the processor, and what came of it."""
    before, started = seconds_of_processor(pid), time.monotonic()
    heard = run()
    taken = time.monotonic() - started
    processor = (seconds_of_processor(pid) - before) / taken
    _, p99 = percentiles([(each.told - each.sent) * 1000 for each in heard])
    return {_PROCESSOR: processor * 100, _HEARD: p99, _POLLS: polls(heard) / taken}


@contextmanager
def _serving(folder: Path, count: int) -> Iterator[tuple[int, int]]:
    """Run the obvious implementation with `count` running investigations; yield process and port."""
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.benchmarks.obvious:app", "--port", str(port)]
    quiet = ["--no-access-log", "--log-level", "warning"]
    database = f"sqlite+aiosqlite:///{folder / 'investigations.db'}"
    env = {"PYTHONPATH": str(CHECKOUT), "DATABASE_URL": database, "JWT_SECRET": SECRET}
    with running([*command, *quiet], folder, port, env) as pid:
        with Swarm(port) as swarm:
            [writer] = swarm.connect(1)
            for number in range(count):
                body = factories.creation(topic(number), user_id=USER)
                swarm.answer(writer, _asking("POST", "/api/v1/wizard-state", body), HTTPStatus.CREATED)
                swarm.answer(
                    writer, _asking("PATCH", STATE.format(topic(number)), {"wizard_step": "PROGRESS"}), HTTPStatus.OK
                )
        yield pid, port


def _asking(method: str, path: str, body: object) -> bytes:
    return request(method, path, (*authorization(), _JSON), json.dumps(body).encode())
