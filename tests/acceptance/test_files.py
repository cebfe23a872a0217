"""Files of the database that are deleted, moved or replaced while the server runs (contract 8)."""

import asyncio
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.acceptance.client import STATES, Answer, connect
from tests.acceptance.conftest import Serve
from tests.acceptance.process import ServerProcess, until, write_config
from tests.schema.databases import make

STATE = f"{STATES}/inv-1"
BODY = {"investigation_id": "inv-1", "user_id": "dev"}
MOVED = "the database file is not the one that was opened: it was moved or deleted"
Damage = Callable[[Path], None]


def ask(server: ServerProcess, method: str, path: str, body: Any = None) -> Answer:
    async def asking() -> Answer:
        async with connect(server.port) as [connection]:
            return await connection.ask(method, path, body)

    return asyncio.run(asking())


def serving(config: Path, serve: Serve) -> ServerProcess:
    """Start a server that has acknowledged inv-1 at version 2."""
    server = serve(config)
    assert ask(server, "POST", STATES, BODY).status == 201
    assert ask(server, "PATCH", STATE, {"settings": factories.settings()}).status == 200
    return server


def expect_refusals(server: ServerProcess, reason: str) -> None:
    """Nothing is acknowledged or shown from memory, and who looks after the server is told why."""
    for method, path, body in (
        ("PATCH", STATE, {"status": "ERROR"}),
        ("POST", STATES, {**BODY, "investigation_id": "new"}),
    ):
        refused = ask(server, method, path, body)
        assert (refused.status, refused.json()["code"]) == (503, "storage-unavailable")
        assert reason in refused.json()["detail"]
        assert refused.headers["retry-after"].isdigit()
    ready = ask(server, "GET", "/readyz")
    assert (ready.status, reason in ready.json()["parts"]["database"]) == (503, True), ready.json()
    assert ask(server, "GET", "/api/v1/polling/health").status == 503
    for path in (STATE, STATES, f"{STATE}/history"):
        assert ask(server, "GET", path).status == 503
    assert ask(server, "GET", "/healthz").status == 200
    assert server.stderr.count("the files of the database are lost") == 1


def versions(path: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute("SELECT investigation_id, version FROM investigation_states").fetchall()


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def index_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-shm")


@pytest.fixture
def database(config: Path) -> Path:
    return config.parent / "investigations.db"


def test_a_deleted_database_takes_no_writes_and_is_not_made_again(config: Path, serve: Serve, database: Path) -> None:
    server = serving(config, serve)
    database.unlink()
    expect_refusals(server, MOVED)
    assert server.terminate() == 0
    assert not database.exists()


def test_a_database_that_was_moved_away_is_whole_and_works_again_when_it_is_back(
    config: Path, serve: Serve, database: Path, tmp_path: Path
) -> None:
    server = serving(config, serve)
    away = tmp_path / "away.db"
    database.rename(away)
    expect_refusals(server, MOVED)
    copy = tmp_path / "copy.db"
    copy.write_bytes(away.read_bytes())
    assert versions(copy) == [("inv-1", 2)], "the log was copied into the database to which it belongs"
    away.rename(database)
    assert ask(server, "GET", "/readyz").status == 200
    made = ask(server, "PATCH", STATE, {"status": "ERROR"})
    assert (made.status, made.json().get("version")) == (200, 3), made.body
    assert server.terminate() == 0
    assert versions(database) == [("inv-1", 3)]


def test_a_database_that_others_wrote_to_while_it_was_away_needs_a_restart(
    config: Path, serve: Serve, database: Path, tmp_path: Path
) -> None:
    server = serving(config, serve)
    away = tmp_path / "away.db"
    database.rename(away)
    expect_refusals(server, MOVED)
    with closing(sqlite3.connect(away, isolation_level=None)) as other:
        other.execute("UPDATE investigation_states SET status = 'CANCELLED'")
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall() == [(0, 0, 0)]
    away.rename(database)
    ready = ask(server, "GET", "/readyz")
    assert (ready.status, "restart the server" in ready.json()["parts"]["database"]) == (503, True)
    assert ask(server, "PATCH", STATE, {"status": "ERROR"}).status == 503
    assert server.terminate() == 0
    assert versions(database) == [("inv-1", 3)]
    assert ask(serve(config), "GET", STATE).json()["status"] == "CANCELLED"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_another_database_that_was_moved_into_its_place_stays_as_it_is(
    config: Path, serve: Serve, database: Path, tmp_path: Path, end: signal.Signals
) -> None:
    other = make(tmp_path / "elsewhere.db")
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute("INSERT INTO investigations (id) VALUES ('of-the-other')")
    before = other.read_bytes()
    server = serving(config, serve)
    other.replace(database)
    expect_refusals(server, MOVED)
    server.signal(end)
    server.wait()
    assert database.read_bytes() == before
    assert versions(database) == []
    again = serve(config)
    assert ask(again, "GET", STATE).status == 404


def _without_log(database: Path) -> None:
    log_of(database).unlink()


def _without_index(database: Path) -> None:
    index_of(database).unlink()


def _without_both(database: Path) -> None:
    _without_log(database)
    _without_index(database)


@pytest.mark.parametrize(
    ("damage", "reason", "end"),
    [
        (_without_log, "(-wal)", signal.SIGTERM),
        (_without_index, "(-shm)", signal.SIGTERM),
        (_without_both, "restart the server", signal.SIGTERM),
        (_without_both, "restart the server", signal.SIGKILL),
    ],
)
def test_what_was_acknowledged_outlives_a_deleted_log(
    config: Path, serve: Serve, database: Path, damage: Damage, reason: str, end: signal.Signals
) -> None:
    server = serving(config, serve)
    damage(database)
    expect_refusals(server, reason)
    server.signal(end)
    server.wait()
    again = serve(config)
    found = ask(again, "GET", STATE).json()
    assert found["version"] == 2
    assert ask(again, "PATCH", STATE, {"status": "ERROR"}).json()["version"] == 3
    assert again.terminate() == 0
    assert versions(database) == [("inv-1", 3)]


def test_the_log_of_another_process_that_came_after_the_deletion_is_left_alone(
    config: Path, serve: Serve, database: Path
) -> None:
    server = serving(config, serve)
    _without_both(database)
    expect_refusals(server, "restart the server")
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("UPDATE investigation_states SET status = 'CANCELLED'")
    other.close()
    assert log_of(database).stat().st_size > 0, "the server still holds the database, so the log stays"
    assert server.terminate() == 0
    assert "another process uses the database with a log of its own" in server.stderr
    assert versions(database) == [("inv-1", 3)]


def test_a_database_behind_a_link_is_watched_where_it_is(serve: Serve, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    config = write_config(tmp_path)
    link = tmp_path / "investigations.db"
    link.symlink_to(real / "data.db")
    make(real / "data.db")
    server = serving(config, serve)
    assert ask(server, "GET", "/readyz").status == 200
    link.unlink()
    expect_refusals(server, MOVED)
    link.symlink_to(real / "data.db")
    until(lambda: "are back" in server.stderr, "the server notices that its file is back")
    assert ask(server, "PATCH", STATE, {"status": "ERROR"}).status == 200
    _without_log(real / "data.db")
    refused = ask(server, "PATCH", STATE, {"status": "ERROR"})
    assert (refused.status, "(-wal)" in refused.json()["detail"]) == (503, True)
