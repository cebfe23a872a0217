"""Resolves a host name in a daemon thread.

A look-up may hang for half a minute while no name server answers. In the loop's default executor, where aiohttp and
psycopg run it, it would delay the end of the process, and others' look-ups.
"""

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any


async def look_up(
    host: str, port: int | str, family: socket.AddressFamily = socket.AF_UNSPEC, *, flags: int = 0
) -> list[Any]:
    """Return the addresses of `host` for TCP, as `socket.getaddrinfo` does; raises `OSError`."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Any]] = loop.create_future()

    def settle(addresses: list[Any], error: OSError | None) -> None:
        if found.done():
            return  # the caller was cancelled
        if error is None:
            found.set_result(addresses)
        else:
            found.set_exception(error)

    def ask() -> None:
        addresses: list[Any] = []
        failure: OSError | None = None
        try:
            addresses = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)
        except OSError as error:
            failure = error
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, addresses, failure)

    threading.Thread(target=ask, name="name look-up", daemon=True).start()
    return await found
