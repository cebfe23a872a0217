"""A transaction that writes nothing to the audit trail: what retention and archives move is no change."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wizard_server.storage.operating import Database
from wizard_server.storage.queries import load_queries

_MOVING = 2


@asynccontextmanager
async def unaudited_transaction(database: Database) -> AsyncIterator[bool]:
    """Begin a transaction with the trail off, and commit it with the trail as it was; an error rolls it back.

    Yields whether the trail is on for everybody else. Raises `sqlite3.Error`, of the commit too.
    """
    queries = load_queries(database.dialect)
    await database.execute(queries["connection.begin"])
    try:
        rows = await database.fetch_all(queries["retention.switch_state"])
        enabled = bool(rows and rows[0]["enabled"] == 1)
        await database.execute(queries["retention.switch"], {"enabled": _MOVING})
        yield enabled
        await database.execute(queries["retention.switch"], {"enabled": int(enabled)})
        await database.execute(queries["connection.commit"])
    except BaseException:
        await database.rollback()
        raise
