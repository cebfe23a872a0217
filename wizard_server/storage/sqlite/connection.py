"""One connection to SQLite through aiosqlite, with a thread of its own."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import aiosqlite

from wizard_server.storage.engine import Parameters
from wizard_server.storage.operating import ScriptError
from wizard_server.storage.queries import Query, load_queries
from wizard_server.storage.sqlite.operating import Operating, refused
from wizard_server.storage.sqlite.session import Session, rows_of, text_or_bytes

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class Connection(Operating):
    """One database connection with its own thread; statements run in the order they are asked for."""

    def __init__(self, raw: aiosqlite.Connection, *, echo: bool) -> None:
        self.raw = raw
        self._echo = echo
        self._guard = nothing

    @property
    def is_usable(self) -> bool:
        """True: an error of a statement leaves a reader usable."""
        return True

    def guard(self, check: Callable[[], None]) -> None:
        """Call `check` in every transaction before anything is written; an error of it rolls the transaction back."""
        self._guard = check

    async def transact(self, work: Callable[[Session], Result]) -> Result:
        """Run `work` in a transaction that has the write lock from its beginning, and commit; an error undoes all.

        It is one visit to the thread, however many statements `work` runs: each visit costs two switches between
        threads, which for a small commit is more than the statements themselves.
        """
        return await self._visit(lambda: self._run_transaction(work))

    async def _visit(self, work: Callable[[], Result]) -> Result:
        """Run `work` on the thread, after what was asked for before; it runs also where the caller is cancelled."""
        # aiosqlite offers single statements only; this is what each of them comes down to.
        result: Result = await self.raw._execute(work)  # type: ignore[no-untyped-call]  # noqa: SLF001
        return result

    def _run_transaction(self, work: Callable[[Session], Result]) -> Result:
        queries = load_queries("sqlite")
        session = Session(self.raw._conn, self._log)  # noqa: SLF001 - see `_visit`
        session.execute(queries["connection.begin"])
        try:
            self._guard()
            result = work(session)
            session.execute(queries["connection.commit"])
        except BaseException:
            if self.raw.in_transaction:
                session.execute(queries["connection.rollback"])
            raise
        return result

    async def wait_briefly(self) -> None:
        """Shorten the wait for locks of other processes: callers with time left try again."""
        await self.fetch_all(load_queries("sqlite")["connection.wait_briefly"])

    async def limit_log(self) -> None:
        """Truncate the write-ahead log whenever this connection resets it."""
        await self.fetch_all(load_queries("sqlite")["connection.limit_log"])

    async def fetch_all(self, query: Query, parameters: Parameters | None = None) -> list[sqlite3.Row]:
        """Return every row of `query`."""
        self._log(query)
        return await self._visit(lambda: rows_of(self.raw._conn, query, parameters))  # noqa: SLF001 - see `_visit`

    async def stream(
        self, query: Query, parameters: Parameters | None = None, chunk: int = 100
    ) -> AsyncGenerator[list[sqlite3.Row], None]:
        """Yield the rows of `query`, at most `chunk` of them in memory at a time.

        However it ends, its cursor is closed before the next statement begins, which would else read what the database
        was when this one began. So the cursor is kept by the thread, which opens it also for a task that was cancelled.
        """
        self._log(query)
        self.raw.text_factory = text_or_bytes
        opened: list[sqlite3.Cursor] = []
        try:
            await self._visit(lambda: opened.append(self.raw._conn.execute(query.sql, parameters or {})))  # noqa: SLF001 - see `_visit`
            while rows := await self._visit(lambda: opened[0].fetchmany(chunk)):
                yield rows
        finally:
            self.raw.text_factory = str
            await self._visit(lambda: _close(opened))

    async def execute(self, query: Query, parameters: Parameters | None = None) -> int:
        """Run `query` once and return how many rows it changed."""
        self._log(query)
        cursor = await self.raw.execute(query.sql, parameters or {})
        return cursor.rowcount

    async def write(self, query: Query, rows: Sequence[Parameters]) -> int:
        """Run `query` for each of `rows` in one hop to the thread; return how many rows changed in all.

        Raises `ConstraintError`.
        """
        self._log(query)
        try:
            cursor = await self.raw.executemany(query.sql, rows)
        except sqlite3.IntegrityError as error:
            raise refused(error) from error
        return cursor.rowcount

    async def checkpoint(self) -> bool:
        """Copy the write-ahead log into the database and truncate it; return whether no reader prevented that."""
        [(busy, _, _)] = await self.fetch_all(load_queries("sqlite")["connection.checkpoint"])
        return not busy

    async def run_script(self, script: str) -> None:
        """Run an operators' script as it is; raise `ScriptError` with nothing of its open transaction left."""
        try:
            await self.raw.executescript(script)
        except sqlite3.Error as error:
            await self.rollback()
            was_there = "already exists" in str(error) or "duplicate column" in str(error)
            raise ScriptError(str(error), was_there=was_there) from error

    async def backup_to(self, path: str) -> None:
        """Copy the database, as it is at this moment, into the empty file `path`: one step, writers go on meanwhile.

        The copy is one file, without companions. Raises `sqlite3.Error`; `path` is then of no use.
        """
        await _to_its_end(self._copy_to(path))

    async def _copy_to(self, path: str) -> None:
        target = await aiosqlite.connect(path, isolation_level=None)
        try:
            await self.raw.backup(target, pages=-1)
            await target.execute_fetchall(load_queries("sqlite")["backup.single_file"].sql)
        finally:
            await target.close()

    async def rollback(self) -> None:
        """Give up the open transaction, if there is one."""
        if self.raw.in_transaction:
            await self.execute(load_queries("sqlite")["connection.rollback"])

    async def close(self) -> None:
        """Close the connection after the statements in flight."""
        await self.raw.close()

    def leave_open(self) -> None:
        """Never close it: closing the last connection would copy the log into the database and delete it.

        The process has to end by `os._exit`, which skips Python's cleanup; see `must_not_be_closed`.
        """
        _left_open.append(self)

    def _log(self, query: Query) -> None:
        if self._echo:
            logger.info("statement", extra={"query": query.name, "sql": query.sql})


_left_open: list[Connection] = []


def must_not_be_closed() -> bool:
    """Whether a connection was left open on purpose (`leave_open`); the process then has to end by `os._exit`."""
    return bool(_left_open)


def nothing() -> None:
    """Object to nothing."""


def _close(cursors: Sequence[sqlite3.Cursor]) -> None:
    for cursor in cursors:
        cursor.close()


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await `work`; when cancelled, wait for its end first, because its threads use the files until then."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    finally:
        await asyncio.wait([task])


def is_locked(error: sqlite3.Error) -> bool:
    """Return whether `error` says that another process holds the lock."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY
