"""Detects clients that do not read what they are sent: a slow one reads little, a stuck one reads nothing.

The kernel buffers megabytes for a slow line, and accepts more only when a third of them is sent: judged by our own
buffer, a steady reader of 100 KB/s makes no progress for 13 seconds. So progress is what the client's side has
acknowledged.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# A client that has read at least this much between two looks is slow, not stuck.
_PROGRESS_BYTES = 16 * 1024
# Linux, struct tcp_info: the offset of `tcpi_bytes_acked`, 64 bits.
_INFO = getattr(socket, "TCP_INFO", None)
_INFO_BYTES, _ACKED_AT = 128, 120
_RESET = struct.pack("ii", 1, 0)


class SendProgress:
    """Watches how much the client of one connection reads."""

    __slots__ = ("_acknowledged", "_transport")

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._acknowledged = _acknowledged_bytes(transport)

    def has_advanced(self) -> bool:
        """Whether the client has read enough since the last call, or the start, not to be stuck."""
        before, self._acknowledged = self._acknowledged, _acknowledged_bytes(self._transport)
        return self._acknowledged - before >= _PROGRESS_BYTES


def _acknowledged_bytes(transport: asyncio.WriteTransport) -> int:
    """Return a number that grows with what the client reads: the acknowledged bytes.

    Where the system does not count them, it is what has left our own buffer.
    """
    connection = transport.get_extra_info("socket")
    if _INFO is not None and connection is not None:
        try:
            info = connection.getsockopt(socket.IPPROTO_TCP, _INFO, _INFO_BYTES)
        except OSError:  # it is closed, or no TCP
            info = b""
        if len(info) == _INFO_BYTES:
            acknowledged: int = struct.unpack_from("=Q", info, _ACKED_AT)[0]
            return acknowledged
    return -transport.get_write_buffer_size()


def reset(transport: asyncio.WriteTransport) -> None:
    """Reset the connection of a stuck client, so that the kernel drops what it buffers and does not resend it."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):  # it is closed already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


@asynccontextmanager
async def taken_within(seconds: float, transport: asyncio.WriteTransport | None) -> AsyncIterator[None]:
    """Raise `TimeoutError` inside when the client reads nothing for `seconds`, however long the whole block takes.

    Progress is checked every `seconds`, so the error comes after twice as long at the latest.
    """
    if transport is None:  # the client has gone; writing to it raises
        yield
        return
    loop, progress = asyncio.get_running_loop(), SendProgress(transport)
    async with asyncio.timeout(None) as limit:
        handle = loop.call_later(seconds, lambda: look())

        def look() -> None:
            nonlocal handle
            if progress.has_advanced():
                handle = loop.call_later(seconds, look)
            else:
                limit.reschedule(loop.time())

        try:
            yield
        finally:
            handle.cancel()
