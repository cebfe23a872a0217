"""WebSockets that send without end, in a process of their own: ``python -m tests.acceptance.flooding PORT KIND...``.

Prints a line of JSON for each: its kind, the types of the JSON messages that it read, and its close code.
"""

import asyncio
import json
import sys
from collections.abc import Iterator

HANDSHAKE = (
    "GET /ws/investigation/inv-1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
MOST_BYTES = 16 * 1024 * 1024
SECONDS = 40.0
_MASK = b"\x00" * 4


def _frame(operation: int, payload: bytes = b"") -> bytes:
    return bytes([operation, 0x80 | len(payload)]) + _MASK + payload


FRAMES = {
    **{kind: _frame(0x81, json.dumps({"type": kind}).encode()) for kind in ("heartbeat", "ping", "sync", "nonsense")},
    "acknowledgment": _frame(0x81, b'{"type":"acknowledgment"}'),
    "control ping": _frame(0x89),
    "pieces": _frame(0x00),
}
_BEGINS = {"pieces": _frame(0x01)}


async def flood(port: int, kind: str) -> dict[str, object]:
    """Send messages of one kind until the server has had enough; read all that it says meanwhile."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head, head
    sending = asyncio.create_task(_send(writer, kind))
    try:
        async with asyncio.timeout(SECONDS):
            received = await _received(reader)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.transport.abort()
    types, code = [], None
    for operation, payload in _frames(received):
        if operation == 0x1:
            types.append(json.loads(payload)["type"])
        elif operation == 0x8:
            code = int.from_bytes(payload[:2], "big")
    return {"kind": kind, "types": types, "code": code}


async def _send(writer: asyncio.StreamWriter, kind: str) -> None:
    many = FRAMES[kind] * (65536 // len(FRAMES[kind]))
    writer.write(_BEGINS.get(kind, b""))
    for _ in range(MOST_BYTES // len(many)):
        writer.write(many)
        await writer.drain()


async def _received(reader: asyncio.StreamReader) -> bytes:
    """Return what came to the end of the connection, however that came."""
    pieces = []
    try:
        while piece := await reader.read(65536):
            pieces.append(piece)
    except ConnectionError:
        pass
    return b"".join(pieces)


def _frames(received: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 2 <= len(received):
        operation, length, at = received[at] & 0x0F, received[at + 1], at + 2
        wide = {126: 2, 127: 8}.get(length, 0)
        if wide:
            length, at = int.from_bytes(received[at : at + wide], "big"), at + wide
        yield operation, received[at : at + length]
        at += length


async def main(port: int, kinds: list[str]) -> None:
    """Flood with all of them at once."""
    for told in await asyncio.gather(*(flood(port, kind) for kind in kinds)):
        print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2:]))
