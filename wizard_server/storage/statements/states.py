"""Reads states and their parents."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson

from wizard_server.domain.clock import wire_or_none
from wizard_server.domain.filters import Listed, StateFilter, StatesEnd
from wizard_server.domain.record import PARTS, Stamp, StateRecord
from wizard_server.domain.time_slices import TimeSlice, aside
from wizard_server.domain.trail import Investigation
from wizard_server.storage.engine import Reader, Row
from wizard_server.storage.rows import folded, investigation_from_row, state_from_row, summary_from_row
from wizard_server.storage.statements import paging
from wizard_server.storage.statements.asking import Statements, asked_of

_TEXTS = tuple(f"{part}_json" for part in PARTS)
NEWEST_FIRST = "-updated_at"
# The statement of a first page, and that of one after it.
_NEWEST_FIRST = ("states.list_newest", "states.list_newest_after")
_SORTED = ("states.list_sorted", "states.list_after")


class States(Statements):
    """The statements of ``states.sql`` and ``investigations.sql`` that read."""

    async def state(self, reader: Reader, investigation_id: str) -> StateRecord | None:
        """Return the newest committed version of a state."""
        rows = await self._fetch(reader, "states.get", {"investigation_id": investigation_id})
        if not rows:
            return None
        size = sum(len(text) for text in map(rows[0].__getitem__, _TEXTS) if isinstance(text, str))
        time_slice = TimeSlice()
        record = await aside(size, self._unreadable.one, state_from_row, rows[0])
        await time_slice.yield_if_over()
        return record

    async def investigation(self, reader: Reader, investigation_id: str) -> Investigation | None:
        """Return the parent row of a state."""
        rows = await self._fetch(reader, "investigations.get", {"investigation_id": investigation_id})
        return self._unreadable.one(investigation_from_row, rows[0]) if rows else None

    async def stamps(self, reader: Reader, investigation_ids: Sequence[str]) -> dict[str, Stamp]:
        """Return the versions of those of the given states that exist."""
        parameters = {"investigation_ids": orjson.dumps(investigation_ids).decode()}
        rows = await self._fetch(reader, "states.versions", parameters)
        return {row["investigation_id"]: _stamp(row) for row in rows}

    async def ping(self, reader: Reader) -> None:
        """Raise unless the database answers."""
        await self._fetch(reader, "health.ping", {})

    async def page(self, reader: Reader, wanted: StateFilter) -> Listed[dict[str, Any], StatesEnd]:
        """Return one page of summaries."""
        after = {} if wanted.after is None else asdict(wanted.after)
        contains = folded(wanted.name_contains)
        asked = {**asked_of(wanted), **after, "name_contains": contains, "limit": wanted.limit + 1}
        first, following = _NEWEST_FIRST if wanted.sort == NEWEST_FIRST else _SORTED
        rows = await self._fetch(reader, following if after else first, asked)
        total = await self._fetch(reader, "states.count", asked)
        end = paging.states_end(rows, wanted)
        return Listed(*self._unreadable.every(summary_from_row, rows[: wanted.limit]), total[0]["total"], end)


def _stamp(row: Row) -> Stamp:
    created, updated, heard = (wire_or_none(row[name]) for name in ("created_at", "updated_at", "heard_at"))
    return Stamp(row["version"], created, updated, heard)
