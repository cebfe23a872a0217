"""Clients that change transport and server at any version, on one server and on two that share a file."""

from typing import Any

import pytest

from tests.conftest import StartServer
from tests.web.travelling import travel


@pytest.mark.parametrize(("servers", "seed"), [(1, 0), (1, 1), (2, 0), (2, 1)])
async def test_clients_that_change_transport_at_any_version_miss_and_repeat_nothing(
    start_server: StartServer, servers: int, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {"polling": {"heartbeat_seconds": 1}, "state": {"max_log_lines": 20}}
    await travel([await start_server(**options) for _ in range(servers)], seed)
    assert "unforeseen" not in caplog.text
