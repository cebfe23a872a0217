"""The statements of one transaction, and how rows are read whose texts are not UTF-8."""

import sqlite3
from collections.abc import Callable, Iterable

from wizard_server.storage.engine import Parameters
from wizard_server.storage.queries import Query

_NO_UTF_8 = "decode to UTF-8"


class Session:
    """The statements of one transaction, run one after the other on the connection's own thread."""

    def __init__(self, raw: sqlite3.Connection, log: Callable[[Query], None]) -> None:
        self._raw = raw
        self._log = log

    def fetch_all(self, query: Query, parameters: Parameters | None = None) -> list[sqlite3.Row]:
        """Return every row of `query`."""
        self._log(query)
        return rows_of(self._raw, query, parameters)

    def execute(self, query: Query, parameters: Parameters | None = None) -> int:
        """Run `query` once and return how many rows it changed."""
        self._log(query)
        return self._raw.execute(query.sql, parameters or {}).rowcount

    def execute_many(self, query: Query, rows: Iterable[Parameters]) -> int:
        """Run `query` for each of `rows`; return how many rows changed in all."""
        self._log(query)
        return self._raw.executemany(query.sql, rows).rowcount


def rows_of(raw: sqlite3.Connection, query: Query, parameters: Parameters | None) -> list[sqlite3.Row]:
    """Return every row of `query`; where a text is not UTF-8, which fails them all, its bytes."""
    try:
        return raw.execute(query.sql, parameters or {}).fetchall()
    except sqlite3.OperationalError as error:
        if _NO_UTF_8 not in str(error):
            raise
    factory, raw.text_factory = raw.text_factory, text_or_bytes
    try:
        return raw.execute(query.sql, parameters or {}).fetchall()
    finally:
        raw.text_factory = factory


def text_or_bytes(stored: bytes) -> str | bytes:
    """Return `stored` as text, or as it is where it is not UTF-8."""
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return stored
