"""Opens the database for commands, and turns the errors of SQLite into messages for operators."""

import os
import shlex
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from wizard_server.commands.console import tell, warn
from wizard_server.config.urls import masked
from wizard_server.errors import SchemaError, StorageUnavailableError, WizardError
from wizard_server.storage.engines import POSTGRESQL, open_database
from wizard_server.storage.new_file import COMPANIONS, OutputFileError
from wizard_server.storage.operating import Database
from wizard_server.storage.schema import comparing
from wizard_server.storage.sqlite.connection import Connection
from wizard_server.storage.sqlite.opening import connect

P = ParamSpec("P")
Closing = TypeVar("Closing", bound=Database)
CONTENT = ("script", "table", "column")
KEYS = ("primary key", "foreign key", "unique key", "check", "exclusion")
EVERYTHING = (*CONTENT, *KEYS, "index", "trigger", "function", "view")
_IN_MEMORY = ":memory:"
_ADVICE = {
    sqlite3.SQLITE_BUSY: "another process keeps writing to it; try again",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk may be full, or fail",
    sqlite3.SQLITE_READONLY: "it, or its folder, cannot be written",
    sqlite3.SQLITE_CORRUPT: 'it is damaged; go back to a backup (sql/README.md, "Roll back")',
    sqlite3.SQLITE_NOTADB: "it is no SQLite database",
}


def reported(command: Callable[P, Awaitable[int]]) -> Callable[P, Coroutine[Any, Any, int]]:
    """Make `command` print an error of the project or of SQLite, and return 1 for it."""

    @wraps(command)
    async def reporting(*args: P.args, **kwargs: P.kwargs) -> int:
        try:
            return await command(*args, **kwargs)
        except (WizardError, sqlite3.Error) as error:
            tell(f"wizard-server: {error}")
            return 1

    return reporting


@asynccontextmanager
async def opened(path: str, config: str, *, read_only: bool = True) -> AsyncIterator[Database]:
    """Open an existing database, a file or a URL.

    Raises `SchemaError` when the file does not exist, `StorageUnavailableError` with advice for every error of the
    engine.
    """
    _require(path, config)
    async with closing(await open_database(path, read_only=read_only, tell=warn)) as database:
        with _explained(path):
            yield database


@asynccontextmanager
async def opened_file(path: str, config: str) -> AsyncIterator[Connection]:
    """Open an existing SQLite file read-only; raises the errors of `opened`."""
    _require(path, config)
    async with closing(await connect(path, read_only=True)) as connection:
        with _explained(path):
            yield connection


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageUnavailableError(explain(error, path)) from error


def _require(path: str, config: str) -> None:
    if path == _IN_MEMORY:
        raise SchemaError("the configuration keeps the database in memory: there is no file")
    if not exists(path):
        command = f"wizard-server schema apply --config {shlex.quote(config)}"
        raise SchemaError(f"database {path} does not exist; to create it: {command}")


def exists(path: str) -> bool:
    """Return whether a file, a folder or a link exists at `path`; a URL counts as existing until it is opened."""
    return is_on_a_server(path) or os.path.lexists(path)


def is_on_a_server(path: str) -> bool:
    """Return whether `path` is the URL of a database server."""
    return path.startswith(POSTGRESQL)


def refuse_own_files(path: str, target: str) -> None:
    """Raise `OutputFileError` when `target` is the database at `path`, its ``-wal``, ``-shm`` or ``-journal``."""
    own = os.path.realpath(path)
    if os.path.realpath(target) in {own + companion for companion in COMPANIONS}:
        raise OutputFileError(f"{target} belongs to the database {path}; name another file")


@asynccontextmanager
async def closing(database: Closing) -> AsyncIterator[Closing]:
    """Close `database` at the end."""
    try:
        yield database
    finally:
        await database.close()


async def require_schema(database: Database, path: str, config: str, *, kinds: Collection[str] = EVERYTHING) -> None:
    """Raise `SchemaError` with each difference of `kinds` from the manifest, and what mends it."""
    differences = [each for each in await comparing.check(database) if each.kind in kinds]
    if differences:
        lines = [f"{each.message}\n    mend: {each.mend_with(config=config, file=path)}" for each in differences]
        raise SchemaError(f"database {masked(path)} differs from sql/manifest.json:\n" + "\n".join(lines))


def explain(error: sqlite3.Error, path: str) -> str:
    """Return the message of SQLite about the database at `path`, with advice for the operator."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    advice = _ADVICE.get(code & 0xFF) if code is not None else None
    return f"database {path}: {error}" + (f" - {advice}" if advice else "")
