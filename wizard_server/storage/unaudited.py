"""A transaction of which the audit trail hears nothing: what retention and archives move about is no change."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wizard_server.storage.queries import load_queries
from wizard_server.storage.sqlite.connection import Connection

_MOVING = 2


@asynccontextmanager
async def quiet_transaction(connection: Connection) -> AsyncIterator[bool]:
    """Begin to write with the trail off, and commit with the trail as it was; an error undoes everything.

    Yields whether the trail is on for everybody else. Raises `sqlite3.Error`, of the commit too.
    """
    queries = load_queries("sqlite")
    await connection.execute(queries["connection.begin"])
    try:
        rows = await connection.fetch_all(queries["retention.switch_state"])
        enabled = bool(rows and rows[0]["enabled"] == 1)
        await connection.execute(queries["retention.switch"], {"enabled": _MOVING})
        yield enabled
        await connection.execute(queries["retention.switch"], {"enabled": int(enabled)})
        await connection.execute(queries["connection.commit"])
    except BaseException:
        await connection.rollback()
        raise
