"""Bodies on their way: each has its time to arrive, and all of them less while the server goes down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

# A body that is on its way when the server is asked to go gets this long: the drain is over within 2 seconds.
DRAIN_SECONDS = 1.0


class Receiving:
    """The time limits of all bodies that have not arrived yet."""

    def __init__(self) -> None:
        self._limits: set[asyncio.Timeout] = set()
        self._until: float | None = None

    @property
    def hurries(self) -> bool:
        """Whether the server goes down."""
        return self._until is not None

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Raise `TimeoutError` when what is awaited inside takes longer than `seconds`, or than `hurry` leaves it."""
        async with asyncio.timeout(seconds) as limit:
            self._shorten(limit)
            self._limits.add(limit)
            try:
                yield
            finally:
                self._limits.discard(limit)

    def hurry(self, seconds: float = DRAIN_SECONDS) -> None:
        """Give what is on its way, and what comes from now on, `seconds` from now and no more."""
        self._until = asyncio.get_running_loop().time() + seconds
        for limit in self._limits:
            self._shorten(limit)

    def _shorten(self, limit: asyncio.Timeout) -> None:
        when = limit.when()
        if self._until is not None and when is not None:
            limit.reschedule(min(when, self._until))


RECEIVING = web.AppKey("receiving", Receiving)
