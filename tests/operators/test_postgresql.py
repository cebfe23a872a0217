"""The operators' commands on PostgreSQL: what SQLite holds goes there and comes back, and retention."""

import asyncio
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests.conftest import StartServer
from tests.operators import everything
from tests.operators.rows import AGE, NOW, OLD, YOUNG, Rows
from tests.postgresql import Database
from tests.schema.databases import make
from wizard_server.commands import schema
from wizard_server.commands.backup import backup
from wizard_server.commands.export import export
from wizard_server.commands.import_ import import_file
from wizard_server.commands.purge import purge
from wizard_server.domain.clock import to_wire

CONFIG = "config.toml"


async def exported(path: str, target: Path) -> bytes:
    assert await export(path, CONFIG, str(target)) == 0
    return await asyncio.to_thread(target.read_bytes)


@pytest.fixture
async def used(database: str, start_server: StartServer) -> str:
    """An SQLite database that users, agents and retention have worked on."""
    await everything.use(await start_server())
    return database


async def test_sqlite_to_postgresql_and_back_is_byte_for_byte(
    used: str, rows: Rows, postgres: Database, tmp_path: Path
) -> None:
    rows.plant("buried", [(1, OLD), (2, OLD)], updated_at=OLD, status="COMPLETED")
    assert await purge(used, max_age_days=AGE, dry_run=False, now=NOW) == 0
    first = await exported(used, tmp_path / "first.jsonl")
    assert await import_file(postgres.url, CONFIG, str(tmp_path / "first.jsonl")) == 0
    assert await exported(postgres.url, tmp_path / "second.jsonl") == first
    back = str(make(tmp_path / "back.db"))
    assert await import_file(back, CONFIG, str(tmp_path / "second.jsonl")) == 0
    assert await exported(back, tmp_path / "third.jsonl") == first
    assert b'"purged_at":"' in first


async def test_what_an_import_brought_is_described_for_lists_and_outdates_those_from_before(
    used: str, postgres: Database, tmp_path: Path
) -> None:
    await exported(used, tmp_path / "first.jsonl")
    assert await import_file(postgres.url, CONFIG, str(tmp_path / "first.jsonl")) == 0
    with psycopg.connect(postgres.url) as connection:
        shown = connection.execute(
            "SELECT name, name_folded, entity_count, overall_progress, risk_level IS NOT NULL FROM investigation_states"
            " WHERE investigation_id = 'done'"
        ).fetchone()
        (places,) = connection.execute("SELECT array_agg(DISTINCT change_seq) FROM investigations").fetchone() or ()
        (floor,) = connection.execute("SELECT floor FROM change_lock").fetchone() or ()
        (edits,) = connection.execute("SELECT count(*) FROM hand_edits").fetchone() or ()
    assert shown is not None
    assert shown[:2] == ("Ünï done 🔎", "ünï done 🔎")
    assert shown[2] > 0
    assert shown[4]
    assert (places, floor, edits) == ([0], 1, 0)


async def test_what_postgresql_cannot_hold_is_named_line_by_line_and_nothing_goes_in(
    used: str, rows: Rows, postgres: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows.connection.execute(
        "UPDATE investigation_states SET last_accessed = 'yesterday' WHERE investigation_id = 'done'"
    )
    await exported(used, tmp_path / "first.jsonl")
    capsys.readouterr()
    assert await import_file(postgres.url, CONFIG, str(tmp_path / "first.jsonl")) == 1
    told = capsys.readouterr().err
    assert told.count("line ") == 1
    assert 'last_accessed: "yesterday" is no timestamp that PostgreSQL could give back as it is' in told
    assert await import_file(postgres.url, CONFIG, str(tmp_path / "first.jsonl"), keep_going=True) == 1
    assert "1 error" in capsys.readouterr().err


async def test_a_second_import_is_refused_naming_what_exists(
    used: str, postgres: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await exported(used, tmp_path / "first.jsonl")
    assert await import_file(postgres.url, CONFIG, str(tmp_path / "first.jsonl")) == 0
    assert await import_file(postgres.url, CONFIG, str(tmp_path / "first.jsonl")) == 1
    assert "line 2: id: exists already" in capsys.readouterr().err


async def test_retention_removes_the_same_as_on_sqlite_and_leaves_tombstones_with_places(
    used: str, rows: Rows, postgres: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for status in ("COMPLETED", "CANCELLED"):
        rows.plant(f"old-{status}", [(1, OLD), (2, OLD)], updated_at=OLD, status=status)
        rows.plant(f"young-{status}", [(1, YOUNG)], updated_at=YOUNG, status=status)
        rows.plant(f"noted-{status}", [(1, OLD), (None, YOUNG)], updated_at=OLD, status=status)
    rows.plant("alive", [(1, OLD), (2, OLD), (None, OLD)], updated_at=OLD, status="ERROR")
    rows.plant("mixed", [(1, OLD), (2, OLD), (None, YOUNG), (3, YOUNG), (None, OLD)], updated_at=YOUNG)
    rows.plant("set-back", [(1, OLD), (2, OLD), (3, OLD)], updated_at=OLD, version=1)
    rows.plant("notes", [(None, OLD), (None, OLD)], updated_at=OLD)
    rows.plant("deleted-old", [(4, OLD), (None, OLD)])
    rows.plant("deleted-notes", [(None, OLD), (None, OLD)])
    rows.plant("deleted-lately", [(1, OLD), (2, YOUNG)])
    rows.plant("bare", [])
    rows.plant("long", [(version, OLD) for version in range(1, 1201)], updated_at=YOUNG)
    await exported(used, tmp_path / "first.jsonl")
    assert await import_file(postgres.url, CONFIG, str(tmp_path / "first.jsonl")) == 0
    for path in (used, postgres.url):
        capsys.readouterr()
        assert await purge(path, max_age_days=AGE, dry_run=True, now=NOW) == 0
        would = capsys.readouterr().out
        assert await purge(path, max_age_days=AGE, dry_run=False, now=NOW) == 0
        assert capsys.readouterr().out == would.replace("would remove", "removed")
    assert await exported(used, tmp_path / "a.jsonl") == await exported(postgres.url, tmp_path / "b.jsonl")
    with psycopg.connect(postgres.url) as connection:
        placed = connection.execute(
            "SELECT count(*) FROM investigations WHERE change_seq > 1 AND purged_at IS NOT NULL"
        )
        assert placed.fetchone() == (6,)
        edits = connection.execute("SELECT count(*) FROM hand_edits").fetchone()
    assert edits == (0,)


def _until_somebody_waits(watcher: psycopg.Connection) -> None:
    while watcher.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (1,):
        pass


async def test_a_state_that_is_changed_while_it_is_purged_stays(
    used: str, rows: Rows, postgres: Database, tmp_path: Path
) -> None:
    rows.plant("old", [(1, OLD)], updated_at=OLD, status="COMPLETED")
    await exported(used, tmp_path / "first.jsonl")
    await import_file(postgres.url, CONFIG, str(tmp_path / "first.jsonl"))
    with psycopg.connect(postgres.url) as writer, psycopg.connect(postgres.url, autocommit=True) as watcher:
        writer.execute(
            "UPDATE investigation_states SET status = 'IN_PROGRESS', last_entry = 'e', updated_at = %s"
            " WHERE investigation_id = 'old'",
            (to_wire(NOW - timedelta(days=1)),),
        )
        purging = asyncio.create_task(purge(postgres.url, max_age_days=AGE, dry_run=False, now=NOW))
        await asyncio.to_thread(_until_somebody_waits, watcher)
        writer.commit()
        assert await purging == 0
        assert watcher.execute("SELECT status FROM investigation_states WHERE investigation_id = 'old'").fetchone() == (
            "IN_PROGRESS",
        )


async def test_rows_that_the_server_cannot_read_are_named(
    used: str, postgres: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await exported(used, tmp_path / "first.jsonl")
    await import_file(postgres.url, CONFIG, str(tmp_path / "first.jsonl"))
    capsys.readouterr()
    assert await schema.check(postgres.url, CONFIG, data=True) == 0
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("UPDATE investigation_states SET updated_at = 'infinity' WHERE investigation_id = 'done'")
    assert await schema.check(postgres.url, CONFIG, data=True) == 1
    assert "investigation_states done: updated_at" in capsys.readouterr().out


async def test_a_backup_names_the_program_that_makes_one_and_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert await backup("postgresql://wizard:hunter2@db/investigations", CONFIG, "a b.dump") == 1
    told = capsys.readouterr().err
    assert "pg_dump -Fc --no-owner -f 'a b.dump' 'postgresql://wizard:********@db/investigations'" in told
    assert "hunter2" not in told


async def test_an_unreachable_server_is_told_without_the_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert await schema.status("postgresql://wizard:hunter2@127.0.0.1:1/investigations", CONFIG) == 1
    told = capsys.readouterr().err
    assert "cannot open postgresql://wizard:********@127.0.0.1:1/investigations: connection" in told
    assert "hunter2" not in told
