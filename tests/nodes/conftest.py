"""Nodes on one PostgreSQL database."""

from typing import Any

import pytest

from tests.conftest import Client, StartServer
from tests.postgresql import Database


@pytest.fixture
async def nodes(start_server: StartServer, postgres: Database) -> list[Client]:
    """Three nodes."""
    options: dict[str, Any] = {
        "database": {"url": postgres.url, "require_durability": False},
        "polling": {"heartbeat_seconds": 1},
        "state": {"max_log_lines": 20},
    }
    return [await start_server(**options) for _ in range(3)]
