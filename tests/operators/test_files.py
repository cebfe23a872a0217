"""What operators name as a file, and what is made there: permissions, what is no file, names that move the cursor."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.operators.conftest import CONFIG, RunCommand
from tests.schema.databases import make
from wizard_server.commands.schema import apply
from wizard_server.storage.schema import scripts

COMMANDS: list[tuple[str, ...]] = [
    ("serve", "--port", "0"),
    ("schema", "apply"),
    ("schema", "check"),
    ("schema", "check", "--data"),
    ("schema", "status"),
    ("schema", "show"),
    ("purge",),
    ("backup", "copy.db"),
    ("export", "all.jsonl"),
    ("import", "all.jsonl"),
]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(folder: Path) -> dict[str, int]:
    return {file.name: mode(file) for file in folder.iterdir()}


def configured(tmp_path: Path, database: str) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.format(path=database), encoding="utf-8")


async def test_a_new_database_and_its_companions_are_read_by_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    before = os.umask(0)
    try:
        assert await apply(str(path), "config.toml") == 0
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("INSERT INTO investigations (id) VALUES ('inv-1')")
            assert modes(tmp_path) == dict.fromkeys(("new.db", "new.db-wal", "new.db-shm"), 0o600)
    finally:
        os.umask(before)


async def test_the_permissions_of_a_database_that_is_there_stay(tmp_path: Path) -> None:
    path = make(tmp_path / "old.db", up_to=1)
    path.chmod(0o640)
    assert await apply(str(path), "config.toml") == 0
    assert mode(path) == 0o640


def test_backup_and_export_are_read_by_their_owner_alone(called: RunCommand, tmp_path: Path) -> None:
    for name, written in (("backup", "copy.db"), ("export", "all.jsonl")):
        assert called(name, written).returncode == 0
        assert mode(tmp_path / written) == 0o600


@pytest.mark.parametrize(
    ("kind", "arguments"), [*(("FIFO", each) for each in COMMANDS), *(("directory", each) for each in COMMANDS[:2])]
)
def test_what_is_no_file_is_called_what_it_is(
    command: RunCommand, tmp_path: Path, kind: str, arguments: tuple[str, ...]
) -> None:
    place = tmp_path / "place"
    (place.mkdir if kind == "directory" else lambda: os.mkfifo(place))()
    configured(tmp_path, str(place))
    (tmp_path / "all.jsonl" if arguments[0] == "import" else tmp_path / "unused").write_bytes(b"")
    done = command(*arguments)
    assert done.returncode == 1
    assert f"cannot open database {place}: it is a {kind}" in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert sorted(left.name for left in tmp_path.iterdir() if left.name.startswith("copy")) == []


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        (("config", "check", "--config", "place"), "place: cannot be read: it is a {}"),
        (("schema", "status", "--config", "place"), "place: cannot be read: it is a {}"),
        (("serve",), "[tools] catalog: place: cannot be read: it is a {}"),
    ],
    ids=["config", "any command", "tools"],
)
@pytest.mark.parametrize("kind", ["FIFO", "directory"])
def test_a_configuration_that_is_no_file_is_called_what_it_is_and_not_waited_for(
    command: RunCommand, tmp_path: Path, kind: str, arguments: tuple[str, ...], begins: str
) -> None:
    place = tmp_path / "place"
    (place.mkdir if kind == "directory" else lambda: os.mkfifo(place))()
    with (tmp_path / "config.toml").open("a") as config:
        config.write('\n[tools]\ncatalog = "place"\n')
    done = command(*arguments)
    told = f"Invalid wizard configuration - refusing to start: {begins.format(kind)}"
    assert (done.returncode, done.stderr.decode().strip().removeprefix("wizard-server: ")) == (78, told)


def test_a_fifo_is_not_waited_for_by_import(command: RunCommand, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = command("import", "pipe")
    assert (done.returncode, done.stderr) == (
        1,
        b"wizard-server: pipe is a FIFO, which may never end: read it with - from standard input\n",
    )


def test_backup_to_standard_output_is_refused(called: RunCommand, tmp_path: Path) -> None:
    done = called("backup", "-")
    assert done.returncode == 2
    assert b"backup writes a file" in done.stderr
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("name", ["backup", "export"])
@pytest.mark.parametrize("companion", ["", "-wal", "-shm", "-journal"])
def test_the_databases_own_files_are_no_target(
    called: RunCommand, database: str, tmp_path: Path, name: str, companion: str
) -> None:
    before = Path(database).read_bytes()
    (tmp_path / "alias").symlink_to(tmp_path, target_is_directory=True)
    target = f"alias/{Path(database).name}{companion}"
    done = called(name, target)
    assert done.returncode == 1
    assert f"{target} belongs to the database {database}" in done.stderr.decode()
    assert Path(database).read_bytes() == before


def test_a_script_of_which_only_a_part_went_in_is_told(called: RunCommand, database: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE idempotency_keys")  # as after `sqlite3` without -bail: the ledger has the script
    done = called("schema", "apply")
    assert done.returncode == 1
    assert b"every script is in" in done.stderr
    assert b"table idempotency_keys is missing\n    mend: wizard-server schema show idempotency_keys" in done.stderr
    assert b"nothing to apply" not in done.stdout


def test_a_script_that_is_not_in_the_ledger_and_yet_partly_in_is_told(called: RunCommand, database: str) -> None:
    newest = scripts.scripts("sqlite")[-1]
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM schema_migrations WHERE version = ?", (newest.version,))
    done = called("schema", "apply")
    assert done.returncode == 1
    said = done.stderr.decode()
    assert f"script {newest.name} failed and nothing of it remains" in said
    assert "part of it was in before this, and no record of it" in said


ESCAPE = "\x1b]0;owned\x07"


def test_a_configured_path_with_a_terminal_escape_is_refused(command: RunCommand, tmp_path: Path) -> None:
    configured(tmp_path, "x\\u001b[31m.db")
    for arguments in (("serve",), ("config", "check"), ("schema", "apply")):
        done = command(*arguments)
        assert done.returncode == 78
        assert done.stderr.decode().startswith("Invalid wizard configuration - refusing to start: [database] url:")
        assert b"must not hold control characters" in done.stderr
        assert b"\x1b" not in done.stderr + done.stdout
    assert sorted(tmp_path.glob("x*")) == []


@pytest.mark.parametrize("arguments", [("backup",), ("export",), ("import",), ("schema", "show"), ("--config",)])
def test_a_name_that_moves_the_cursor_is_written_out(called: RunCommand, arguments: tuple[str, ...]) -> None:
    name = f"none/{ESCAPE}"
    done = called("schema", "check", "--config", name) if arguments == ("--config",) else called(*arguments, name)
    assert done.returncode in (1, 78)
    assert b"\\x1b]0;owned\\x07" in done.stderr
    assert b"\x1b" not in done.stderr + done.stdout


def test_an_unknown_table_whose_name_moves_the_cursor_is_written_out(called: RunCommand, database: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f'CREATE TABLE "t{ESCAPE}" (a)')
    done = called("schema", "check")
    assert done.returncode == 1
    assert b"unknown table t\\x1b]0;owned\\x07" in done.stdout
    assert b"\x1b" not in done.stderr + done.stdout
