"""Open a database: a file, which is made where that is asked for, or one in memory."""

import os
import secrets
import sqlite3
import stat
from pathlib import Path

import aiosqlite

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.engine import BUSY_TIMEOUT_SECONDS
from wizard_server.storage.queries import load_queries
from wizard_server.storage.sqlite.connection import Connection

_NO_FILES = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
_MEMORY = "file:/wizard-server-memory-"
_PRAGMAS = ("connection.wal", "connection.durable", "connection.foreign_keys")


async def connect(
    path: str,
    *,
    echo: bool = False,
    read_only: bool = False,
    create: bool = False,
    busy_timeout: float = BUSY_TIMEOUT_SECONDS,
) -> Connection:
    """Open the file at `path`; unless `create`, a file that does not exist is an error and is not made.

    A statement waits `busy_timeout` seconds for a lock.
    Only its owner may read a file that is made here, nor its companions, to which SQLite gives its permissions.
    Raises `StorageUnavailableError` when the file cannot be opened, or is none: a FIFO would be waited for.
    """
    if not is_in_memory(path):
        _require_file(path, create=create)
    mode = "ro" if read_only else "rwc" if create else "rw"
    uri = f"{path}&mode={mode}" if path.startswith(_MEMORY) else f"file:{_quoted(path)}?mode={mode}"
    try:
        raw = await aiosqlite.connect(uri, uri=True, isolation_level=None, timeout=busy_timeout)
    except sqlite3.Error as error:
        raise StorageUnavailableError(f"cannot open database {path}: {error}") from error
    raw.row_factory = sqlite3.Row
    await raw.create_function("casefold", 1, _casefold, deterministic=True)
    connection = Connection(raw, echo=echo)
    try:
        for name in _PRAGMAS if not read_only else _PRAGMAS[-1:]:
            await connection.execute(load_queries("sqlite")[name])
    except sqlite3.Error as error:
        await connection.close()
        raise StorageUnavailableError(f"cannot use database {path}: {error}") from error
    return connection


def is_in_memory(path: str) -> bool:
    """Return whether `path` is one of `memory_path`."""
    return path.startswith(_MEMORY)


def _require_file(path: str, *, create: bool) -> None:
    try:
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode):
            kind = next((name for test, name in _NO_FILES if test(mode)), "no regular file")
            raise StorageUnavailableError(f"cannot open database {path}: it is {kind}")
    except FileNotFoundError:
        if not create:
            raise StorageUnavailableError(f"cannot open database {path}: no such file") from None
        _make_file(path)
    except (OSError, ValueError) as error:  # ValueError: a path with U+0000
        raise StorageUnavailableError(f"cannot open database {path}: {_reason(error)}") from error


def _make_file(path: str) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StorageUnavailableError(f"cannot make database {path}: {_reason(error)}") from error


def _reason(error: OSError | ValueError) -> str:
    return str(getattr(error, "strerror", None) or error)


def _casefold(text: object) -> object:
    """Return `text` as search compares it: without case, in any alphabet.

    Statements pass what is stored as a BLOB, because SQLite's text need not be UTF-8, and as text it would fail them.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return text.casefold() if isinstance(text, str) else text


def memory_path() -> str:
    """Return the path of a new database in memory, shared by all connections of this process while one is open."""
    return f"{_MEMORY}{secrets.token_hex(8)}?vfs=memdb"


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
