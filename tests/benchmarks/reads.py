"""The polls that are answered at once: unchanged, and with the whole state."""

from contextlib import ExitStack
from functools import partial

from tests.benchmarks.bench import Bench, Measured
from tests.benchmarks.database import Shape, topic
from tests.benchmarks.load import HOW_TO_GET_WRK, WRK, read_loop
from tests.benchmarks.report import Section
from tests.benchmarks.subjects import POLL, Headers, answering, ask, authorization, serving

_BOUND = 0.85
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
    """Ask our server and the bare one for the same bytes, in turn."""
    size = bench.size
    with ExitStack() as stack:
        ours = stack.enter_context(serving(bench.folder(), shape))
        answer = ask(ours.port, "GET", _PATH, headers)
        assert answer.status == status, answer.body
        bare = stack.enter_context(answering(bench.folder(), {"poll": answer}))
        same = ask(bare.port, "GET", _PATH, headers)
        assert (same.status, same.headers, same.body) == (status, answer.headers, answer.body)
        ports = {"ours": ours.port, "bare": bare.port}

        def rate(port: int, seconds: float) -> Measured:
            return {"rate": read_loop(port, _PATH, headers, size.readers, seconds)}

        for port in ports.values():
            rate(port, size.seconds / 3)
        measured = bench.alternate({name: partial(rate, port, size.seconds) for name, port in ports.items()})
    section.add(section.claim.partition(",")[0], "requests/s", measured["rate"])
    section.ratio("ours / bare aiohttp", measured["rate"]["ours"], measured["rate"]["bare"], ">=", _BOUND)
    section.notes.append(f"body of {len(answer.body):,} bytes, {len(answer.headers)} headers of ours in both")
    if WRK is None:
        section.notes.append(HOW_TO_GET_WRK)
    return section
