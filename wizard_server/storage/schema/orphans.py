"""Rows whose parent is missing."""

from wizard_server.storage.queries import load_queries
from wizard_server.storage.sqlite.connection import Connection

MOST_FINDINGS = 10


async def orphans(connection: Connection) -> list[str]:
    """Return what refers to a row that is not there, as texts; at most a few."""
    rows = await connection.fetch_all(load_queries("sqlite")["backup.orphans"], {"limit": MOST_FINDINGS})
    return [f"{row['child']} row {row['row']} has no parent in {row['parent']}" for row in rows]
