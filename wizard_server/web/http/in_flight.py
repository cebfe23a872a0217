"""Counts the requests in flight, so that a server that shuts down can wait for them."""

import asyncio
import logging

from aiohttp import web

logger = logging.getLogger(__name__)


class InFlight:
    """Counts the requests in flight; the pipeline increments `count` itself, to save every request a call."""

    __slots__ = ("_none", "count")

    def __init__(self) -> None:
        self.count = 0
        self._none: asyncio.Event | None = None

    def end(self) -> None:
        """Count one request less."""
        self.count -= 1
        if self._none is not None and not self.count:
            self._none.set()

    async def none_left(self) -> None:
        """Return when no request is in flight; log how many there were."""
        waited_for = self.count
        while self.count:
            self._none = asyncio.Event()
            await self._none.wait()
        logger.info("drain ends", extra={"requests": waited_for})


IN_FLIGHT = web.AppKey("in_flight", InFlight)
