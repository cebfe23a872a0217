"""The connection through which the feed reads. There is one, so that a reconnection is noticed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from wizard_server.storage.postgresql.connection import Connection
from wizard_server.storage.postgresql.refusals import refusals

# How long a look may take: what it reads is little, and whoever asks for a state waits for it.
LOOK_SECONDS = 2.0


class TailConnection:
    """Lends a connection that `connect` opens, and opens again when it is lost.

    Behind a new one may be another history: a standby that was promoted, a backup that was restored. `epoch` counts
    them.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self.epoch = 0

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection]:
        """Lend the connection, to one at a time; raises `StorageUnavailableError`, also for what is refused within."""
        async with self._turn:
            connection = self._connection
            if connection is None or not connection.is_usable:
                await self.close()
                connection = self._connection = await self._connect()
                self.epoch += 1
            with refusals("the database cannot answer"), connection.answered_within(LOOK_SECONDS):
                yield connection

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
