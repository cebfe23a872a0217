"""Where the nodes are measured: a PostgreSQL that flushes each commit, and the same states in it and on SQLite."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests import postgresql
from tests.acceptance.process import run, write_config
from tests.benchmarks.bench import Bench
from tests.benchmarks.database import Shape, fill
from tests.benchmarks.report import Section
from tests.benchmarks.subjects import Ours, serving
from tests.postgresql import Cluster, Database

# Everything that is measured finds its states: a thousand of the size of a PATCH.
SHAPE = Shape(states=1_000, state_bytes=5_700)
HOW_TO_GET = "PostgreSQL is not installed (Debian: apt-get install postgresql): nothing was measured"
_STATEMENT = re.compile(r"LOG:  (statement|execute)")
_COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = %s"


@dataclass(frozen=True)
class World:
    """One run: the cluster, the database that the nodes share, the nodes `a` and `b`, and the section for the rows."""

    bench: Bench
    section: Section
    cluster: Cluster
    database: Database
    a: Ours
    b: Ours
    marks: Path

    def on_sqlite(self) -> AbstractContextManager[Ours]:
        """Run the same server on SQLite, with the same states."""
        return serving(self.bench.folder(), SHAPE)

    def node(self, marks: Path | None = None, wake: str = "auto") -> AbstractContextManager[Ours]:
        """Run one more node; one with the `wake` "poll" sends no hints."""
        return serving(self.bench.folder(), SHAPE, shared={"url": self.database.url, "wake": wake}, marks=marks)

    def transactions(self) -> int:
        """Return how many transactions the database has committed; PostgreSQL counts each within a second."""
        with psycopg.connect(self.database.admin_url) as connection:
            row = connection.execute(_COMMITS, (self.database.name,)).fetchone()
        assert row is not None
        return int(row[0])

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """Yield a list that has, afterwards, each statement that any node executed meanwhile."""
        statements: list[str] = []
        self._log_statements("all")
        begin = self.cluster.log.stat().st_size
        try:
            yield statements
            with self.cluster.log.open("rb") as log:
                log.seek(begin)
                statements += [line for line in log.read().decode().splitlines() if _STATEMENT.search(line)]
        finally:
            self._log_statements("none")

    def _log_statements(self, which: str) -> None:
        self.cluster.execute(f"ALTER SYSTEM SET log_statement = '{which}'", "SELECT pg_reload_conf()")


@contextmanager
def on_postgresql(bench: Bench, section: Section) -> Iterator[World]:
    """Run a cluster and two nodes on it; the first notes when it has committed (see `marked`)."""
    marks = bench.root / "a.marks"
    with postgresql.running(fsync="on", full_page_writes="on") as cluster:
        cluster.make_template()
        with cluster.database() as database:
            _copy(bench, database)
            shared = {"url": database.url}
            with (
                serving(bench.folder(), SHAPE, shared=shared, marks=marks) as a,
                serving(bench.folder(), SHAPE, shared=shared) as b,
            ):
                yield World(bench, section, cluster, database, a, b, marks)


def _copy(bench: Bench, database: Database) -> None:
    """Bring the states from SQLite into `database`, as an operator does."""
    source, target = bench.folder(), bench.folder()
    for folder in (source, target):
        folder.mkdir()
    export = str(source / "export.jsonl")
    config = write_config(source, database={"url": f"sqlite:///{fill(source / 'investigations.db', SHAPE)}"})
    _done(source, "export", "--config", str(config), export)
    _done(target, "import", "--config", str(write_config(target, database={"url": database.url})), export)


def _done(folder: Path, *arguments: str) -> None:
    done = run(folder, *arguments)
    if done.returncode:
        raise RuntimeError(f"wizard-server {arguments[0]} ended with {done.returncode}: {done.stderr}")
