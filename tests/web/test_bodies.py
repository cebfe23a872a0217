"""How bodies arrive: compressed, in pieces, too long, cut short; whatever comes of it, it is told by a problem."""

import asyncio
import gzip
import io
import json
import socket
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client
from tests.web.helpers import STATES, Answer, create, send, url

JSON = {"Content-Type": "application/json"}
BODY = json.dumps(factories.creation()).encode()
LIMIT = 2 * 500 * 1024 + 64 * 1024


def deflate(text: bytes, bits: int) -> bytes:
    compressor = zlib.compressobj(wbits=bits)
    return compressor.compress(text) + compressor.flush()


def as_raw_deflate(text: bytes) -> bytes:
    return deflate(text, -zlib.MAX_WBITS)


async def post(client: Client, body: bytes, coding: str) -> Answer:
    return await send(client, "POST", STATES, data=io.BytesIO(body), headers={**JSON, "Content-Encoding": coding})


@pytest.mark.parametrize(
    ("coding", "compress"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", as_raw_deflate),
        ("identity", bytes),
    ],
)
async def test_a_compressed_body_is_as_good_as_a_plain_one(
    client: Client, coding: str, compress: Callable[[bytes], bytes]
) -> None:
    assert (await post(client, compress(BODY), coding)).status == 201


async def test_a_compressed_body_with_a_key_may_be_sent_again(client: Client) -> None:
    headers = {**JSON, "Content-Encoding": "gzip", "Idempotency-Key": "once"}
    for level in (1, 9):  # the content counts, not how it was packed
        answer = await send(client, "POST", STATES, data=gzip.compress(BODY, level), headers=headers)
        assert answer.status == 201


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", BODY),
        ("gzip", gzip.compress(BODY)[:-9]),
        ("gzip", gzip.compress(BODY) + b"more"),
        ("gzip", gzip.compress(BODY[:50]) + gzip.compress(BODY[50:])),
        ("gzip", gzip.compress(b"") * 10_000),
        ("gzip", gzip.compress(BODY)[:-8] + bytes(8)),
        ("deflate", zlib.compress(BODY)[:-5]),
        ("deflate", zlib.compress(BODY) + b"more"),
        ("deflate", BODY),
    ],
)
async def test_a_body_that_is_not_as_its_coding_says_is_malformed(client: Client, coding: str, body: bytes) -> None:
    answer = await post(client, body, coding)
    assert (answer.status, answer.body["code"]) == (400, "malformed-json")


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "nonsense"])
async def test_another_coding_is_not_taken(client: Client, coding: str) -> None:
    answer = await post(client, BODY, coding)
    assert (answer.status, answer.body["code"]) == (415, "unsupported-media-type")
    await create(client)
    answer = await send(client, "PATCH", url(), data=b"{}", headers={**JSON, "Content-Encoding": coding})
    assert (answer.status, answer.headers.get("Accept-Patch")) == (415, None)


@pytest.mark.parametrize(("excess", "status"), [(0, 400), (1, 413)])
@pytest.mark.parametrize("coding", ["identity", "gzip", "deflate"])
async def test_the_limit_counts_what_a_body_expands_to(client: Client, coding: str, excess: int, status: int) -> None:
    pack: dict[str, Callable[[bytes], bytes]] = {"identity": bytes, "gzip": gzip.compress, "deflate": zlib.compress}
    assert (await post(client, pack[coding](b" " * (LIMIT + excess)), coding)).status == status


async def test_a_body_in_chunks_is_counted_too(client: Client) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(LIMIT // 65536 + 1):
            yield b" " * 65536

    async with client.post(STATES, data=chunks(), headers=JSON) as answer:
        assert (answer.status, (await answer.json())["limit_bytes"]) == (413, LIMIT)


async def test_a_body_of_tiny_chunks_is_refused_though_it_comes_before_its_request_is_begun(client: Client) -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=theirs)
    assert client.server.runner is not None
    make: Any = client.server.runner.server
    _, connection = await asyncio.get_running_loop().connect_accepted_socket(make, ours)
    await asyncio.sleep(0)  # now it waits for a request
    head = f"POST {STATES} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.data_received(head.encode())
    await asyncio.sleep(0)  # the request is taken, its task not begun
    connection.data_received(b"1\r\n \r\n" * 20_000)
    assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_an_empty_body_is_no_json_whatever_its_coding(client: Client) -> None:
    for coding in ("identity", "gzip"):
        answer = await post(client, b"", coding)
        assert (answer.status, answer.body["code"]) == (400, "malformed-json")


async def test_a_name_that_occurs_twice_changes_nothing(client: Client) -> None:
    await create(client)
    answer = await send(client, "PATCH", url(), data=b'{"status":"ERROR","status":"CANCELLED"}', headers=JSON)
    assert (answer.status, answer.body["code"]) == (400, "malformed-json")
    assert '"status" occurs twice' in answer.body["detail"]
    assert (await send(client, "GET", url())).body["version"] == 1
