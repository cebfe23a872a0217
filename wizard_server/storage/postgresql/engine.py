"""PostgreSQL behind the port: one connection that writes, one for the feed, some that read."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

from wizard_server.config.urls import masked
from wizard_server.errors import SchemaError
from wizard_server.storage.engine import Keys, Locked, Signal, Write
from wizard_server.storage.options import StoreOptions
from wizard_server.storage.pool import Pool
from wizard_server.storage.postgresql.addresses import Addresses
from wizard_server.storage.postgresql.connection import Connection, connect
from wizard_server.storage.postgresql.hints import Hints
from wizard_server.storage.postgresql.refusals import refusals
from wizard_server.storage.postgresql.silence import watched
from wizard_server.storage.postgresql.tail import TailConnection
from wizard_server.storage.postgresql.writer import Writer
from wizard_server.storage.queries import Query, load_queries

_CANNOT_ANSWER = "the database cannot answer"


class PostgresqlEngine:
    """An `Engine`. Make one with `open`."""

    dialect = "postgresql"
    is_shared = True
    stores_listed = True
    log_bytes = 0
    """Its write-ahead log is not ours to look after."""

    def __init__(self, options: StoreOptions) -> None:
        self._queries: Mapping[str, Query] = load_queries(self.dialect)
        self._connect = opening = partial(
            connect, options.path, echo=options.echo, pooler=options.pooler, addresses=Addresses()
        )
        self._hints = Hints(opening, options.wake)
        self._writer = Writer(opening, options.busy_timeout)
        self._tail = TailConnection(opening)
        self.readers: Pool[Connection] = Pool(
            opening, size=options.pool_size, overflow=options.max_overflow, timeout=options.pool_timeout
        )

    @classmethod
    async def open(cls, options: StoreOptions) -> "PostgresqlEngine":
        """Connect; raises `StorageUnavailableError`, and `SchemaError` when the trail is switched otherwise there."""
        engine = cls(options)
        try:
            async with engine.reader() as reader:
                rows = await reader.fetch_all(engine._queries["retention.switch_state"])
            _require_switch(bool(rows and rows[0]["enabled"] == 1), options)
            await engine._hints.start()
        except BaseException:
            await engine.close()
            raise
        return engine

    @asynccontextmanager
    async def reader(self, owner: str | None = None) -> AsyncIterator[Connection]:
        """See `Readers`."""
        async with self.readers.acquire(owner) as connection:
            with refusals(_CANNOT_ANSWER), watched(connection, self._connect):
                yield connection

    async def begin(self, keys: Keys, base: int | None) -> Locked:
        """See `Writer`."""
        return await self._writer.begin(keys, base)

    async def release(self) -> None:
        """See `Writer`."""
        await self._writer.release()

    async def until_free(self, keys: Keys) -> Keys:
        """See `Writer`."""
        return await self._writer.until_free(keys)

    async def commit(
        self, writes: Sequence[Write], locked: Locked | None = None, may_wait: Callable[[], bool] | None = None
    ) -> int:
        """See `Writer`."""
        return await self._writer.commit(writes, locked, may_wait)

    @property
    def epoch(self) -> int:
        """See `Tail`."""
        return self._tail.epoch

    @property
    def signal(self) -> Signal:
        """See `Tail`."""
        return self._hints.signal

    def tail(self) -> AbstractAsyncContextManager[Connection]:
        """See `Tail`."""
        return self._tail.lend()

    async def mark(self) -> None:
        """See `Upkeep`; only reading tells."""

    async def require_intact(self) -> None:
        """See `Upkeep`; a server looks after its own files."""

    @property
    def hindrance(self) -> str | None:
        """See `Upkeep`."""
        return self._writer.hindrance

    async def tidy(self) -> None:
        """Give what was done by hand its places in the order of changes."""
        async with self.reader() as reader:
            edited = await reader.fetch_all(self._queries["places.any_edited"])
        if edited:
            await self._writer.settle()

    def break_off(self) -> None:
        """See `Upkeep`; it may wait for a standby for ever."""
        self._writer.break_off()

    async def close(self) -> None:
        """Close every connection."""
        await self._hints.close()
        await asyncio.gather(self.readers.close(), self._writer.close(), self._tail.close())


def _require_switch(is_on: bool, options: StoreOptions) -> None:
    if is_on != options.audit:
        wanted, found = ("on", "off") if options.audit else ("off", "on")
        raise SchemaError(
            f"[features] audit_logging is {wanted}, but the trail is switched {found} in {masked(options.path)}, "
            "for all servers on it; sql/README.md says how to switch it"
        )
