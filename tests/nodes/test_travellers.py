"""Clients that move between three nodes on PostgreSQL."""

import pytest

from tests.conftest import Client
from tests.web.travelling import travel


@pytest.mark.parametrize("seed", range(3))
async def test_clients_that_move_between_nodes_miss_and_repeat_nothing(
    nodes: list[Client], seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    await travel(nodes, seed)
    assert "unforeseen" not in caplog.text
