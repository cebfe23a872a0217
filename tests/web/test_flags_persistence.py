"""``[features] sqlite_persistence = false``: a database in memory, made from the operators' scripts."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from tests import factories
from tests.conftest import Client, Server
from tests.web.templates import STATE, TEMPLATES, ask, investigate, make, trail
from wizard_server.app import DATABASE, create_app
from wizard_server.config.loading import ServerConfig
from wizard_server.storage.schema import comparing
from wizard_server.storage.sqlite.engine import SqliteEngine

pytestmark = pytest.mark.needs("files")

Serve = Callable[..., Awaitable[Client]]
POLLING = {"fast_interval_ms": 500, "normal_interval_ms": 2000, "slow_interval_ms": 5000}


def without_a_file(**sections: Any) -> ServerConfig:
    given = {
        "polling": POLLING,
        "auth": {"mode": "none"},
        "features": {"sqlite_persistence": False},
        "rate_limit": {"requests_per_second": 1e6, "burst": 1_000_000},
    }
    return ServerConfig.model_validate({**given, **sections})


@pytest.fixture
async def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serve]:
    """Start a server that keeps everything in memory, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    clients: list[Client] = []

    async def start(**sections: Any) -> Client:
        client: Client = TestClient(Server(create_app(without_a_file(**sections))))
        await client.start_server()
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()


async def test_everything_works_without_a_url(serve: Serve) -> None:
    client = await serve()
    await investigate(client)
    await ask(client, "PATCH", f"{STATE}/inv-1", {"wizard_step": "PROGRESS"})
    await make(client)
    assert (await ask(client, "GET", f"{STATE}/inv-1?version=1"))[1]["wizard_step"] == "SETTINGS"
    assert [entry["version"] for entry in await trail(client)] == [2, 1]
    assert (await ask(client, "GET", TEMPLATES))[1]["total"] == 1
    assert (await ask(client, "GET", "/readyz"))[0] == 200


async def test_the_scripts_make_the_database_that_the_manifest_has(serve: Serve) -> None:
    client = await serve()
    assert client.app is not None
    engine = client.app[DATABASE].engine
    assert isinstance(engine, SqliteEngine)
    assert await comparing.check(engine.writer) == []


async def test_a_warning_says_that_nothing_is_kept(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "wizard_server"):
        await serve()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "memory" in record.getMessage()
    assert "sqlite_persistence" in record.getMessage()


@pytest.mark.parametrize("sections", [{}, {"database": {"url": "sqlite:///investigations.db"}}])
async def test_no_file_is_made(serve: Serve, tmp_path: Path, sections: dict[str, Any]) -> None:
    client = await serve(**sections)
    await investigate(client)
    assert (await ask(client, "GET", f"{STATE}/inv-1"))[0] == 200
    await client.close()
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - the server is closed, nothing waits


async def test_two_servers_share_nothing(serve: Serve) -> None:
    one, other = await serve(), await serve()
    await investigate(one)
    assert (await ask(other, "GET", f"{STATE}/inv-1"))[0] == 404
    await investigate(other)


async def test_everything_is_gone_when_the_server_stops(serve: Serve) -> None:
    first = await serve()
    await investigate(first)
    await first.close()
    assert (await ask(await serve(), "GET", f"{STATE}/inv-1"))[0] == 404


@pytest.mark.parametrize("database", [{}, {"pool_size": 1, "max_overflow": 0}])
async def test_sixteen_writers_and_readers_at_once_lose_nothing(serve: Serve, database: dict[str, int]) -> None:
    client = await serve(database=database)

    async def work(number: int) -> list[int]:
        key, told = f"inv-{number}", []
        told.append((await ask(client, "POST", STATE, factories.creation(key)))[0])
        for step in range(5):
            change = {"settings": factories.settings(name=f"step {step}")}
            told.append((await ask(client, "PATCH", f"{STATE}/{key}", change))[0])
            told.append((await ask(client, "GET", f"{STATE}/{key}?version=1"))[0])
            told.append((await ask(client, "GET", f"{STATE}?sort=name"))[0])
            told.append((await ask(client, "GET", f"{STATE}/{key}/history"))[0])
        return told

    answers = await asyncio.gather(*(work(number) for number in range(16)))
    assert {status for told in answers for status in told} == {200, 201}
    for number in range(16):
        _, state, _ = await ask(client, "GET", f"{STATE}/inv-{number}")
        assert (state["version"], state["settings"]["name"]) == (6, "step 4")


async def test_a_poll_is_answered_by_a_change(serve: Serve) -> None:
    client = await serve()
    await investigate(client)
    poll = asyncio.create_task(ask(client, "GET", "/api/v1/polling/wizard-state/inv-1?since_version=1&wait=30"))
    await ask(client, "PATCH", f"{STATE}/inv-1", {"wizard_step": "PROGRESS"})
    assert (await poll)[1]["version"] == 2


def test_a_url_is_needed_while_the_flag_is_on() -> None:
    with pytest.raises(ValueError, match="url"):
        without_a_file(features={"sqlite_persistence": True})
