"""What dashboards ask of the database: pages of investigations, and what changed since a place in the order."""

import sqlite3
from dataclasses import asdict
from typing import Any

from wizard_server.domain.ports import ActiveFilter, ActivePage
from wizard_server.storage.queries import bound, load_queries
from wizard_server.storage.sqlite import Connection

# More changes than one commit can make, so that cutting an answer short never cuts through one place in the order.
_MOST = 2000
_STATEMENTS = {
    "page": ("active.page_user", "active.page_all"),
    "count": ("active.count_user", "active.count_all"),
    "changed": ("active.changed_user", "active.changed_all"),
    "removed": ("active.removed_user", "active.removed_all"),
    "quiet": ("active.quiet_user", "active.quiet_all"),
}


class ActiveRepository:
    """The statements of ``active.sql``; each exists for one user and for everybody."""

    def __init__(self, engine: str = "sqlite") -> None:
        self._queries = load_queries(engine)

    async def _ask(self, connection: Connection, name: str, wanted: ActiveFilter, **more: Any) -> list[sqlite3.Row]:
        of_user, of_all = _STATEMENTS[name]
        query = self._queries[of_all if wanted.user_id is None else of_user]
        return await connection.fetch_all(query, bound(query, {**asdict(wanted), **more}))

    async def page(self, connection: Connection, wanted: ActiveFilter) -> ActivePage:
        """Return one page, and a place up to which it is complete: read first, so that nothing falls in between."""
        cursor, floor = await self._sequence(connection)
        rows = await self._ask(connection, "page", wanted)
        total = await self._ask(connection, "count", wanted)
        return ActivePage([_summary(row) for row in rows], [], total[0]["total"], cursor, floor)

    async def _sequence(self, connection: Connection) -> tuple[int, int]:
        """Return the place of the newest change in the order of all, and the one below which lists are outdated."""
        row = (await connection.fetch_all(self._queries["active.sequence"]))[0]
        return row["value"], row["floor"]

    async def since(self, connection: Connection, wanted: ActiveFilter, cursor: int) -> ActivePage:
        """Return what changed and what was removed after `cursor`, up to a place that the answer names."""
        newest, floor = await self._sequence(connection)
        changed = await self._ask(connection, "changed", wanted, cursor=cursor, limit=_MOST)
        removed = await self._ask(connection, "removed", wanted, cursor=cursor, limit=_MOST)
        for rows in (changed, removed):
            if len(rows) == _MOST:
                newest = min(newest, rows[-1]["change_seq"] - 1)
        summaries = [_summary(row) for row in changed if row["change_seq"] <= newest]
        gone = [row["investigation_id"] for row in removed if row["change_seq"] <= newest]
        return ActivePage(summaries, gone, len(summaries), newest, floor)

    async def quiet(
        self, connection: Connection, wanted: ActiveFilter, *, after: str, until: str, limit: int
    ) -> list[dict[str, Any]]:
        """Return running investigations that last changed between two instants, the longest silent first."""
        rows = await self._ask(connection, "quiet", wanted, after=after, until=until, limit=limit)
        return [_summary(row) for row in rows]


def _summary(row: sqlite3.Row) -> dict[str, Any]:
    return {name: row[name] for name in row.keys() if name != "change_seq"}  # noqa: SIM118 - a row iterates over values
