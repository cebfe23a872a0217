import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Client, StartServer
from tests.web.helpers import (
    TIMESTAMP,
    StoppedClock,
    create,
    engine_of,
    parked,
    patch,
    poll,
    polling,
    send,
    soon,
    start,
    url,
)
from wizard_server.app import DATABASE
from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.queries import Query
from wizard_server.storage.sqlite.session import Session
from wizard_server.web.http.context import HUB

HEALTH = "/api/v1/polling/health"


def broken(client: Client) -> None:
    async def ping(*_: Any) -> Any:
        raise StorageUnavailableError("the disk is gone")

    engine_of(client).statements["health.ping"] = ping


async def test_a_server_at_rest_is_healthy(start_server: StartServer) -> None:
    client = await start_server(clock=StoppedClock(), polling={"max_waiters": 50})
    answer = await send(client, "GET", HEALTH)
    assert answer.status == 200
    assert answer.body == {
        "status": "healthy",
        "server_time": "2026-01-09T08:00:00.000Z",
        "recommended_intervals": {"fast_ms": 500, "normal_ms": 2000, "slow_ms": 5000},
        "server_load": {"active_connections": 0, "max_connections": 50, "load_percentage": 0},
    }


async def test_health_counts_parked_polls_and_is_degraded_under_load(start_server: StartServer) -> None:
    client = await start_server(polling={"max_waiters": 4})
    await create(client)
    waiting = []
    seen = []
    for count in range(1, 5):
        waiting.append(polling(client, since_version=1))
        await parked(client, count)
        body = (await send(client, "GET", HEALTH)).body
        assert body["server_load"] == {
            "active_connections": count,
            "max_connections": 4,
            "load_percentage": count * 25,
        }
        seen.append((body["status"], body["recommended_intervals"]["fast_ms"]))
    assert [status for status, _ in seen] == ["healthy", "healthy", "degraded", "degraded"]
    intervals = [interval for _, interval in seen]
    assert intervals == sorted(intervals)
    assert intervals[0] == 500 < intervals[-1]
    await patch(client, {"status": "ERROR"})
    for task in waiting:
        assert (await soon(task)).status == 200
    assert (await send(client, "GET", HEALTH)).body["status"] == "healthy"


async def test_all_intervals_grow_under_load_also_those_of_polls(start_server: StartServer) -> None:
    client = await start_server(polling={"max_waiters": 2})
    await start(client)
    at_rest = (await poll(client)).body["next_poll_interval"]
    waiting = [polling(client, since_version=2) for _ in range(2)]
    await parked(client, 2)
    under_load = (await poll(client)).body["next_poll_interval"]
    assert under_load > at_rest
    recommended = (await send(client, "GET", HEALTH)).body["recommended_intervals"]
    assert recommended["fast_ms"] == under_load
    assert recommended["fast_ms"] < recommended["normal_ms"] < recommended["slow_ms"]
    await patch(client, {"status": "ERROR"})
    for task in waiting:
        await soon(task)


async def test_a_server_without_its_database_is_unavailable(client: Client) -> None:
    broken(client)
    answer = await send(client, "GET", HEALTH)
    assert (answer.status, answer.body["status"]) == (503, "unavailable")
    assert re.fullmatch(r"[1-9]\d*", answer.headers["Retry-After"])
    assert re.fullmatch(TIMESTAMP, answer.body["server_time"])


async def test_a_server_that_drains_is_unavailable(client: Client) -> None:
    client.app[HUB].drain()
    answer = await send(client, "GET", HEALTH)
    assert (answer.status, answer.body["status"]) == (503, "unavailable")


async def test_liveness_asks_nobody(client: Client) -> None:
    broken(client)
    client.app[HUB].drain()
    assert (await send(client, "GET", "/healthz")).status == 200


async def test_readiness_names_its_parts(client: Client) -> None:
    answer = await send(client, "GET", "/readyz")
    assert (answer.status, answer.body["status"]) == (200, "ready")
    assert answer.body["parts"] == {"schema": "ready", "database": "ready", "keys": "ready", "draining": "no"}


async def test_readiness_fails_without_the_database(client: Client) -> None:
    broken(client)
    answer = await send(client, "GET", "/readyz")
    assert (answer.status, answer.body["parts"]["database"]) == (503, "the disk is gone")
    assert answer.body["status"] != "ready"


async def test_readiness_fails_from_the_moment_the_server_drains(client: Client) -> None:
    client.app[HUB].drain()
    answer = await send(client, "GET", "/readyz")
    assert (answer.status, answer.body["parts"]["draining"]) == (503, "yes")


async def readiness(client: Client) -> tuple[int, str]:
    answer = await send(client, "GET", "/readyz")
    return answer.status, answer.body["parts"]["database"]


def failing_commits(monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    """Let every commit fail as SQLite says it does on such a disk; reads go on."""
    execute = Session.execute

    def failing(self: Session, query: Query, parameters: Any = None) -> int:
        if query.name == "connection.commit":
            raise sqlite3.OperationalError(message)
        return execute(self, query, parameters)

    monkeypatch.setattr(Session, "execute", failing)


@pytest.mark.needs("files")
@pytest.mark.parametrize("message", ["database or disk is full", "attempt to write a readonly database"])
async def test_readiness_fails_from_a_failed_write_until_one_succeeds(
    client: Client, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    await start(client)
    with monkeypatch.context() as broken_disk:
        failing_commits(broken_disk, message)
        assert await readiness(client) == (200, "ready"), "nothing has been written, so nothing has failed"
        assert (await send(client, "PATCH", url(), json={"status": "ERROR"})).status == 503
        for _ in range(2):
            assert await readiness(client) == (503, f"the database cannot be written: {message}")
        assert (await send(client, "GET", "/healthz")).status == 200
        assert (await send(client, "GET", url())).status == 200
    assert await readiness(client) == (200, "ready")
    await patch(client, {"status": "ERROR"})


@pytest.mark.needs("files")
async def test_a_last_look_that_cannot_be_written_is_a_failed_write(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(client)
    failing_commits(monkeypatch, "disk I/O error")
    await client.app[DATABASE].flush_touched()
    assert (await readiness(client))[0] == 503


async def test_a_refused_change_is_no_failed_write(client: Client) -> None:
    await start(client)
    assert (await send(client, "PATCH", url(), json={"version": 9, "status": "ERROR"})).status == 409
    assert await readiness(client) == (200, "ready")


@pytest.mark.needs("files")
async def test_readiness_fails_when_the_file_is_deleted_or_replaced(client: Client, database: str) -> None:
    await start(client)
    path, moved = Path(database), Path(f"{database}.moved")
    path.rename(moved)  # noqa: ASYNC240 - a local file, nobody else waits
    status, told = await readiness(client)
    assert (status, told) == (503, "the database file is not the one that was opened: it was moved or deleted")
    path.write_bytes(b"")  # noqa: ASYNC240 - a local file, nobody else waits
    assert (await readiness(client))[0] == 503
    moved.replace(path)  # noqa: ASYNC240 - a local file, nobody else waits
    assert await readiness(client) == (200, "ready")


@pytest.mark.needs("files")
async def test_a_database_in_memory_has_no_file_to_lose(start_server: StartServer) -> None:
    client = await start_server(features={"sqlite_persistence": False})
    assert await readiness(client) == (200, "ready")
