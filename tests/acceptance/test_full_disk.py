"""A disk that takes no more bytes: changes are refused, readiness and health say so, and all of it ends by itself.

The limit is the process's own for the size of a file (``RLIMIT_FSIZE``): SQLite meets an error of the kernel's in the
middle of a commit.
"""

import asyncio
import resource
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.acceptance.client import HEALTH, STATES, Answer, connect
from tests.acceptance.conftest import Serve
from tests.acceptance.process import ServerProcess

STATE = f"{STATES}/inv-1"


def ask(server: ServerProcess, method: str, path: str, body: Any = None) -> Answer:
    async def asking() -> Answer:
        async with connect(server.port) as [connection]:
            return await connection.ask(method, path, body)

    return asyncio.run(asking())


def limit_files(server: ServerProcess, size: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, hard))


def told(server: ServerProcess) -> tuple[int, str, int, str]:
    """Return what readiness and health say."""
    ready, health = ask(server, "GET", "/readyz"), ask(server, "GET", HEALTH)
    return ready.status, ready.json()["parts"]["database"], health.status, health.json()["status"]


@pytest.mark.parametrize("recovery", ["by a probe", "by a write"])
def test_a_full_disk_is_told_from_the_first_failure_until_a_write_succeeds(
    config: Path, serve: Serve, recovery: str
) -> None:
    log = config.parent / "investigations.db-wal"
    server = serve(config)
    body = {"investigation_id": "inv-1", "user_id": "dev"}
    assert ask(server, "POST", STATES, body).status == 201
    assert told(server) == (200, "ready", 200, "healthy")
    limit_files(server, log.stat().st_size)
    assert told(server) == (200, "ready", 200, "healthy"), "no write has failed yet"
    refused = ask(server, "PATCH", STATE, {"settings": factories.settings()})
    assert (refused.status, refused.json()["code"]) == (503, "storage-unavailable")
    assert refused.headers["retry-after"].isdigit()
    for _ in range(3):
        status, reason, health, fares = told(server)
        assert (status, health, fares) == (503, 200, "degraded"), reason
        assert "cannot be written" in reason
    assert ask(server, "GET", STATE).json()["version"] == 1, "what is there is shown"
    limit_files(server, resource.RLIM_INFINITY)
    if recovery == "by a write":
        assert ask(server, "PATCH", STATE, {"settings": factories.settings()}).json()["version"] == 2
    assert told(server) == (200, "ready", 200, "healthy")
    assert server.terminate() == 0
