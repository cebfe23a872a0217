"""Places cost the same while somebody keeps an old snapshot, as a dump does: the commits of an hour leave no trace."""

from collections.abc import Callable

import psycopg

from tests.acceptance.process import processor_seconds
from tests.postgresql import Database
from wizard_server.storage.queries import load_queries

COMMITS = 50_000
MEASURED = 2_000
INVESTIGATIONS = 1_000
_INVESTIGATION = f"ARRAY['inv-' || (number % {INVESTIGATIONS})]"


def commits_of(connection: psycopg.Connection, take: str) -> Callable[[int], float]:
    """Return what makes so many commits, which do nothing but `take` a place, and returns their processor time."""
    lock = load_queries("postgresql")["places.lock"].sql.replace("SELECT", "PERFORM", 1).rstrip(";\n")
    loop = f"DO $$ BEGIN FOR number IN 1..{{count}} LOOP {lock}; {take}; COMMIT; END LOOP; END $$"
    pid = connection.info.backend_pid

    def commit(count: int) -> float:
        before = processor_seconds(pid)
        connection.execute(loop.format(count=count).encode())
        return processor_seconds(pid) - before

    return commit


def test_a_place_costs_the_same_after_fifty_thousand_commits_under_an_old_snapshot(postgres: Database) -> None:
    take = load_queries("postgresql")["places.take"].sql.partition("RETURNING")[0]
    for parameter in ("ids", "changed", "shown"):
        take = take.replace(f"%({parameter})s", _INVESTIGATION)
    with psycopg.connect(postgres.url) as dump, psycopg.connect(postgres.url, autocommit=True) as connection:
        made = b"INSERT INTO investigations (id) SELECT 'inv-' || number FROM generate_series(0, %d) AS number"
        connection.execute(made % (INVESTIGATIONS - 1))
        dump.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        dump.execute("SELECT count(*) FROM investigations")
        commit = commits_of(connection, take)
        before = commit(MEASURED)
        commit(COMMITS)
        after = commit(MEASURED)
        assert after < 3 * before
