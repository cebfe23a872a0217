"""The audit trail, read: no more of it at a time than one answer may hold."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from wizard_server.domain.filters import EntriesEnd, HistoryFilter, Listed
from wizard_server.domain.trail import AuditEntry
from wizard_server.errors import UnreadableRowError
from wizard_server.storage.engine import Reader, Row
from wizard_server.storage.queries import Query, bound
from wizard_server.storage.rows import entry_from_row, partial_entry_from_row
from wizard_server.storage.statements.asking import Statements, asked_of

# Parts of entries that are read for one answer, as they are stored.
MAX_ENTRIES_BYTES = 2 << 20
_LARGE_ENTRY_BYTES = 32 << 10
_ENTRIES = 16


class Trail(Statements):
    """The statements of ``audit.sql`` that read."""

    async def history(self, reader: Reader, wanted: HistoryFilter) -> Listed[AuditEntry, EntriesEnd]:
        """Return one page of a trail."""
        asked = {**asked_of(wanted), "below": wanted.after and wanted.after.place}
        query = self._queries["audit.list"]
        entries, unreadable = await self._entries(reader, query, bound(query, asked), goes_on=True)
        total = await self._fetch(reader, "audit.count", asked)
        follows = []
        if entries and len(entries) + unreadable == wanted.limit:
            follows = [*await self._fetch(reader, "audit.follows", {**asked, "entry_id": entries[-1].entry_id})]
        end = EntriesEnd(follows[0]["place"]) if follows else None
        return Listed(entries, unreadable, total[0]["total"], end)

    async def between(
        self, reader: Reader, investigation_id: str, *, down_to: int, below: int, limit: int
    ) -> list[AuditEntry]:
        """Return entries that are versions between the bounds (both excluded), newest first; see `_entries`."""
        parameters = {"investigation_id": investigation_id, "down_to": down_to, "below": below, "limit": limit}
        entries, _ = await self._entries(reader, self._queries["audit.trail"], parameters)
        return entries

    async def after(self, reader: Reader, investigation_id: str, version: int, limit: int) -> list[AuditEntry]:
        """Return entries that are versions above `version`, oldest first; see `_entries`."""
        parameters = {"investigation_id": investigation_id, "version": version, "limit": limit}
        entries, _ = await self._entries(reader, self._queries["audit.after"], parameters)
        return entries

    async def _entries(
        self, reader: Reader, query: Query, parameters: Mapping[str, Any], *, goes_on: bool = False
    ) -> tuple[list[AuditEntry], int]:
        """Return the entries that `query` finds, up to `MAX_ENTRIES_BYTES` of parts and one at the least.

        With `goes_on` those beyond the limit come without their parts, and those that cannot be read are left out and
        counted; else such a one ends the answer, and raises when it would be the first. Others run between two large
        ones.
        """
        entries: list[AuditEntry] = []
        read = unreadable = 0
        async with aclosing(reader.stream(query, parameters, chunk=_ENTRIES)) as chunks:
            async for rows in chunks:
                for row in rows:
                    size = _size(row)
                    is_beyond = bool(read) and read + size > MAX_ENTRIES_BYTES
                    if is_beyond and not goes_on:
                        return entries, unreadable
                    if size > _LARGE_ENTRY_BYTES and not is_beyond:
                        await asyncio.sleep(0)
                    read += 0 if is_beyond else size
                    decode = partial_entry_from_row if is_beyond else entry_from_row
                    try:
                        entries.append(self._unreadable.one(decode, row))
                    except UnreadableRowError:
                        if not goes_on and not entries:
                            raise
                        if not goes_on:
                            return entries, unreadable
                        unreadable += 1
        return entries, unreadable


def _size(row: Row) -> int:
    """Return how long the parts of an entry are; what is no text is short enough to be found unreadable."""
    return sum(len(part) for part in (row["previous_state"], row["new_state"]) if isinstance(part, str | bytes))
