"""``wizard-server schema check --data``: every row that the server cannot read, and nothing else."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests import factories
from tests.operators.rows import NOW, OLD, Rows
from wizard_server.commands.schema import check
from wizard_server.domain.clock import to_wire

CONFIG = "config.toml"
WRONG = [
    ("investigation_states", "updated_at = 5", "updated_at is an integer, not text"),
    ("investigation_states", "settings_json = '{\"a\":1e400}'", "settings_json is not JSON: number is infinity"),
    ("investigation_states", "results_json = '\"\\ud800\"'", "results_json is not JSON: "),
    ("investigation_states", 'progress_json = \'{"a":1,"a":2}\'', 'progress_json is not taken as JSON: the name "a"'),
    ("investigation_states", "version = 9223372036854775807", "version is 9223372036854775807, not 1 to"),
    ("investigation_states", "user_id = CAST(x'ff' AS TEXT)", "user_id is a BLOB, or text that is not UTF-8, not text"),
    ("investigation_audit_log", "new_state = '{\"a\":1}'", "new_state names no version"),
    ("investigation_audit_log", "timestamp = 'soon'", "timestamp is no timestamp (ISO 8601)"),
    ("investigation_templates", "template_json = '{not json'", "template_json is not JSON: "),
    ("investigations", "newest_version = 1.5", "newest_version is a real number, not an integer"),
    ("change_sequence", "value = 'x'", "value is text, not an integer"),
    ("idempotency_keys", "body = 'x'", "body is not JSON: "),
]


@pytest.fixture
def filled(rows: Rows) -> Rows:
    for key in ("inv-1", "inv-2"):
        rows.plant(key, [], updated_at=OLD)
        with rows.silence():
            rows.add_entry(key, 1, OLD, new_state=json.dumps({"version": 1}))
    with rows.silence():
        rows.add(
            "investigation_templates",
            template_id="t-1",
            user_id="ann",
            name="T",
            template_json=json.dumps(factories.settings()),
            created_at=OLD,
            updated_at=OLD,
        )
        rows.add(
            "idempotency_keys",
            user_id="ann",
            key="k-1",
            fingerprint="f",
            status=201,
            body="{}",
            created_at=to_wire(NOW),
        )
    return rows


def content(database: str) -> bytes:
    return Path(database).read_bytes()


async def test_all_is_well_where_it_is(database: str, filled: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    filled.close()
    assert await check(database, CONFIG, data=True) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{database} is what the manifest says", f"{database} has no row that cannot be read"]


@pytest.mark.parametrize(("table", "assignment", "reason"), WRONG)
async def test_a_row_is_named_with_its_table_column_and_reason(
    database: str, filled: Rows, capsys: pytest.CaptureFixture[str], table: str, assignment: str, reason: str
) -> None:
    filled.connection.execute("PRAGMA ignore_check_constraints = ON")
    with filled.silence():
        where = "" if table == "change_sequence" else f"WHERE rowid = (SELECT max(rowid) FROM {table})"
        triggers = filled.connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            filled.connection.execute(f"DROP TRIGGER {name}")
        filled.connection.execute(f"UPDATE {table} SET {assignment} {where}")
        for _, sql in triggers:
            filled.connection.execute(sql)
    filled.close()
    before = content(database)
    assert await check(database, CONFIG, data=True) == 1
    [line] = capsys.readouterr().out.splitlines()[1:]
    assert line.startswith(f"{table} ")
    assert f": {reason}" in line
    assert content(database) == before
    assert await check(database, CONFIG, data=True, as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["matches"], found["unreadable_total"], found["unreadable"][0]["table"]) == (True, 1, table)


async def test_without_the_flag_no_row_is_read(database: str, filled: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    with filled.silence():
        filled.connection.execute("UPDATE investigation_templates SET updated_at = 5")
    filled.close()
    assert await check(database, CONFIG) == 0
    assert await check(database, CONFIG, data=True) == 1
    assert "updated_at is an integer" in capsys.readouterr().out


async def test_more_rows_than_a_page_are_all_looked_at(
    database: str, filled: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    with filled.silence():
        for number in range(120):
            filled.add_entry("inv-1", None, "soon" if number % 2 else OLD)
    filled.close()
    assert await check(database, CONFIG, data=True) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1 + 60


async def test_a_name_that_moves_the_cursor_is_written_out(
    database: str, filled: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    with filled.silence():
        filled.connection.execute("UPDATE investigation_templates SET template_id = ?, updated_at = 5", ("\x1b[2J\nx",))
    filled.close()
    assert await check(database, CONFIG, data=True) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "investigation_templates \\x1b[2J\\nx: updated_at is an integer, not text"
    ]


async def test_a_sequence_that_is_gone_is_told(database: str, filled: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    filled.connection.execute("DELETE FROM change_sequence")
    filled.close()
    assert await check(database, CONFIG, data=True) == 1
    assert "change_sequence change_sequence: id is missing: no row" in capsys.readouterr().out


async def test_rows_of_a_table_that_lacks_a_column_are_not_looked_at(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE investigation_states RENAME COLUMN heard_at TO seen_at")
    assert await check(database, CONFIG, data=True) == 1
    assert "mend the tables first" in capsys.readouterr().err
