"""A connection that waits for its next request keeps neither the last one's body nor its answer.

There are thousands of them, for `keepalive_seconds`, and a body or an answer may have megabytes.
"""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests import factories
from tests.acceptance.client import Connection, connect
from tests.conftest import Client, StartServer
from tests.web.helpers import patch, start, url

CONNECTIONS = 16
LARGE = 400_000
MOST_KEPT = LARGE // 10


@pytest.fixture
async def client(start_server: StartServer) -> Client:
    client = await start_server()
    await start(client)
    lines = [f"{number} " + "x" * 400 for number in range(LARGE // 400)]
    await patch(client, {"progress": factories.progress(logs=lines)})
    await patch(client, {"progress": factories.progress(logs=[])})
    return client


@pytest.fixture
async def idle(client: Client) -> AsyncIterator[list[Connection]]:
    async with AsyncExitStack() as stack:
        assert client.server.port is not None
        connections = await stack.enter_async_context(connect(client.server.port, CONNECTIONS))
        await asyncio.gather(*(each.ask("GET", "/healthz") for each in connections))
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        yield connections


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (("GET", url() + "?version=3"), 200),
        (("PATCH", url(), {"unknown": "x" * LARGE}), 422),
        (("PATCH", url(), {"progress": {"current_phase": 1, "logs": ["y" * LARGE]}}, {"Idempotency-Key": "k"}), 422),
    ],
    ids=["answer", "body", "body with a key"],
)
async def test_an_idle_connection_keeps_nothing(idle: list[Connection], request_: Any, status: int) -> None:
    before = await allocated_after(idle, 200, ("GET", "/healthz"))
    after = await allocated_after(idle, status, request_)
    assert (after - before) / len(idle) < MOST_KEPT


async def allocated_after(connections: list[Connection], status: int, request: Any) -> int:
    for each in connections:
        assert (await each.ask(*request)).status == status
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
