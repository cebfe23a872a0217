import asyncio
import os
import shutil
import signal
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests import factories
from tests.conftest import Client
from tests.once import once
from tests.operators.conftest import RunCommand
from tests.operators.generator import Shape, generate
from tests.operators.rows import OLD, Rows, left
from tests.schema.databases import make
from wizard_server.commands.backup import backup
from wizard_server.storage.schema import comparing
from wizard_server.storage.sqlite.connection import Connection
from wizard_server.storage.sqlite.opening import connect

URL = "/api/v1/wizard-state"
CONFIG = "config.toml"


async def differences(path: Path) -> list[comparing.Difference]:
    connection = await connect(str(path), read_only=True)
    try:
        return await comparing.check(connection)
    finally:
        await connection.close()


def mode(path: Path) -> int:
    return path.stat().st_mode


def read(path: Path, statement: str) -> object:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as copy:
        return copy.execute(statement).fetchone()[0]


async def test_fifty_backups_during_writes_are_each_sound_and_hold_what_was_acknowledged(
    database: str, client: Client, tmp_path: Path
) -> None:
    await client.post(URL, json=factories.creation())
    acknowledged, stop = 1, asyncio.Event()

    async def write() -> None:
        nonlocal acknowledged
        while not stop.is_set():
            named = {"settings": factories.settings(name=f"Name {acknowledged}")}
            answer = await client.patch(f"{URL}/inv-1", json=named)
            acknowledged = (await answer.json())["version"]

    writing = asyncio.create_task(write())
    for number in range(50):
        copy, before = tmp_path / f"{number}.db", acknowledged
        assert await backup(database, CONFIG, str(copy)) == 0
        assert read(copy, "PRAGMA integrity_check") == "ok"
        version = read(copy, "SELECT version FROM investigation_states")
        assert version == read(copy, "SELECT max(version) FROM investigation_audit_log")
        assert isinstance(version, int)
        assert before <= version <= acknowledged + 1
        assert await differences(copy) == []
    stop.set()
    await writing
    assert acknowledged > 50


async def test_a_backup_is_one_file_with_every_row(database: str, rows: Rows, tmp_path: Path) -> None:
    rows.plant("inv-1", [(1, OLD)], updated_at=OLD)
    copy = tmp_path / "copies" / "b.db"
    copy.parent.mkdir()
    assert await backup(database, CONFIG, str(copy)) == 0
    assert left(copy.parent) == ["b.db"]
    assert stat.filemode(mode(copy)) == "-rw-------"
    with closing(Rows(str(copy))) as copied:
        assert copied.everything() == rows.everything()


@pytest.mark.parametrize("existing", ["backup.db", "backup.db.partial"])
async def test_an_existing_file_is_refused_and_stays_as_it_is(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], existing: str
) -> None:
    (tmp_path / existing).write_text("precious")
    assert await backup(database, CONFIG, str(tmp_path / "backup.db")) == 1
    assert f"{tmp_path / existing} exists" in capsys.readouterr().err
    assert (tmp_path / existing).read_text() == "precious"


async def test_a_file_that_appears_meanwhile_is_not_replaced(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "backup.db"

    async def appear() -> None:
        target.write_text("precious")

    once(monkeypatch, Connection, "backup_to", after=appear)
    assert await backup(database, CONFIG, str(target)) == 1
    assert "exists and is not overwritten" in capsys.readouterr().err
    assert target.read_text() == "precious"
    assert not (tmp_path / "backup.db.partial").exists()


async def test_a_folder_that_is_not_there_is_named(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await backup(database, CONFIG, str(tmp_path / "none/backup.db")) == 1
    assert f"cannot write {tmp_path}/none/backup.db: No such file or directory" in capsys.readouterr().err


async def test_a_database_that_is_not_there_is_named_and_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await backup(str(tmp_path / "none.db"), CONFIG, str(tmp_path / "backup.db")) == 1
    assert "does not exist; to create it: wizard-server schema apply" in capsys.readouterr().err
    assert left(tmp_path) == []


@pytest.mark.parametrize(("content", "reason"), [("", "none of wizard-server's tables"), ("hello" * 200, "no SQLite")])
async def test_a_file_that_is_no_database_of_ours_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, reason: str
) -> None:
    (tmp_path / "other.db").write_text(content)
    assert await backup(str(tmp_path / "other.db"), CONFIG, str(tmp_path / "backup.db")) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "backup.db").exists()


async def test_a_database_that_lacks_a_script_can_be_backed_up_before_it_gets_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make(tmp_path / "old.db", up_to=1)
    assert await backup(str(path), CONFIG, str(tmp_path / "backup.db")) == 0
    assert "note: script 0002_versions is not applied" in capsys.readouterr().err


async def test_a_copy_with_rows_that_lack_their_parent_is_not_kept(
    database: str, rows: Rows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows.plant("inv-1", [(1, OLD)], updated_at=OLD)
    rows.connection.execute("PRAGMA foreign_keys = OFF")
    rows.connection.execute("DELETE FROM investigations")
    assert await backup(database, CONFIG, str(tmp_path / "backup.db")) == 1
    assert "investigation_states row 1 has no parent in investigations" in capsys.readouterr().err
    assert left(tmp_path, "backup.db*") == []


async def test_a_damaged_database_gives_no_backup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "big.db"
    await generate(str(path), Shape().divided(100))
    with path.open("r+b") as file:
        file.seek(4096 * 100)
        file.write(b"\xff" * 4096 * 20)
    assert await backup(str(path), CONFIG, str(tmp_path / "backup.db")) == 1
    assert capsys.readouterr().err
    assert left(tmp_path, "backup.db*") == []


async def test_a_full_disk_is_named_and_no_part_of_the_copy_remains(tmp_path: Path, command: RunCommand) -> None:
    big = tmp_path / "big.db"
    await generate(str(big), Shape().divided(100))
    shutil.move(big, tmp_path / "investigations.db")
    ended = command("backup", "backup.db", limit=512 * 1024)
    assert ended.returncode == 1
    assert b"the disk may be full" in ended.stderr
    assert left(tmp_path, "backup.db*") == []


async def test_a_signal_leaves_no_part_of_the_copy(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    async def be_signalled() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    once(monkeypatch, Connection, "backup_to", before=be_signalled, after=asyncio.Event().wait)
    assert await backup(database, CONFIG, str(tmp_path / "backup.db")) == 130
    assert "interrupted" in capsys.readouterr().err
    assert left(tmp_path, "backup.db*") == []


def test_from_the_command_line_the_name_and_the_size_are_told(command: RunCommand, tmp_path: Path) -> None:
    ended = command("backup", "backup.db")
    assert ended.returncode == 0, ended.stderr
    size = (tmp_path / "backup.db").stat().st_size
    assert ended.stdout.decode().endswith(f"to backup.db: {size:,} bytes, verified\n")
