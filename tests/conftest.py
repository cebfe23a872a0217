"""What every tier shares: a database made by the operators' scripts, and the whole server on it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from tests import factories
from wizard_server.app import create_app
from wizard_server.storage import schema
from wizard_server.storage.sqlite import connect

Client = TestClient[Request, Application]
StartServer = Callable[..., Awaitable[Client]]


@pytest.fixture
async def database(tmp_path: Path) -> str:
    """The path of an empty database with the newest schema."""
    path = str(tmp_path / "investigations.db")
    connection = await connect(path, create=True)
    await schema.apply(connection)
    await connection.close()
    return path


@pytest.fixture
async def start_server(database: str) -> AsyncIterator[StartServer]:
    """Start the whole server on `database`; keywords are sections of the configuration, `clock` replaces the clock."""
    clients: list[Client] = []

    async def start(*, clock: Callable[[], Any] | None = None, **sections: dict[str, Any]) -> Client:
        extra: dict[str, Any] = {} if clock is None else {"clock": clock}
        app = create_app(factories.config(database, **sections), **extra)
        client: Client = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
async def client(start_server: StartServer) -> Client:
    """A client of the whole server, as user ``dev``."""
    return await start_server()
