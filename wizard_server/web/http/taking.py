"""Whether a client takes what it is sent: slow is who takes little, stuck is who takes nothing.

The kernel keeps megabytes for a slow line, and says that there is room only when a third of them is gone: to a program
that looks at its own buffer, a steady reader of 100 KB/s stands still for 13 seconds. So what counts is what the
client's side has acknowledged, wherever the rest waits.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# Who has taken at least this much since the last look is slow, not stuck.
_PROGRESS_BYTES = 16 * 1024
# Linux, struct tcp_info: where `tcpi_bytes_acked` lies, 64 bits.
_INFO = getattr(socket, "TCP_INFO", None)
_INFO_BYTES, _ACKED_AT = 128, 120
_RESET = struct.pack("ii", 1, 0)


class Taking:
    """Watches one connection; a look at it says whether enough was taken since the look before, or since the start."""

    __slots__ = ("_taken", "_transport")

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._taken = _taken_bytes(transport)

    def goes_on(self) -> bool:
        """Whether the client has taken enough since the last look not to be stuck."""
        before, self._taken = self._taken, _taken_bytes(self._transport)
        return self._taken - before >= _PROGRESS_BYTES


def _taken_bytes(transport: asyncio.WriteTransport) -> int:
    """Return a number that grows with what the client takes: all that was acknowledged.

    Where the system does not tell, it is what has left our own buffer.
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
    """End the connection of a stuck client, and have the kernel drop what it holds for it: else it goes on offering."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):  # it is closed already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


@asynccontextmanager
async def taken_within(seconds: float, transport: asyncio.WriteTransport | None) -> AsyncIterator[None]:
    """Raise `TimeoutError` in what is sent here when its client takes none of it for `seconds`, however long all takes.

    At the latest it comes after twice as long: what was taken is looked at every `seconds`.
    """
    if transport is None:  # it has gone, which whoever writes to it is told
        yield
        return
    loop, taking = asyncio.get_running_loop(), Taking(transport)
    async with asyncio.timeout(None) as limit:
        handle = loop.call_later(seconds, lambda: look())

        def look() -> None:
            nonlocal handle
            if taking.goes_on():
                handle = loop.call_later(seconds, look)
            else:
                limit.reschedule(loop.time())

        try:
            yield
        finally:
            handle.cancel()
