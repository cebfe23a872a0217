"""One look at the database at a time, shared by all callers that came before it began (a read-index)."""

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy

from wizard_server.errors import StorageUnavailableError, bare

_NEVER = float("-inf")


class Looks:
    """Runs `look`; callers that come during one share the next, because that one may have missed what they know."""

    def __init__(self, look: Callable[[], Awaitable[bool]]) -> None:
        self._look = look
        self._running: asyncio.Task[bool] | None = None
        self._next: asyncio.Task[bool] | None = None
        self._confirmed = _NEVER

    async def after(self, since: float | None = None) -> bool:
        """Return once a look has succeeded that began at `since` (the loop's clock; None: now) or later.

        Returns whether that look found anything; raises what it raised.
        """
        if since is not None and since <= self._confirmed:
            return False
        if self._next is None:
            self._next = asyncio.create_task(self._run(self._running))
        try:
            return await asyncio.shield(self._next)
        except StorageUnavailableError as error:
            raise bare(copy(error)) from None  # each gets its own: the frames it passes are kept with it

    async def _run(self, before: asyncio.Task[bool] | None) -> bool:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        begun = asyncio.get_running_loop().time()
        try:
            found = await self._look()
        finally:
            self._running = None
        self._confirmed = begun
        return found

    async def close(self) -> None:
        """Return when no look is under way."""
        while (task := self._next or self._running) is not None:
            await asyncio.wait([task])
