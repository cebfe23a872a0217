import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.conftest import StartServer
from tests.operators import everything
from tests.operators.conftest import RunCommand
from tests.operators.rows import OLD, Rows, left
from tests.schema.databases import make
from wizard_server.commands.export import export
from wizard_server.commands.import_ import import_file
from wizard_server.storage.archive.exporting import export_lines, snapshot
from wizard_server.storage.queries import load_queries
from wizard_server.storage.sqlite.opening import connect

CONFIG = "config.toml"


@pytest.fixture
async def full(database: str, start_server: StartServer) -> str:
    """A database with everything in it."""
    set_aside(Path(database))
    everything.make_legacy(Path(database))
    await everything.use(await start_server())
    with closing(Rows(database)) as rows:
        everything.edit_by_hand(rows)
        await everything.age_and_purge(rows, database)
    return database


async def exported(path: str, target: Path) -> bytes:
    assert await export(path, CONFIG, str(target)) == 0
    return content(target)


def content(path: Path) -> bytes:
    return path.read_bytes()


def set_aside(database: Path) -> None:
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()


def lines(archive: bytes) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in archive.splitlines()]


async def test_users_of_real_issuers_are_carried_over_to_the_letter(
    database: str, start_server: StartServer, tmp_path: Path
) -> None:
    client = await start_server()
    user = "auth0|5f7c8ec7@example.com"
    body = factories.creation(user_id=user)
    assert (await client.post(everything.URL, json=body, headers={"X-User-Id": user})).status == 201
    first = await exported(database, tmp_path / "first.jsonl")
    copy = make(tmp_path / "copy.db")
    assert await import_file(str(copy), CONFIG, str(tmp_path / "first.jsonl")) == 0
    assert await exported(str(copy), tmp_path / "second.jsonl") == first
    assert {line["user_id"] for line in lines(first) if "user_id" in line} == {user}


async def test_an_export_of_an_import_equals_the_original_byte_for_byte(full: str, tmp_path: Path) -> None:
    first = await exported(full, tmp_path / "first.jsonl")
    copy = make(tmp_path / "copy.db")
    assert await import_file(str(copy), CONFIG, str(tmp_path / "first.jsonl")) == 0
    assert await exported(str(copy), tmp_path / "second.jsonl") == first
    kinds = [line["kind"] for line in lines(first)]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "wizard-server-export": 1,
        "investigation": 14,
        "entry": 28,
        "state": 12,
        "template": 7,
        "end": 1,
    }


async def test_an_import_writes_nothing_of_its_own_and_leaves_the_switch_as_it_was(full: str, tmp_path: Path) -> None:
    await exported(full, tmp_path / "first.jsonl")
    for enabled in (1, 0):
        copy = str(make(tmp_path / f"copy-{enabled}.db"))
        with closing(Rows(copy)) as into, closing(Rows(full)) as original:
            into.connection.execute("UPDATE audit_switch SET enabled = ?", (enabled,))
            assert await import_file(copy, CONFIG, str(tmp_path / "first.jsonl")) == 0
            assert into.switch() == enabled
            for table in ("investigations", "investigation_audit_log", "investigation_states"):
                assert into.count(table) == original.count(table)


async def test_an_imported_database_goes_on_where_the_original_stood(
    full: str, tmp_path: Path, start_server: StartServer, database: str
) -> None:
    await exported(full, tmp_path / "first.jsonl")
    set_aside(Path(database))
    make(Path(database))
    assert await import_file(database, CONFIG, str(tmp_path / "first.jsonl")) == 0
    client = await start_server()
    state = await (await client.get(f"{everything.URL}/done")).json()
    older = await (await client.get(f"{everything.URL}/done", params={"version": 1})).json()
    assert (older["version"], older["wizard_step"], state["wizard_step"]) == (1, "SETTINGS", "RESULTS")
    reset = await client.patch(f"{everything.URL}/done", json={"wizard_step": "SETTINGS"})
    assert (await reset.json())["version"] == state["version"] + 1


async def test_the_same_database_gives_the_same_bytes(full: str, tmp_path: Path) -> None:
    assert await exported(full, tmp_path / "a.jsonl") == await exported(full, tmp_path / "b.jsonl")


async def test_lines_come_kind_by_kind_and_sorted_between_header_and_end(full: str, tmp_path: Path) -> None:
    header, *rows, end = lines(await exported(full, tmp_path / "a.jsonl"))
    assert header == {"kind": "wizard-server-export", "format": 1, "schema": 3}
    assert end == {"kind": "end", "lines": len(rows) + 2}
    order = ["investigation", "entry", "state", "template"]
    keys = {"investigation": "id", "entry": "investigation_id", "state": "investigation_id", "template": "template_id"}
    places = [(order.index(row["kind"]), row[keys[row["kind"]]]) for row in rows]
    assert places == sorted(places)
    trail = [row["version"] for row in rows if row["kind"] == "entry" and row["investigation_id"] == "again"]
    assert trail == [1, 2, 3]


async def test_members_that_break_the_rules_are_named_and_only_those(full: str, tmp_path: Path) -> None:
    found = lines(await exported(full, tmp_path / "a.jsonl"))
    notes = {
        (line["kind"], next(value for key, value in line.items() if key != "kind")): (
            line.get("unchecked"),
            line.get("raw"),
        )
        for line in found[1:-1]
        if "unchecked" in line or "raw" in line
    }
    assert notes[("state", "legacy")] == (["settings", "last_accessed"], None)
    assert notes[("state", "done")] == (["last_accessed"], None)
    assert notes[("entry", "legacy-entry")] == (None, ["new_state"])
    assert notes[("state", "bare")] == (["updated_at", "version"], ["settings"])
    assert notes[("state", "set-back")] == (["version"], None)
    assert notes[("state", "unaudited")] == (["version"], None)
    assert notes[("template", "empty")] == (None, ["template"])
    assert notes[("template", "null")] == (["name", "template"], None)
    assert {name for kind, name in notes if kind == "template"} == {"raw", "empty", "null", "t-0", "t-1", "t-2"}
    assert not {name for _, name in notes} & {"settings", "failed", "deleted", "again", "tombstone", "short", "applied"}


async def test_an_export_is_of_one_moment_whatever_is_committed_meanwhile(
    database: str, rows: Rows, tmp_path: Path
) -> None:
    rows.plant("inv-1", [(1, OLD)], updated_at=OLD)
    before = await exported(database, tmp_path / "before.jsonl")
    connection = await connect(database, read_only=True)
    seen: list[bytes] = []
    async with snapshot(connection):
        async for line in export_lines(connection):
            rows.plant(f"inv-{len(seen) + 2}", [(1, OLD)], updated_at=OLD)
            seen.append(line)
    await connection.close()
    assert b"".join(seen) == before


@pytest.mark.parametrize("kind", ["investigations", "entries", "states", "templates"])
def test_no_row_is_sorted_to_be_exported(tmp_path: Path, kind: str) -> None:
    with closing(sqlite3.connect(make(tmp_path / "a.db"))) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {load_queries('sqlite')[f'archive.{kind}'].sql}").fetchall()
    assert not [row for row in plan if "TEMP B-TREE" in row[3]]


async def test_an_existing_file_is_refused_and_stays_as_it_is(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text("precious")
    assert await export(database, CONFIG, str(tmp_path / "a.jsonl")) == 1
    assert "exists and is not overwritten" in capsys.readouterr().err
    assert (tmp_path / "a.jsonl").read_text() == "precious"


async def test_what_could_not_be_imported_again_is_not_exported(
    database: str, rows: Rows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows.plant("inv-1", [(1, OLD)], updated_at=OLD, settings_json=b"\xff\xfe")
    assert await export(database, CONFIG, str(tmp_path / "a.jsonl")) == 1
    assert "state 'inv-1': settings is a BLOB" in capsys.readouterr().err
    rows.connection.execute("PRAGMA foreign_keys = OFF")
    rows.connection.execute("DELETE FROM investigations")
    assert await export(database, CONFIG, str(tmp_path / "a.jsonl")) == 1
    assert "row 1 has no parent in investigations" in capsys.readouterr().err
    assert left(tmp_path, "a.jsonl*") == []


async def test_a_database_without_the_newest_script_is_refused_with_the_command_that_runs_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = str(make(tmp_path / "old.db", up_to=1))
    assert await export(old, CONFIG, str(tmp_path / "a.jsonl")) == 1
    assert "mend: wizard-server schema apply --config config.toml" in capsys.readouterr().err
    assert await import_file(old, CONFIG, str(tmp_path / "a.jsonl")) == 1
    assert "mend: wizard-server schema apply --config config.toml" in capsys.readouterr().err


def test_standard_output_and_input_carry_an_export(command: RunCommand, rows: Rows, tmp_path: Path) -> None:
    rows.plant("inv-1", [(1, OLD)], updated_at=OLD)
    piped = command("export", "-").stdout
    assert command("export", "a.jsonl").returncode == 0
    assert piped == (tmp_path / "a.jsonl").read_bytes()
    rows.connection.execute("DELETE FROM investigations")
    ended = command("import", "-", stdin=piped)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert rows.trail("inv-1") == [(1, OLD)]
    assert rows.ids() == ["inv-1"]
