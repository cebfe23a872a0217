"""Several nodes on one PostgreSQL: each demand of the design, and the figure that is reached."""

from tests import postgresql
from tests.benchmarks.bench import Bench
from tests.benchmarks.nodes.away import away
from tests.benchmarks.nodes.reading import reading
from tests.benchmarks.nodes.waking import waking
from tests.benchmarks.nodes.world import HOW_TO_GET, on_postgresql
from tests.benchmarks.nodes.writing import growing, held_row, writing
from tests.benchmarks.report import Section


def nodes(bench: Bench) -> Section:
    """Measure all on one cluster, whose commits are flushed; the last of it stops the database."""
    section = Section("nodes", "two nodes on one PostgreSQL, beside the same server on SQLite")
    if not postgresql.is_installed():
        section.notes.append(HOW_TO_GET)
        return section
    with on_postgresql(bench, section) as world:
        for measure in (waking, reading, writing, growing, held_row, away):
            measure(world)
    return section
