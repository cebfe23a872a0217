"""Connections as a proxy has them: one to the client, one to the server."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from wizard_server.testing.messages import MOST_HEAD_BYTES, Answer

_PIECE_BYTES = 64 * 1024


class Connection(NamedTuple):
    """Both ways of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Yield a new connection to the server at `url`; raises `OSError` when there is none."""
    parts = urlsplit(url)
    connection = Connection(*await asyncio.open_connection(parts.hostname, parts.port, limit=MOST_HEAD_BYTES))
    try:
        yield connection
    finally:
        connection.writer.transport.abort()


async def first_byte(first: "asyncio.Future[bytes]", server: Connection) -> bytes:
    """Return the first byte of the client's next request, none when either side has ended its connection."""
    ended = asyncio.ensure_future(server.reader.read(1))
    try:
        await asyncio.wait({first, ended}, return_when=asyncio.FIRST_COMPLETED)
        return first.result() if first.done() else b""
    finally:
        ended.cancel()
        await asyncio.wait({ended})


async def unless_gone(answering: Coroutine[Any, Any, Answer], gone: "asyncio.Future[bytes]") -> Answer:
    """Return the answer; raises `ConnectionResetError` when the client leaves before it is there."""
    answer = asyncio.create_task(answering)
    either: set[asyncio.Future[Any]] = {answer, gone}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done() and not gone.result():
            raise ConnectionResetError("the client has left")
        return await answer
    finally:
        answer.cancel()


async def pump(first: "asyncio.Future[bytes]", client: Connection, server: Connection) -> None:
    """Pass bytes both ways until one side ends: a stream of events, a WebSocket."""

    async def up() -> None:
        piece = await first
        while piece:
            server.writer.write(piece)
            await server.writer.drain()
            piece = await client.reader.read(_PIECE_BYTES)

    async def down() -> None:
        while piece := await server.reader.read(_PIECE_BYTES):
            client.writer.write(piece)
            await client.writer.drain()
        client.writer.write_eof()

    ways = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
