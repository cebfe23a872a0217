"""Rows whose parent is missing."""

from wizard_server.storage.operating import Database
from wizard_server.storage.queries import load_queries

MOST_FINDINGS = 10


async def orphans(database: Database) -> list[str]:
    """Return what refers to a row that is not there, as texts; at most a few."""
    rows = await database.fetch_all(load_queries(database.dialect)["backup.orphans"], {"limit": MOST_FINDINGS})
    return [f"{row['child']} row {row['row']} has no parent in {row['parent']}" for row in rows]
