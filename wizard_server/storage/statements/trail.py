"""Reads the audit trail, no more of it at a time than one answer may hold."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from wizard_server.domain.filters import EntriesEnd, HistoryFilter, Listed
from wizard_server.domain.trail import AuditEntry
from wizard_server.errors import UnreadableRowError
from wizard_server.storage.engine import Reader, Row
from wizard_server.storage.queries import Query, bound
from wizard_server.storage.rows import entry_from_row, partial_entry_from_row
from wizard_server.storage.statements.asking import Statements, asked_of
from wizard_server.storage.statements.bounded import Decoding, Largest, bounded
from wizard_server.storage.unreadable import UnreadableRows

_DOCUMENTS = ("previous_state", "new_state")


class Trail(Statements):
    """The statements of ``audit.sql`` that read; sides that `largest` does not admit are not."""

    def __init__(self, dialect: str, unreadable: UnreadableRows | None = None, largest: Largest | None = None) -> None:
        super().__init__(dialect, unreadable)
        self._decoding = Decoding(_DOCUMENTS, entry_from_row, partial_entry_from_row, largest)

    async def history(self, reader: Reader, wanted: HistoryFilter) -> Listed[AuditEntry, EntriesEnd]:
        """Return one page of a trail; entries beyond `MAX_BYTES` come without their parts."""
        asked = {**asked_of(wanted), "below": wanted.after and wanted.after.place}
        query = self._queries["audit.list"]
        entries: list[AuditEntry] = []
        unreadable = 0
        async with aclosing(self._read(reader, query, bound(query, asked))) as rows:
            async for _, entry in rows:
                if isinstance(entry, AuditEntry):
                    entries.append(entry)
                else:
                    unreadable += 1
        total = await self._fetch(reader, "audit.count", asked)
        follows = []
        if entries and len(entries) + unreadable == wanted.limit:
            follows = [*await self._fetch(reader, "audit.follows", {**asked, "entry_id": entries[-1].entry_id})]
        end = EntriesEnd(follows[0]["place"]) if follows else None
        return Listed(entries, unreadable, total[0]["total"], end)

    async def between(
        self, reader: Reader, investigation_id: str, *, down_to: int, below: int, limit: int
    ) -> list[AuditEntry]:
        """Return entries that are versions between the bounds (both excluded), newest first; see `_whole`."""
        parameters = {"investigation_id": investigation_id, "down_to": down_to, "below": below, "limit": limit}
        return await self._whole(reader, self._queries["audit.trail"], parameters)

    async def after(self, reader: Reader, investigation_id: str, version: int, limit: int) -> list[AuditEntry]:
        """Return entries that are versions above `version`, oldest first; see `_whole`."""
        parameters = {"investigation_id": investigation_id, "version": version, "limit": limit}
        return await self._whole(reader, self._queries["audit.after"], parameters)

    async def _whole(self, reader: Reader, query: Query, parameters: Mapping[str, Any]) -> list[AuditEntry]:
        """Return the entries that `query` finds, with their parts, as many as one answer may hold.

        One that cannot be read ends the answer, and raises when it would be the first; one that is too large ends it.
        """
        entries: list[AuditEntry] = []
        async with aclosing(self._read(reader, query, parameters)) as rows:
            async for _, entry in rows:
                if isinstance(entry, UnreadableRowError) and not entries:
                    raise entry
                if isinstance(entry, UnreadableRowError) or entry.is_partial:
                    break
                entries.append(entry)
        return entries

    def _read(
        self, reader: Reader, query: Query, parameters: Mapping[str, Any]
    ) -> AsyncGenerator[tuple[Row, AuditEntry | UnreadableRowError], None]:
        return bounded(reader, query, parameters, self._decoding, self._unreadable)
