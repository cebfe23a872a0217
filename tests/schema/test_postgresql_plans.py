"""PostgreSQL: what is asked all the time reads as many rows as it returns, whatever the planner knows of the tables."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.postgresql import Database
from wizard_server.storage.queries import load_queries, queries_of

STATES = 3_000
PARENTS = """
    INSERT INTO investigations (id, user_id, change_seq, shown_seq)
    SELECT 'inv-' || number, 'ann', number, number FROM generate_series(1, %s) AS number
"""
CHILDREN = """
    INSERT INTO investigation_states (investigation_id, user_id, wizard_step, status, settings_json)
    SELECT id, 'ann', 'SETTINGS', 'IN_PROGRESS', json_build_object('name', repeat('x', 1000)) FROM investigations
"""

Session = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def session(postgres: Database) -> Iterator[Session]:
    """A session as the server's begin, beside many states."""
    with psycopg.connect(postgres.admin_url, autocommit=True) as session:
        session.execute(PARENTS, (STATES,))
        session.execute(CHILDREN)
        session.execute("DELETE FROM hand_edits")
        session.execute(load_queries("postgresql")["connection.settings"].sql.encode())
        yield session


def scanned(node: dict[str, Any]) -> Iterator[str]:
    """Yield the tables that a plan reads from end to end."""
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for each in node.get("Plans", ()):
        yield from scanned(each)


@pytest.mark.parametrize("is_analyzed", [False, True])
def test_a_look_at_what_changed_reads_no_table_from_end_to_end(session: Session, is_analyzed: bool) -> None:
    if is_analyzed:
        session.execute("ANALYZE")
    statement = queries_of("postgresql")["changes.after"].sql.replace(":position", "$1").replace(":limit", "$2")
    session.execute("SET plan_cache_mode = force_generic_plan")  # the driver prepares what it asks again and again
    session.execute(f"PREPARE look AS {statement}".encode())
    row = session.execute(f"EXPLAIN (FORMAT JSON) EXECUTE look ({STATES - 1}, 10001)".encode()).fetchone()
    assert row is not None
    assert set(scanned(row[0][0]["Plan"])) <= {"change_lock", "hand_edits"}
    found = session.execute(f"EXECUTE look ({STATES - 1}, 10001)".encode()).fetchall()
    assert [found_row[2:5] for found_row in found] == [(f"inv-{STATES}", "ann", 1)]


def test_no_statement_is_compiled(session: Session) -> None:
    assert session.execute("SHOW jit").fetchone() == ("off",)
