"""A server that takes a connection and never answers: whoever opens one is told in time."""

import asyncio
import struct
from time import monotonic

import pytest

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.postgresql.connection import connect

SLACK = 3
# How long the first question may have no answer.
SECONDS = 2.0
# What libpq asks of a server that may be written to.
SETTINGS = {"server_version": "15.0", "in_hot_standby": "off", "default_transaction_read_only": "off"}


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!i", 4 + len(content)) + content


def _welcome() -> bytes:
    said = [_message(b"S", f"{name}\0{value}\0".encode()) for name, value in SETTINGS.items()]
    return b"".join([_message(b"R", bytes(4)), *said, _message(b"K", bytes(8)), _message(b"Z", b"I")])


async def _welcomes_and_falls_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    [size] = struct.unpack("!i", await reader.readexactly(4))
    await reader.readexactly(size - 4)
    writer.write(_welcome())
    await reader.read()
    writer.close()


async def test_a_connection_whose_first_question_has_no_answer_is_given_up() -> None:
    server = await asyncio.start_server(_welcomes_and_falls_silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        begun = monotonic()
        with pytest.raises(StorageUnavailableError, match=f"cannot use .* no answer within {SECONDS:g} s"):
            async with asyncio.timeout(SLACK * SECONDS):
                await connect(f"postgresql://wizard@127.0.0.1:{port}/wizard?sslmode=disable&gssencmode=disable")
        assert monotonic() - begun >= SECONDS
