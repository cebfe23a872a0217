"""Connections that are lent by turns: some kept open, more under load."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import copy
from typing import Generic, Protocol, TypeVar

from wizard_server.errors import StorageUnavailableError, bare
from wizard_server.storage.shares import Shares

# For how long at most nobody tries again what has just failed, in seconds; never longer than it took to fail.
_LONGEST_PAUSE_SECONDS = 0.25


class Closable(Protocol):
    """What a pool lends."""

    @property
    def is_usable(self) -> bool:
        """Whether the next one may have it."""

    async def close(self) -> None:
        """Close it."""


Lent = TypeVar("Lent", bound=Closable)


class Pool(Generic[Lent]):
    """Up to `size` connections kept open and `overflow` more under load; `connect` opens one.

    Waiting longer than `timeout` seconds is a 503. What `admit` raises is raised instead of lending one. When none can
    be opened, those that have waited meanwhile are refused too: where nothing answers, each would try for seconds.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Lent]],
        *,
        size: int,
        overflow: int,
        timeout: float,
        admit: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._connect = connect
        self._admit = admit
        self._size = size
        self._timeout = timeout
        self._shares = Shares(size + overflow)
        self._idle: list[Lent] = []
        self._late: set[asyncio.Task[None]] = set()
        self._closed = False
        self._failure: StorageUnavailableError | None = None
        self._tries_again_at = 0.0

    @property
    def waiting(self) -> int:
        """How many wait for a connection."""
        return self._shares.waiting

    @asynccontextmanager
    async def acquire(self, user_id: str | None = None) -> AsyncIterator[Lent]:
        """Lend a connection for what may take a user a while (None: single rows), each user in turn; see `Shares`.

        Raises `StorageUnavailableError` when none becomes free in time, and what `connect` raises.
        """
        came = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._timeout):
                await self._shares.take(user_id)
        except TimeoutError:
            raise StorageUnavailableError(f"no database reader became free within {self._timeout:g} s") from None
        try:
            if self._admit is not None:
                await self._admit()
            lent = self._idle.pop() if self._idle else await self._open(came)
            try:
                yield lent
            finally:
                await self._take_back(lent)
        finally:
            self._shares.give_back(user_id)

    async def _take_back(self, lent: Lent) -> None:
        if not lent.is_usable:
            await self.drop_idle()  # what broke this one, broke them
        elif len(self._idle) < self._size and not self._closed:
            self._idle.append(lent)
            return
        await lent.close()

    async def _open(self, came: float) -> Lent:
        """Open a connection; should the one who asked go away meanwhile, it serves the next.

        Raises the last failure for one who `came` before it, or just after.
        """
        if self._failure is not None and came < self._tries_again_at:
            raise bare(copy(self._failure))
        opening = asyncio.ensure_future(self._try_to_open())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._keep)
            raise
        finally:
            del opening  # as in `StateStore.loaded`

    async def _try_to_open(self) -> Lent:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            lent = await self._connect()
        except StorageUnavailableError as error:
            now = loop.time()
            self._failure = bare(copy(error))
            self._tries_again_at = now + min(now - begun, _LONGEST_PAUSE_SECONDS)
            raise
        self._failure = None
        return lent

    def _keep(self, opening: "asyncio.Future[Lent]") -> None:
        """Keep what was opened for somebody who has gone away, as if it had been lent; what is too many is closed."""
        if not opening.cancelled() and opening.exception() is None:
            late = asyncio.ensure_future(self._take_back(opening.result()))
            self._late.add(late)
            late.add_done_callback(self._late.discard)

    async def drop_idle(self) -> None:
        """Close what is not lent now."""
        while self._idle:
            await self._idle.pop().close()

    async def close(self) -> None:
        """Close what is not lent now, and the rest when it comes back."""
        self._closed = True
        await self.drop_idle()
