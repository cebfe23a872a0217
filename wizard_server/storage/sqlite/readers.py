"""The connections that read: some kept open, more under load, lent by turns."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.shares import Shares
from wizard_server.storage.sqlite.connection import Connection, connect, nothing


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
        check: Callable[[], None] = nothing,
    ) -> None:
        self._path = path
        self._check = check
        self._size = size
        self._timeout = timeout
        self._echo = echo
        self._shares = Shares(size + overflow)
        self._idle: list[Connection] = []
        self._closed = False
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

    @asynccontextmanager
    async def acquire(self, user_id: str | None = None) -> AsyncIterator[Connection]:
        """Lend a reader for what may take a user a while (None: single rows), each user in turn; see `Shares`.

        Raises `StorageUnavailableError` when none becomes free in time.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._shares.take(user_id)
        except TimeoutError:
            raise StorageUnavailableError(f"no database reader became free within {self._timeout:g} s") from None
        try:
            await self._may_lend.wait()
            self._check()
            reader = self._idle.pop() if self._idle else await self._open()
            self._count(1)
            try:
                yield reader
            except sqlite3.Error as error:
                raise StorageUnavailableError(f"the database cannot answer: {error}") from error
            finally:
                self._count(-1)
                if len(self._idle) < self._size and not self._closed:
                    self._idle.append(reader)
                else:
                    await reader.close()
        finally:
            self._shares.give_back(user_id)

    def _count(self, more: int) -> None:
        self._lent += more
        if self._lent:
            self._none_lent.clear()
        else:
            self._none_lent.set()

    async def _open(self) -> Connection:
        """Open a reader; should the one who asked go away meanwhile, it serves the next."""
        opening = asyncio.create_task(self._connect())
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._keep)
            raise
        finally:
            del opening  # as in `StateStore.loaded`

    async def _connect(self) -> Connection:
        reader = await connect(self._path, echo=self._echo, read_only=True)
        try:
            self._check()  # once more: between the last look and the opening the file may have been replaced
        except BaseException:
            await reader.close()
            raise
        return reader

    def _keep(self, opening: "asyncio.Task[Connection]") -> None:
        if not opening.cancelled() and opening.exception() is None:
            self._idle.append(opening.result())

    async def close(self) -> None:
        """Close the readers that are not lent now, and the others when they come back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()
