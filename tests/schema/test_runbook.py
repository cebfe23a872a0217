import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.postgresql import running
from tests.schema.databases import add_investigation, add_state, connect, make, state, trail
from wizard_server.storage.queries import sql_root
from wizard_server.storage.schema.manifest import load_manifest

SQL = Path(str(sql_root()))
RUNBOOK = (SQL / "README.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## (.+)\n((?:(?!## ).*\n?)*)", re.MULTILINE)
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONFIG = """
[database]
url = "sqlite:///investigations.db"

[polling]
fast_interval_ms = 500
normal_interval_ms = 2000
slow_interval_ms = 5000

[auth]
mode = "none"
"""
SETTINGS = BLOCK.findall(RUNBOOK.split("\n## ")[0])
SECTIONS = {title: BLOCK.findall(body) for title, body in SECTION.findall(RUNBOOK)}
ON_POSTGRESQL = SECTIONS.pop("PostgreSQL")


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    """A folder with a configuration and the command ``wizard-server`` of this checkout."""
    if shutil.which("sqlite3") is None:
        if "CI" in os.environ:
            pytest.fail("the runbook needs the sqlite3 command")
        pytest.skip("the runbook needs the sqlite3 command")
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    command = tmp_path / "bin/wizard-server"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m wizard_server "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return tmp_path


def environment(folder: Path) -> Mapping[str, str]:
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("DATABASE_", "WIZARD_", "DB"))}
    python_path = os.pathsep.join([str(SQL.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    return {**outside, "PATH": path, "SQL": str(SQL), "PYTHONPATH": python_path}


def run(folder: Path, section: str) -> str:
    """Run the blocks of `section` as one shell, after those that set the variables; return what it printed."""
    return run_on(folder, {}, *SETTINGS, *SECTIONS[section])


def run_on(folder: Path, variables: Mapping[str, str], *blocks: str) -> str:
    """Run `blocks` as one shell, with `variables` of the environment; return what they printed."""
    script = "\n".join(blocks)
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**environment(folder), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def test_every_block_of_the_runbook_stands_in_a_section_that_is_run() -> None:
    assert [title for title, blocks in SECTIONS.items() if blocks] == [
        "Create",
        "Verify",
        "Back up",
        "Upgrade",
        "Roll back",
        "Mend a drifted table",
        "Edit a row by hand",
    ]
    assert len(SETTINGS) + sum(map(len, [*SECTIONS.values(), ON_POSTGRESQL])) == RUNBOOK.count("```sh\n")


def test_the_runbook_runs_from_top_to_bottom_and_keeps_the_rows(shell: Path) -> None:
    database = shell / "investigations.db"
    run(shell, "Create")
    with closing(connect(database)) as connection:
        add_investigation(connection)
        add_state(connection)
    printed = [run(shell, section) for section, blocks in SECTIONS.items() if blocks and section != "Create"]
    assert "CREATE INDEX idx_templates_user" in printed[4]
    assert "investigation_states: 1 before, 1 after" in printed[4]
    with closing(connect(database)) as connection:
        assert (state(connection)["status"], state(connection)["version"]) == ("CANCELLED", 2)
        assert [entry["version"] for entry in trail(connection)] == [1, 2]
    assert printed[5].splitlines()[0].startswith("2|STATE_CHANGE|SYSTEM|")


def test_the_part_on_postgresql_runs_from_top_to_bottom(shell: Path) -> None:
    with running() as cluster:
        names = {"OWNER": "wizard_owner", "URL": "wizard_server"}
        urls = {name: cluster.url("investigations", role) for name, role in names.items()}
        urls |= {"ADMIN": cluster.url(), "RESTORED": cluster.url("restored", "wizard_owner")}
        text = CONFIG.replace("sqlite:///investigations.db", urls["URL"])
        (shell / "config.toml").write_text(text, encoding="utf-8")
        settings, create, *others = ON_POSTGRESQL
        run_on(shell, urls, settings, create)
        with psycopg.connect(urls["URL"]) as connection:
            connection.execute("INSERT INTO investigations (id) VALUES ('inv-1')")
            connection.execute(
                "INSERT INTO investigation_states (investigation_id, user_id, wizard_step, status)"
                " VALUES ('inv-1', 'ann', 'PROGRESS', 'IN_PROGRESS')"
            )
        printed = run_on(shell, urls, settings, *others)
        assert printed.count("is what the manifest says") == 4
        assert "2 | STATE_CHANGE  | SYSTEM" in printed
        with psycopg.connect(urls["RESTORED"]) as connection:
            assert connection.execute("SELECT status FROM investigation_states").fetchall() == [("IN_PROGRESS",)]
        with psycopg.connect(urls["URL"]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id INTEGER)")


def test_upgrading_by_the_runbook_brings_an_old_database_to_the_manifest(shell: Path) -> None:
    make(shell / "investigations.db", up_to=1)
    run(shell, "Upgrade")
    assert "0002_versions" in (shell / "upgrade.sql").read_text(encoding="utf-8")


def test_rolling_back_by_the_runbook_undoes_what_came_after_the_backup(shell: Path) -> None:
    database = make(shell / "investigations.db")
    run(shell, "Back up")
    with closing(connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        add_investigation(connection)
    run(shell, "Roll back")
    with closing(connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM investigations").fetchone()[0] == 0


def test_mending_by_the_runbook_brings_a_drifted_database_to_the_manifest(shell: Path) -> None:
    database = make(shell / "investigations.db", replacing=("    UNIQUE(user_id, name),\n", ""))
    with closing(connect(database)) as connection:
        add_investigation(connection)
        add_state(connection)
        connection.execute("UPDATE investigation_states SET status = 'ERROR', last_accessed = 'now'")
        before = state(connection), trail(connection)
    run(shell, "Mend a drifted table")
    with closing(connect(database)) as connection:
        assert (state(connection), trail(connection)) == before


def test_mending_copies_every_column_of_every_table() -> None:
    copies = re.findall(r"^INSERT INTO (\w+) \(([^)]*)\)\nSELECT([^;]*?)FROM drifted\.(\w+);", RUNBOOK, re.MULTILINE)
    tables = load_manifest().tables
    assert {table for table, *_ in copies} == set(tables) - {"schema_migrations", "audit_switch", "change_sequence"}
    for table, into, out_of, source in copies:
        columns = {name for name, column in tables[table].columns.items() if not column.generated}
        assert source == table
        assert into.split() == out_of.split()
        assert {name.rstrip(",") for name in into.split()} == columns
