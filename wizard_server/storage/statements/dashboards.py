"""The queries of dashboards: pages of investigations, and what changed after a place in the order."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from wizard_server.domain.clock import wire_or_none
from wizard_server.domain.filters import ActiveFilter, ActivePage
from wizard_server.domain.time_slices import TimeSlice
from wizard_server.storage import tables
from wizard_server.storage.engine import Reader, Row
from wizard_server.storage.queries import bound
from wizard_server.storage.rows import summary_from_row, summary_of
from wizard_server.storage.statements.asking import Statements

Read = TypeVar("Read")
# More changes than one commit can make, so that cutting an answer short never cuts through one place in the order.
_MOST = 2000
# How many rows that cannot be read may stand before the first that can.
_MOST_UNREADABLE = 20
# How many rows are decoded before others may run.
_SLICE = 100
_STATEMENTS = {
    "page": ("active.page_user", "active.page_all"),
    "count": ("active.count_user", "active.count_all"),
    "changed": ("active.changed_user", "active.changed_all"),
    "removed": ("active.removed_user", "active.removed_all"),
    "newly_stalled": ("active.newly_stalled_user", "active.newly_stalled_all"),
    "last_reports": ("active.last_reports_user", "active.last_reports_all"),
}


class Dashboards(Statements):
    """The statements of ``active.sql``; each exists for one user and for everybody."""

    async def _ask(self, reader: Reader, name: str, wanted: ActiveFilter, **more: Any) -> Sequence[Row]:
        of_user, of_all = _STATEMENTS[name]
        query = self._queries[of_all if wanted.user_id is None else of_user]
        return await reader.fetch_all(query, bound(query, {**asdict(wanted), **more}))

    async def page(self, reader: Reader, wanted: ActiveFilter) -> ActivePage:
        """Return one page, and a place up to which it is complete; it is read first, so that no change is missed."""
        cursor, floor = await self._sequence(reader)
        rows = await self._ask(reader, "page", wanted)
        total = await self._ask(reader, "count", wanted)
        summaries, unreadable = await self._every(summary_from_row, rows)
        return ActivePage(summaries, [], total[0]["total"], cursor, floor, unreadable)

    async def _every(self, decode: Callable[[Row], Read], rows: Sequence[Row]) -> tuple[list[Read], int]:
        """Return the decoded `rows`, and how many cannot be read. Others run in between: 1,000 rows take 20 ms."""
        time_slice, read, left_out = TimeSlice(), list[Read](), 0
        for begin in range(0, len(rows), _SLICE):
            some, unreadable = self._unreadable.every(decode, rows[begin : begin + _SLICE])
            read += some
            left_out += unreadable
            await time_slice.yield_if_over()
        return read, left_out

    async def _sequence(self, reader: Reader) -> tuple[int, int]:
        """Return the place of the newest change in the order of all, and the one below which lists are outdated."""
        rows = await reader.fetch_all(self._queries["active.sequence"])
        found = self._unreadable.one(tables.SEQUENCE.only, rows)
        return found["value"], found["floor"]

    async def since(self, reader: Reader, wanted: ActiveFilter, cursor: int) -> ActivePage:
        """Return what changed and what was removed after `cursor`, up to a place that the answer names.

        More changes than the filter's limit are cut off, but never within one commit.
        """
        newest, floor = await self._sequence(reader)
        last = newest
        changed, most = await self._changed(reader, wanted, cursor)
        removed = await self._ask(reader, "removed", wanted, cursor=cursor, limit=_MOST)
        rows, unreadable = await self._every(tables.STATES.read, changed)
        gone, unreadable_too = await self._every(tables.REMOVED.read, removed)
        for found, read, full in ((changed, rows, most), (removed, gone, _MOST)):
            if len(found) == full and read:
                newest = min(newest, read[-1]["change_seq"] - 1)
        summaries = [summary_of(row) for row in rows if row["change_seq"] <= newest]
        ids = [row["investigation_id"] for row in gone if row["change_seq"] <= newest]
        unreadable += unreadable_too
        return ActivePage(summaries, ids, len(summaries), newest, floor, unreadable, has_more=newest < last)

    async def _changed(self, reader: Reader, wanted: ActiveFilter, cursor: int) -> tuple[Sequence[Row], int]:
        """Return what changed after `cursor`, and how many rows there are where there may be more."""
        most = min(wanted.limit, _MOST - 1) + 1
        rows = await self._ask(reader, "changed", wanted, cursor=cursor, limit=most)
        if len(rows) == most and rows[0]["change_seq"] == rows[-1]["change_seq"]:
            most = _MOST
            rows = await self._ask(reader, "changed", wanted, cursor=cursor, limit=most)
        return rows, most

    async def newly_stalled(
        self, reader: Reader, wanted: ActiveFilter, *, after: str, until: str, limit: int
    ) -> list[dict[str, Any]]:
        """Return running investigations whose last report came between two instants, the oldest report first."""
        rows = await self._ask(
            reader, "newly_stalled", wanted, after=after, until=until, limit=limit + _MOST_UNREADABLE
        )
        return (await self._every(summary_from_row, rows))[0][:limit]

    async def last_reports(
        self, reader: Reader, wanted: ActiveFilter, *, after: str, limit: int
    ) -> list[tuple[str, str]]:
        """Return running investigations (ids) with their last reports, those after `after`, the oldest first."""
        rows = await self._ask(reader, "last_reports", wanted, after=after, limit=limit + _MOST_UNREADABLE)
        found = [(row["investigation_id"], wire_or_none(row["last_report"])) for row in rows]
        return [(key, reported) for key, reported in found if reported is not None][:limit]
