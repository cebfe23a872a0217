"""An operator at the shell of a database, of whichever engine: a path is SQLite's, a URL PostgreSQL's."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import psycopg
from psycopg.rows import dict_row

from wizard_server.storage.postgresql.forms import WireLoader

_SERVER = "postgresql://"


def run(address: str, statement: str, values: Sequence[Any] = ()) -> None:
    """Run a statement from another connection and commit it at once; its parameters are ``?``."""
    if address.startswith(_SERVER):
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(_styled(statement, values), values or None)
        return
    with closing(sqlite3.connect(address, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(statement, values)


def run_together(address: str, *statements: tuple[str, Sequence[Any]]) -> None:
    """Run statements, each with its parameters, in one transaction."""
    if address.startswith(_SERVER):
        with psycopg.connect(address) as server:
            for statement, values in statements:
                server.execute(_styled(statement, values), values or None)
        return
    with closing(sqlite3.connect(address)) as connection, connection:
        for statement, values in statements:
            connection.execute(statement, values)


def ask(address: str, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Return the rows of a SELECT, instants in wire form; ``rowid`` is the order of the trail on every engine."""
    if address.startswith(_SERVER):
        with psycopg.connect(address, autocommit=True, options="-c timezone=UTC", row_factory=dict_row) as connection:
            connection.adapters.register_loader("timestamptz", WireLoader)
            return connection.execute(_styled(statement.replace("rowid", "place"), values), values or None).fetchall()
    with closing(sqlite3.connect(address)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(statement, values)]


def _styled(statement: str, values: Sequence[Any]) -> bytes:
    """Return a statement with the driver's parameters; without values nothing in it is one."""
    return (statement.replace("%", "%%").replace("?", "%s") if values else statement).encode()
