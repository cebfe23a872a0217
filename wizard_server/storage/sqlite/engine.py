"""SQLite behind the port: one connection that writes, some that read, and a watch on their files."""

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.engine import BusyError, Keys, Locked, StaleError, Write, patience
from wizard_server.storage.options import StoreOptions
from wizard_server.storage.queries import Query, load_queries
from wizard_server.storage.signals import Ticking
from wizard_server.storage.sqlite.connection import Connection, is_locked
from wizard_server.storage.sqlite.file_watch import FileWatch
from wizard_server.storage.sqlite.files import DatabaseFiles
from wizard_server.storage.sqlite.opening import connect, is_in_memory
from wizard_server.storage.sqlite.readers import ReaderPool
from wizard_server.storage.sqlite.session import Session
from wizard_server.storage.sqlite.wal import DEFAULT_BOUNDS, LogBounds, LogKeeper
from wizard_server.storage.tables import SEQUENCE

logger = logging.getLogger(__name__)

# How often it is asked whether another process has written.
LOOK_SECONDS = 0.5

# What takes a place in the order of changes: all of a batch the next one, but each deletion one of its own, by trigger.
_PLACED = frozenset({"states.insert", "states.update", "states.revive"})
_REMOVED = "states.delete"


class SqliteEngine:
    """An `Engine`. Make one with `open`.

    Use cases rest on memory: there are no row locks to take, and a commit compares the mark in the one visit to the
    writer's thread that it costs anyway.
    """

    dialect = "sqlite"
    is_shared = False
    stores_listed = False
    epoch = 0

    def __init__(self, options: StoreOptions, writer: Connection, files: DatabaseFiles, bounds: LogBounds) -> None:
        self._queries: Mapping[str, Query] = load_queries(self.dialect)
        self.writer = writer
        self._files = files
        self.signal = Ticking(busy_seconds=LOOK_SECONDS, idle_seconds=LOOK_SECONDS)
        self.readers = ReaderPool(
            options.path,
            size=options.pool_size,
            overflow=options.max_overflow,
            timeout=options.pool_timeout,
            echo=options.echo,
            busy_timeout=options.busy_timeout,
            check=files.check,
        )
        self._busy_timeout = options.busy_timeout
        self._file_watch = FileWatch(files, writer, self.readers.pause)
        self._log_keeper = LogKeeper(files, writer, self.readers.pause, bounds)

    @classmethod
    async def open(cls, options: StoreOptions, bounds: LogBounds = DEFAULT_BOUNDS) -> "SqliteEngine":
        """Open the file, whose write-ahead log is kept within `bounds`; raises `StorageUnavailableError`."""
        files = DatabaseFiles(options.path, in_memory=is_in_memory(options.path))
        writer = await connect(options.path, echo=options.echo, busy_timeout=options.busy_timeout)
        try:
            await writer.wait_briefly()
            await writer.limit_log()
            engine = cls(options, writer, files, bounds)
            # The triggers are told whether there is a trail; the log is there once something was written.
            await engine.commit([Write("audit.switch", [{"enabled": int(options.audit)}], exact=False)])
            files.note()
            writer.guard(files.check)
        except BaseException:
            await writer.close()  # a thread that waits for statements would keep the process
            raise
        return engine

    def reader(self, owner: str | None = None) -> AbstractAsyncContextManager[Connection]:
        """See `Readers`."""
        return self.readers.acquire(owner)

    def tail(self) -> AbstractAsyncContextManager[Connection]:
        """Lend any reader: each sees what was committed before."""
        return self.readers.acquire()

    async def begin(self, keys: Keys, base: int | None) -> Locked:
        """See `Writer`."""
        return Locked(base)

    async def release(self) -> None:
        """See `Writer`; nothing was locked."""

    async def until_free(self, keys: Keys) -> Keys:
        """See `Writer`; no row is ever held."""
        return keys

    async def commit(
        self, writes: Sequence[Write], locked: Locked | None = None, may_wait: Callable[[], bool] | None = None
    ) -> int:
        """See `Writer`."""
        may_wait = may_wait or patience(self._busy_timeout)
        while True:
            try:
                return await self.writer.transact(lambda session: self._run(session, writes, locked))
            except (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError):
                raise  # what cannot be bound belongs to the one use case that brought it
            except sqlite3.IntegrityError as error:
                raise StaleError(str(error)) from error
            except sqlite3.Error as error:
                message = f"the database cannot be written: {error}"
                if not is_locked(error):
                    raise StorageUnavailableError(message) from error
                if not may_wait():
                    raise BusyError(message) from error

    def _run(self, session: Session, writes: Sequence[Write], locked: Locked | None) -> int:
        if locked is not None and locked.mark not in (None, self._mark(session)):
            raise StaleError("another process has written to the database")
        placed = [write for write in writes if write.query in _PLACED]
        is_placed = bool(placed) or any(write.query == _REMOVED for write in writes)
        if is_placed:
            self._place(session)  # one that cannot be read is refused before a statement counts on from it
        for write in writes:
            if placed and write is placed[0]:
                session.execute(self._queries["places.next"])
            changed = session.execute_many(self._queries[write.query], write.rows)
            if write.exact and changed != len(write.rows):
                raise StaleError(f"{write.query} met {changed} of {len(write.rows)} rows")
        return self._place(session) if is_placed else 0

    def _mark(self, session: Session) -> int:
        [row] = session.fetch_all(self._queries["connection.data_version"])
        mark: int = row["data_version"]
        return mark

    def _place(self, session: Session) -> int:
        """Return the place of the newest change; raises `UnreadableRowError`."""
        place: int = SEQUENCE.only(session.fetch_all(self._queries["active.sequence"]))["value"]
        return place

    async def mark(self) -> int:
        """See `Upkeep`."""
        self._files.check()
        try:
            [row] = await self.writer.fetch_all(self._queries["connection.data_version"])
        except sqlite3.Error as error:
            raise StorageUnavailableError(f"the database cannot answer: {error}") from error
        mark: int = row["data_version"]
        return mark

    async def require_intact(self) -> None:
        """See `Upkeep`."""
        await self._file_watch.look()

    @property
    def hindrance(self) -> None:
        """See `Upkeep`; a commit ends or fails."""

    async def tidy(self) -> None:
        """Keep the write-ahead log short."""
        await self._log_keeper.look()

    @property
    def log_bytes(self) -> int:
        """How long the write-ahead log is."""
        return self._log_keeper.bytes

    def break_off(self) -> None:
        """See `Upkeep`; a commit waits for the disk alone."""

    async def close(self) -> None:
        """Close every connection, but not the writer where that would harm the files: see `Connection.leave_open`."""
        try:
            await self.readers.close()
        finally:
            await self._close_writer()

    async def _close_writer(self) -> None:
        if self._files.is_shared_with_strangers:
            logger.error("another process uses the database with a log of its own: ours is left as it is")
            self.writer.leave_open()
        else:
            await self.writer.close()
