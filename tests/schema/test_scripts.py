import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.schema.databases import MILLISECONDS, add_investigation, add_state, connect, make, objects, state, trail
from wizard_server.commands import schema as commands
from wizard_server.errors import SchemaError
from wizard_server.storage.queries import sql_root
from wizard_server.storage.schema import scripts as schema
from wizard_server.storage.sqlite.connection import Connection
from wizard_server.storage.sqlite.opening import connect as open_database


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Connection]:
    connection = await open_database(str(path), create=True)
    try:
        yield connection
    finally:
        await connection.close()


async def applied(path: Path) -> list[str]:
    async with opened(path) as connection:
        return [script.name for script in await schema.apply(connection)]


def by_hand(path: Path, script: str) -> "subprocess.CompletedProcess[str]":
    if shutil.which("sqlite3") is None and "CI" not in os.environ:
        pytest.skip("needs the sqlite3 command")
    return subprocess.run(["sqlite3", "-bail", str(path)], input=script, text=True, capture_output=True, check=False)


async def test_scripts_by_hand_give_the_same_database_as_apply(tmp_path: Path) -> None:
    for script in schema.scripts("sqlite"):
        assert by_hand(tmp_path / "hand.db", script.text).returncode == 0
    assert await applied(tmp_path / "code.db") == [script.name for script in schema.scripts("sqlite")]
    assert objects(tmp_path / "hand.db") == objects(tmp_path / "code.db")


def test_a_script_that_is_in_is_refused_and_changes_nothing(path: Path) -> None:
    before = objects(path)
    for script in schema.scripts("sqlite"):
        refused = by_hand(path, script.text)
        assert refused.returncode != 0
        assert "UNIQUE constraint failed: schema_migrations.version" in refused.stderr
    assert objects(path) == before


def test_a_script_out_of_order_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    later = schema.scripts("sqlite")[1:]
    for script in later:
        assert by_hand(path, script.text).returncode != 0
    assert objects(path) == []
    with closing(connect(path)) as connection:
        connection.executescript(schema.scripts("sqlite")[0].text.split("-- The parent record")[0] + "COMMIT;")
        connection.execute("DELETE FROM schema_migrations")
    before = objects(path)
    for script in later:
        assert "NOT NULL constraint failed: schema_migrations.requires" in by_hand(path, script.text).stderr
    assert objects(path) == before


async def test_apply_runs_only_what_is_missing_and_then_nothing(tmp_path: Path) -> None:
    path = make(tmp_path / "old.db", up_to=1)
    assert await applied(path) == [script.name for script in schema.scripts("sqlite")[1:]]
    assert await applied(path) == []
    async with opened(path) as connection:
        assert all(re.fullmatch(MILLISECONDS, when or "") for _, when in await schema.status(connection))


async def test_two_applies_at_once_run_every_script_once(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    async with opened(path) as one, opened(path) as two:
        ran = await asyncio.gather(schema.apply(one), schema.apply(two))
    assert sorted(script.version for scripts in ran for script in scripts) == [
        script.version for script in schema.scripts("sqlite")
    ]


async def test_a_failing_script_leaves_nothing_of_itself(tmp_path: Path) -> None:
    path = make(tmp_path / "old.db", up_to=1)
    with closing(connect(path)) as connection:
        add_investigation(connection)
        add_state(connection, results_json="{not json")
    before = objects(path)
    with pytest.raises(SchemaError, match="0002_versions failed and nothing of it remains: malformed JSON"):
        await applied(path)
    assert objects(path) == before
    failed = by_hand(path, schema.scripts("sqlite")[1].text)
    assert failed.returncode != 0
    assert "malformed JSON" in failed.stderr
    assert objects(path) == before
    with closing(connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM schema_migrations").fetchone()[0] == 1


def old_database(path: Path) -> None:
    """Make a database of 0001 with rows in all tables, times in seconds as SQLite writes them and in other forms."""
    with closing(connect(make(path, up_to=1))) as connection:
        add_investigation(connection)
        add_state(connection, last_accessed="yesterday, I think")
        add_investigation(connection, "inv-2")
        connection.execute(
            "INSERT INTO investigation_templates (template_id, user_id, name, template_json, created_at, updated_at)"
            " VALUES ('t-1', 'ann', 'Mules', '{}', '2025-10-14', '2025-10-14T12:00:00+02:00')"
        )
        connection.execute(
            "INSERT INTO investigation_audit_log (entry_id, investigation_id, user_id, action_type, source, timestamp)"
            " VALUES ('e-1', 'inv-1', 'bob', 'STATE_CHANGE', 'POLLING', '2025-10-14 10:30:00.123456')"
        )


async def test_an_upgrade_keeps_the_data_and_gives_every_state_version_1(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old_database(path)
    await applied(path)
    with closing(connect(path)) as connection:
        row = state(connection)
        owners = connection.execute("SELECT id, user_id FROM investigations ORDER BY id").fetchall()
        count = connection.execute("SELECT count(*) FROM investigation_templates").fetchone()[0]
    assert [tuple(owner) for owner in owners] == [("inv-1", "ann"), ("inv-2", None)]
    assert count == 1
    assert row["settings_json"] == '{"name": "Ring of mules", "limit": 1.0}'
    assert (row["name"], row["updated_by"], row["status"]) == ("Ring of mules", "ann", "IN_PROGRESS")
    versions = [value for name, value in row.items() if name.endswith("version")]
    assert versions == [1] * 6


async def test_an_upgrade_keeps_a_template_that_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old_database(path)
    with closing(connect(path)) as connection:
        connection.execute("UPDATE investigation_templates SET template_json = '{not json'")
    await applied(path)
    with closing(connect(path)) as connection:
        stored = connection.execute("SELECT template_json FROM investigation_templates").fetchone()[0]
        heard = state(connection)["heard_at"]
        answers = connection.execute("SELECT count(*) FROM idempotency_keys").fetchone()[0]
    assert (stored, heard, answers) == ("{not json", None, 0)


async def test_an_upgrade_writes_timestamps_in_milliseconds_and_leaves_what_is_no_date(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old_database(path)
    await applied(path)
    with closing(connect(path)) as connection:
        row = state(connection)
        template = connection.execute("SELECT created_at, updated_at FROM investigation_templates").fetchone()
        entry = next(entry for entry in trail(connection) if entry["entry_id"] == "e-1")
        born = connection.execute("SELECT created_at FROM investigations").fetchone()[0]
    assert (row["created_at"], row["updated_at"]) == ("2025-10-14T09:00:00.000Z", "2025-10-14T10:30:00.000Z")
    assert row["last_accessed"] == "yesterday, I think"
    assert tuple(template) == ("2025-10-14T00:00:00.000Z", "2025-10-14T10:00:00.000Z")
    assert entry["timestamp"] == "2025-10-14T10:30:00.123Z"
    assert re.fullmatch(MILLISECONDS, born)


async def test_an_upgrade_writes_version_1_of_every_state_into_its_trail(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old_database(path)
    await applied(path)
    with closing(connect(path)) as connection:
        old, created = trail(connection)
        other = trail(connection, "inv-2")
    assert (old["entry_id"], old["version"], old["mutation_id"]) == ("e-1", None, None)
    assert (created["version"], created["action_type"], created["source"]) == (1, "STATE_CREATED", "SYSTEM")
    assert re.fullmatch(MILLISECONDS, created["timestamp"])
    assert list(created["new_state"].items()) == [
        ("investigation_id", "inv-1"),
        ("user_id", "ann"),
        ("wizard_step", "PROGRESS"),
        ("settings", {"name": "Ring of mules", "limit": 1.0}),
        ("progress", None),
        ("results", None),
        ("status", "IN_PROGRESS"),
        ("version", 1),
        ("created_at", "2025-10-14T09:00:00.000Z"),
        ("updated_at", "2025-10-14T10:30:00.000Z"),
    ]
    assert other == []


@pytest.mark.parametrize("stray", ["0003_a.sql.orig", "0009_gap.sql", "notes.txt"])
def test_a_stray_file_or_a_gap_among_the_scripts_is_refused(stray: str, tmp_path: Path) -> None:
    shutil.copytree(str(sql_root()), tmp_path / "sql")
    (tmp_path / "sql/sqlite/migrations" / stray).write_text("")
    with pytest.raises(SchemaError, match="is out of line"):
        schema.scripts("sqlite", tmp_path / "sql")


async def test_show_without_a_name_prints_exactly_what_apply_would_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "absent.db"
    assert await commands.show(str(path), "config.toml") == 0
    assert not path.exists()
    assert by_hand(path, capsys.readouterr().out).returncode == 0
    assert objects(path) == objects(make(tmp_path / "fresh.db"))
    assert await commands.show(str(path), "config.toml") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", [commands.status, commands.check])
async def test_a_file_that_does_not_exist_is_named_with_its_command_and_not_made(
    command: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(command)
    path = tmp_path / "absent.db"
    assert await command(str(path), "my config.toml") == 1
    assert (
        "does not exist; to create it: wizard-server schema apply --config 'my config.toml'" in capsys.readouterr().err
    )
    assert not path.exists()


async def test_apply_and_status_name_every_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make(tmp_path / "old.db", up_to=1)
    assert await commands.status(str(path), "config.toml") == 0
    assert re.fullmatch(rf"0001_initial +{MILLISECONDS}(\n\d+_\w+ +not applied)+\n", capsys.readouterr().out)
    assert await commands.apply(str(path), "config.toml") == 0
    names = [script.name for script in schema.scripts("sqlite")[1:]]
    assert capsys.readouterr().out == "".join(f"applied {name}\n" for name in names)
    assert await commands.apply(str(path), "config.toml") == 0
    assert "nothing to apply" in capsys.readouterr().out


async def test_a_file_that_is_no_database_is_an_error_and_not_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear Sir or Madam, this is not a database. " * 50)
    assert await commands.check(str(path), "config.toml") == 1
    assert "file is not a database" in capsys.readouterr().err


def test_the_scripts_set_no_journal_mode() -> None:
    assert all("journal_mode" not in script.text.lower() for script in schema.scripts("sqlite"))


def test_a_malformed_settings_text_has_no_name_instead_of_an_error(database: sqlite3.Connection) -> None:
    database.execute("DROP TRIGGER trg_states_inserted")
    add_investigation(database)
    add_state(database, settings_json="{not json")
    assert state(database)["name"] is None


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO investigation_templates (template_id, user_id, name, template_json)"
        " VALUES ('t-2', 'ann', 'N', '{not json');",
        "UPDATE investigation_templates SET template_json = '{not json' WHERE template_id = 't-1';",
        "UPDATE investigation_templates SET template_json = '' WHERE template_id = 't-1';",
    ],
)
def test_a_template_that_is_no_json_is_refused_in_the_shell_too(path: Path, statement: str) -> None:
    columns = "template_id, user_id, name, template_json"
    kept = f"INSERT INTO investigation_templates ({columns}) VALUES ('t-1', 'ann', 'M', '{{}}');"
    assert by_hand(path, kept).returncode == 0
    refused = by_hand(path, statement)
    assert refused.returncode != 0
    assert "template_json: malformed JSON" in refused.stderr
    assert by_hand(path, "SELECT template_id, template_json FROM investigation_templates;").stdout == "t-1|{}\n"
