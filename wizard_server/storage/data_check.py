"""`wizard-server schema check --data`: finds the rows that the server cannot read, table by table, a page at a time."""

from collections.abc import AsyncIterator
from typing import Any

from wizard_server.errors import UnreadableRowError
from wizard_server.storage import tables
from wizard_server.storage.operating import Database
from wizard_server.storage.queries import load_queries

# A row may have a megabyte or two.
_PAGE = 50
_STATEMENTS = (
    (tables.INVESTIGATIONS, "data.investigations"),
    (tables.STATES, "data.states"),
    (tables.ENTRIES, "data.entries"),
    (tables.TEMPLATES, "data.templates"),
    (tables.KEPT_ANSWERS, "data.kept_answers"),
    (tables.SEQUENCE, "data.sequence"),
)


async def unreadable_rows(database: Database) -> AsyncIterator[UnreadableRowError]:
    """Yield every fault of every row, table by table, while others may write."""
    queries = load_queries(database.dialect)
    for table, name in _STATEMENTS:
        after: Any = None
        count = 0
        while rows := await database.fetch_all(queries[name], {"after": after, "limit": _PAGE}):
            for row in rows:
                for fault in table.faults(row):
                    yield fault
            after, count = rows[-1]["row"], count + len(rows)
        if table is tables.SEQUENCE and not count:
            yield table.missing()
