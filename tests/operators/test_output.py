import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.operators.conftest import RunCommand
from tests.operators.rows import OLD, Rows
from tests.schema.databases import make
from wizard_server.commands import schema as commands
from wizard_server.commands.config import check as check_config
from wizard_server.storage.schema.scripts import scripts

ROOT = Path(__file__).parents[2]


def in_terminal(folder: Path, *arguments: str, **variables: str) -> str:
    """Run a command whose standard output and error are a terminal; return what appears there."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "wizard_server", *arguments],
        cwd=folder,
        env=environment,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # Linux says EIO when the last writer has gone
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert process.wait() == 0, shown
    return shown.decode().replace("\r\n", "\n")


async def test_schema_status_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(make(tmp_path / "a.db", up_to=1))
    assert await commands.status(path, "c.toml", as_json=True) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["database"] == path
    assert [(each["version"], each["name"]) for each in printed["scripts"]] == [
        (script.version, script.name) for script in scripts("sqlite")
    ]
    assert [each["applied_at"] is None for each in printed["scripts"]][:2] == [False, True]


@pytest.mark.parametrize("column", ["name", "applied_at"])
@pytest.mark.parametrize("as_json", [True, False])
async def test_a_row_of_the_ledger_that_is_no_text_is_named(
    database: str, rows: Rows, capsys: pytest.CaptureFixture[str], column: str, as_json: bool
) -> None:
    rows.connection.execute(f"UPDATE schema_migrations SET {column} = x'ff00' WHERE version = 2")
    for command in (commands.status, commands.check):
        assert await command(database, "c.toml", as_json=as_json) == 1
        told = f"schema_migrations 2: {column} is a BLOB or not UTF-8, not text; an operator has to mend it"
        assert capsys.readouterr().err == f"wizard-server: {told}\n"


async def test_schema_check_as_json(database: str, rows: Rows, capsys: pytest.CaptureFixture[str]) -> None:
    assert await commands.check(database, "c.toml", as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"database": database, "matches": True, "differences": []}
    rows.connection.execute("DROP INDEX idx_templates_user")
    assert await commands.check(database, "c.toml", as_json=True) == 1
    assert json.loads(capsys.readouterr().out) == {
        "database": database,
        "matches": False,
        "differences": [
            {
                "kind": "index",
                "object": "idx_templates_user",
                "message": "index idx_templates_user is missing",
                "mend": f"wizard-server schema show idx_templates_user | sqlite3 -bail {database}",
            }
        ],
    }


async def test_schema_show_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "none.db")
    assert await commands.show(path, "c.toml", as_json=True) == 0
    wanted = [{"version": each.version, "name": each.name, "sql": each.text} for each in scripts("sqlite")]
    assert json.loads(capsys.readouterr().out) == {"database": path, "scripts": wanted}
    assert await commands.show(path, "c.toml", "idx_templates_user", as_json=True) == 0
    (statement,) = commands.definition("idx_templates_user")
    assert json.loads(capsys.readouterr().out) == {"name": "idx_templates_user", "statements": [statement]}


def test_config_check_as_json_has_typed_values_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = (ROOT / "config.toml").read_text(encoding="utf-8")
    (tmp_path / "config.toml").write_text(config, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert check_config("config.toml", as_json=True) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["auth"]["jwt_secret"] is None
    assert printed["polling"]["fast_interval_ms"] == 500
    assert printed["features"]["templates_enabled"] is True
    assert printed["cors"]["allowed_origins"] == []
    monkeypatch.setenv("WIZARD_AUTH_JWT_SECRET", "s" * 40)
    assert check_config("config.toml", as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["auth"]["jwt_secret"] == "********"


def test_apply_has_no_json(command: RunCommand) -> None:
    ended = command("schema", "apply", "--json")
    assert ended.returncode == 2
    assert b"--json goes with status, check and show" in ended.stderr


@pytest.mark.parametrize(
    "arguments", [("schema", "show", "investigations"), ("config", "check"), ("schema", "check", "--json")]
)
def test_a_terminal_gets_colours_and_the_same_text(
    command: RunCommand, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    plain = command(*arguments).stdout.decode()
    assert "\x1b[" not in plain
    assert in_terminal(tmp_path, *arguments, NO_COLOR="1") == plain
    coloured = in_terminal(tmp_path, *arguments)
    assert "\x1b[" in coloured
    bare = "".join(part.partition("m")[2] if number else part for number, part in enumerate(coloured.split("\x1b[")))
    assert bare == plain


def test_a_terminal_sees_the_progress_of_an_export_and_the_file_is_the_same(
    command: RunCommand, rows: Rows, tmp_path: Path
) -> None:
    rows.plant("inv-1", [(1, OLD)], updated_at=OLD)
    assert "exporting" in in_terminal(tmp_path, "export", "seen.jsonl")
    assert command("export", "unseen.jsonl").returncode == 0
    assert (tmp_path / "seen.jsonl").read_bytes() == (tmp_path / "unseen.jsonl").read_bytes()
    assert "removed 0 investigations" in in_terminal(tmp_path, "purge", WIZARD_HISTORY_MAX_AGE_DAYS="365")


def test_a_reader_that_goes_away_ends_an_export_quietly(command: RunCommand, rows: Rows, tmp_path: Path) -> None:
    for number in range(200):
        rows.plant(f"inv-{number}", [(1, OLD)], updated_at=OLD)
    reading, writing = os.pipe()
    os.close(reading)
    ended = command("export", "-", stdout=writing)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device that is always full is Linux's")
def test_a_full_disk_behind_standard_output_is_named(command: RunCommand, rows: Rows) -> None:
    rows.plant("inv-1", [(1, OLD)], updated_at=OLD)
    with Path("/dev/full").open("wb") as full:
        ended = command("export", "-", stdout=full)
    assert ended.returncode == 1
    assert b"cannot write to standard output: No space left on device" in ended.stderr


def test_a_full_disk_leaves_no_part_of_an_export(command: RunCommand, rows: Rows, tmp_path: Path) -> None:
    for number in range(200):
        rows.plant(f"inv-{number}", [(1, OLD)], updated_at=OLD)
    ended = command("export", "a.jsonl", limit=64 * 1024)
    assert ended.returncode == 1
    assert b"cannot write a.jsonl: File too large" in ended.stderr
    assert not list(tmp_path.glob("a.jsonl*"))
