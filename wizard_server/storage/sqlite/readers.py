"""The connections that read: some kept open, more under load, lent by turns."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.engine import BUSY_TIMEOUT_SECONDS
from wizard_server.storage.pool import Pool
from wizard_server.storage.sqlite.connection import Connection, nothing
from wizard_server.storage.sqlite.opening import connect


class ReaderPool:
    """Up to `size` readers kept open and `overflow` more under load; waiting longer than `timeout` seconds is a 503.

    What `check` raises is raised instead of lending one: it is called before a reader is opened or used.
    """

    def __init__(
        self,
        path: str,
        *,
        size: int,
        overflow: int,
        timeout: float,
        echo: bool,
        busy_timeout: float = BUSY_TIMEOUT_SECONDS,
        check: Callable[[], None] = nothing,
    ) -> None:
        self._check = check
        self._connecting = partial(connect, path, echo=echo, read_only=True, busy_timeout=busy_timeout)
        self._pool: Pool[Connection] = Pool(
            self._connect, size=size, overflow=overflow, timeout=timeout, admit=self._admit
        )
        self._lent = 0
        self._none_lent = asyncio.Event()
        self._none_lent.set()
        self._may_lend = asyncio.Event()
        self._may_lend.set()

    @asynccontextmanager
    async def pause(self, patience: float) -> AsyncIterator[None]:
        """Lend no reader until the end; begin when those lent are back, or after `patience` seconds."""
        self._may_lend.clear()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._none_lent.wait()
            yield
        finally:
            self._may_lend.set()

    @property
    def waiting(self) -> int:
        """How many wait for a reader."""
        return self._pool.waiting

    async def _admit(self) -> None:
        await self._may_lend.wait()
        self._check()

    @asynccontextmanager
    async def acquire(self, user_id: str | None = None) -> AsyncIterator[Connection]:
        """Lend a reader as `Pool` does; raises `StorageUnavailableError`, also for what the database refuses within."""
        async with self._pool.acquire(user_id) as reader:
            self._count(1)
            try:
                yield reader
            except sqlite3.Error as error:
                raise StorageUnavailableError(f"the database cannot answer: {error}") from error
            finally:
                self._count(-1)

    def _count(self, more: int) -> None:
        self._lent += more
        if self._lent:
            self._none_lent.clear()
        else:
            self._none_lent.set()

    async def _connect(self) -> Connection:
        reader = await self._connecting()
        try:
            self._check()  # once more: between the last look and the opening the file may have been replaced
        except BaseException:
            await reader.close()
            raise
        return reader

    async def close(self) -> None:
        """Close the readers that are not lent now, and the others when they come back."""
        await self._pool.close()
