"""How long one request silences the server for everybody else: the costliest bodies, histories and crowds."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.database import USER, Shape, fill
from tests.benchmarks.listening import Listener
from tests.benchmarks.report import Section
from tests.benchmarks.stall_questions import CATALOGUE, HASHES, LONG, NODES, OLDER, SLIDING, TINY, Question, questions
from tests.benchmarks.subjects import serving
from tests.benchmarks.trails import add_templates, add_trail, by_index, growing_log, hashes, sliding_log, tiny_nodes
from wizard_server.domain.diffing import diff

_MOST_MS = 20.0
_STATES = 1_000
_TEMPLATES = 49  # one less than a user may have

Found = Mapping[str, float]


def stalls(bench: Bench) -> Section:
    """Ask each question of a server of its own, so that none finds what another has left."""
    section = Section("stalls", "what everybody else waits for, the memory, and the answer, of the costliest requests")
    quick = bench.size.rounds == 1
    shape = Shape(states=_STATES // 10 if quick else _STATES)
    database = fill(bench.root / "investigations.db", shape)
    _add_trails(database, 10 if quick else 1)
    asked = {what: ask for what, ask in questions(quick).items() if bench.size.question in what}
    if not asked:
        raise ValueError(f"no question has {bench.size.question!r} in its name")
    measured = bench.alternate({what: partial(_measured, bench, shape, database, ask) for what, ask in asked.items()})
    for what in measured["silence"]:
        for quantity, unit in (("silence", "ms"), ("memory", "MiB"), ("answer", "bytes")):
            section.add(what, unit, {quantity: measured[quantity][what]})
    for what, values in measured["silence"].items():
        section.limit(what, values, "ms", "<=", _MOST_MS)
    section.notes.append("silence: the longest wait of /healthz, of which the server computed as long; a pause is none")
    section.notes.append("memory: the peak above what the server had before; answer: bytes that came back, to all")
    return section


def _add_trails(database: Path, divisor: int) -> None:
    add_templates(database, USER, _TEMPLATES, NODES)
    add_trail(database, TINY, USER, tiny_nodes(60, NODES), diff)
    add_trail(database, HASHES, USER, hashes(3), diff)
    add_trail(database, OLDER, USER, tiny_nodes(6), by_index)
    add_trail(database, SLIDING, USER, sliding_log(13), diff)
    add_trail(database, LONG, USER, growing_log(10_000 // divisor, 400_000), diff)


def _measured(bench: Bench, shape: Shape, database: Path, ask: Question) -> Found:
    """Copy the database, so that no write is seen by the next, and return silence, memory and bytes of one question."""
    copy = bench.root / f"{bench.folder().name}.db"
    copy.write_bytes(database.read_bytes())
    try:
        with serving(bench.folder(), shape, database=copy, catalogue=CATALOGUE) as ours:
            listener = Listener(ours)
            answer = ask(ours, listener)
            return {"silence": listener.silence * 1000, "memory": listener.memory, "answer": answer}
    finally:
        copy.unlink()
