"""The time limits of bodies that are being received, which a server that shuts down shortens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

# A body that is being received when a drain begins has this long, because the drain must end within 2 seconds.
_DRAIN_SECONDS = 1.0


class Receiving:
    """The time limits of all bodies that are being received."""

    def __init__(self) -> None:
        self._limits: set[asyncio.Timeout] = set()
        self._until: float | None = None

    @property
    def drains(self) -> bool:
        """Whether the server shuts down."""
        return self._until is not None

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Raise `TimeoutError` when the block takes longer than `seconds`, or than `begin_drain` allows."""
        async with asyncio.timeout(seconds) as limit:
            self._shorten(limit)
            self._limits.add(limit)
            try:
                yield
            finally:
                self._limits.discard(limit)

    def begin_drain(self) -> None:
        """Let every body, received now or later, time out `_DRAIN_SECONDS` from now at the latest."""
        self._until = asyncio.get_running_loop().time() + _DRAIN_SECONDS
        for limit in self._limits:
            self._shorten(limit)

    def _shorten(self, limit: asyncio.Timeout) -> None:
        when = limit.when()
        if self._until is not None and when is not None:
            limit.reschedule(min(when, self._until))


RECEIVING = web.AppKey("receiving", Receiving)
