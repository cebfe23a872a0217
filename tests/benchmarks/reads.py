"""The polls that are answered at once: unchanged, and with the whole state."""

from contextlib import ExitStack
from functools import partial

from tests.benchmarks.bench import Bench, Measured
from tests.benchmarks.cost import RATE, add_costs, costed
from tests.benchmarks.database import Shape, topic
from tests.benchmarks.load import HOW_TO_GET_WRK, WRK, read_loop
from tests.benchmarks.report import Section
from tests.benchmarks.subjects import POLL, Headers, Subject, answering, ask, authorization, serving
from wizard_server.config.models import EventLoop

_BOUND = 0.85
_OURS: dict[str, EventLoop] = {"ours": "auto", "ours asyncio": "asyncio"}
_BARE: dict[str, EventLoop] = {"bare": "auto", "bare asyncio": "asyncio"}
_ANEW = "ours anew"
_PATH = POLL.format(topic(0))


def unchanged(bench: Bench) -> Section:
    """Measure polls that name the version they have."""
    shape = Shape(state_bytes=10_000)
    known = ("If-None-Match", f'"version-{shape.entries}"')
    section = Section("unchanged", f"an unchanged poll (304), {bench.size.readers} connections")
    return _compare(bench, section, shape, (*authorization(), known), 304)


def full(bench: Bench) -> Section:
    """Measure polls that name nothing."""
    section = Section("full", f"the full state of 10 KB, {bench.size.readers} connections")
    return _compare(bench, section, Shape(state_bytes=10_000), authorization(), 200)


def _compare(bench: Bench, section: Section, shape: Shape, headers: Headers, status: int) -> Section:
    """Ask our server and the bare one, each on uvloop and on asyncio, for the same bytes, in turn.

    "ours anew" are requests none of which came before, as a client's first after each change is.
    """
    size = bench.size
    with ExitStack() as stack:
        subjects: dict[str, Subject] = {
            name: stack.enter_context(serving(bench.folder(), shape, loop=loop)) for name, loop in _OURS.items()
        }
        answer = ask(subjects["ours"].port, "GET", _PATH, headers)
        assert answer.status == status, answer.body
        for name, loop in _BARE.items():
            bare = stack.enter_context(answering(bench.folder(), {"poll": answer}, loop=loop))
            same = ask(bare.port, "GET", _PATH, headers)
            assert (same.status, same.headers, same.body) == (status, answer.headers, answer.body)
            subjects[name] = bare

        subjects[_ANEW] = subjects["ours"]

        def rate(name: str, seconds: float) -> Measured:
            subject = subjects[name]

            def load() -> tuple[int, Measured]:
                count, per_second = read_loop(subject.port, _PATH, headers, size.readers, seconds, anew=name == _ANEW)
                return count, {RATE: per_second}

            return costed(subject.pid, load)

        for name in subjects:
            rate(name, size.seconds / 3)
        measured = bench.alternate({name: partial(rate, name, size.seconds) for name in subjects})
    section.add(section.claim.partition(",")[0], "requests/s", measured[RATE])
    for name in _BARE:
        section.ratio(f"ours / {name}", measured[RATE]["ours"], measured[RATE][name], ">=", _BOUND)
    section.ratio(f"{_ANEW} / bare", measured[RATE][_ANEW], measured[RATE]["bare"], ">=", _BOUND)
    add_costs(section, measured)
    section.notes.append(f"body of {len(answer.body):,} bytes, {len(answer.headers)} headers of ours in all")
    if WRK is None:
        section.notes.append(HOW_TO_GET_WRK)
    return section
