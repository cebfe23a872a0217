"""A parked poll gives up its headers and its connection's parser; what comes after the wait misses neither."""

import asyncio
import gc
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests import factories
from tests.acceptance.client import Connection, connect, request_bytes
from tests.conftest import Client, StartServer
from tests.web.helpers import parked, patch, poll_url, start, url

POLLS = 100
# What a poll takes when it is parked, over an idle connection; half of it is frames of coroutines.
KEPT_BYTES = 6000
ORIGIN = "http://pages.test"
POLL = f"{poll_url()}?since_version=2&wait=30"


@pytest.fixture
async def client(start_server: StartServer) -> Client:
    client = await start_server(cors={"allowed_origins": [ORIGIN]})
    await start(client)
    return client


@pytest.fixture
async def connection(client: Client) -> AsyncIterator[Connection]:
    assert client.server.port is not None
    async with connect(client.server.port) as (connection,):
        yield connection


async def park(client: Client, connection: Connection, headers: Any = None) -> None:
    await connection.send(request_bytes("GET", POLL, headers=headers))
    await parked(client)


async def wake(client: Client) -> None:
    await patch(client, {"progress": factories.progress(logs=["x" * 4000])})


async def test_an_answer_after_a_wait_heeds_the_headers_of_its_request(client: Client, connection: Connection) -> None:
    await park(client, connection, {"Origin": ORIGIN, "accept-encoding": "gzip", "X-Request-ID": "mine"})
    await wake(client)
    answer = await connection.answer()
    assert (answer.headers["access-control-allow-origin"], answer.headers["x-request-id"]) == (ORIGIN, "mine")
    assert answer.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(answer.body))["version"] == 3


async def test_a_connection_whose_poll_has_waited_serves_on(client: Client, connection: Connection) -> None:
    for version in range(2, 6):
        await connection.send(request_bytes("GET", f"{poll_url()}?since_version={version}&wait=30"))
        await parked(client)
        await patch(client, {"progress": factories.progress(logs=[f"line {version}"])})
        assert (await connection.answer()).json()["version"] == version + 1
        assert (await connection.ask("GET", url())).json()["version"] == version + 1


@pytest.mark.parametrize("cut", [0, 1, 40, None], ids=["with it", "a byte in", "in its line", "when it is parked"])
async def test_a_request_behind_a_parked_poll_keeps_its_own_headers(
    client: Client, connection: Connection, cut: int | None
) -> None:
    first = request_bytes("GET", POLL)
    behind = request_bytes("GET", f"{poll_url()}?wait=0.01", headers={"If-None-Match": '"version-3"'})
    cut = len(behind) if cut == 0 else cut or 0
    await connection.send(first + behind[:cut])
    await parked(client)
    if cut < len(behind):
        await connection.send(behind[cut:])
    await asyncio.sleep(0)
    await wake(client)
    assert [(await connection.answer()).status for _ in range(2)] == [200, 304]


async def test_what_is_not_http_behind_a_parked_poll_is_refused_after_it(
    client: Client, connection: Connection
) -> None:
    await park(client, connection)
    await connection.send(b"what is this\r\n\r\n")
    await wake(client)
    assert [(await connection.answer()).status for _ in range(2)] == [200, 400]
    assert await connection.ended()


async def test_a_parked_poll_keeps_neither_the_headers_it_came_with_nor_a_parser(client: Client) -> None:
    assert client.server.port is not None
    async with connect(client.server.port, POLLS) as connections:
        await asyncio.gather(*(each.ask("GET", "/healthz") for each in connections))
        gc.collect()
        tracemalloc.start()
        try:
            headers = {f"X-Of-A-Proxy-{number}": "y" * 500 for number in range(16)}
            await asyncio.gather(*(each.send(request_bytes("GET", POLL, headers=headers)) for each in connections))
            await parked(client, POLLS)
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] / POLLS < KEPT_BYTES
        finally:
            tracemalloc.stop()
        await wake(client)
        assert {(await each.answer()).status for each in connections} == {200}
