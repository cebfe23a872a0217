"""Reads what was committed after a place in the order of changes, by this server or others."""

from collections.abc import Sequence
from typing import NamedTuple

from wizard_server.domain.clock import wire_or_none
from wizard_server.storage import tables
from wizard_server.storage.engine import Reader, Row
from wizard_server.storage.statements.asking import Statements


class Change(NamedTuple):
    """One changed state: its newest version (None: it is gone), and when its agents reported.

    `is_shown` unless that is all: dashboards show no instant at which agents were heard.
    """

    investigation_id: str
    owner: str | None
    version: int | None
    heard_at: str | None
    is_shown: bool


class Page(NamedTuple):
    """What changed, in order; the newest place there is, and the floor, below which no change tells everything."""

    newest: int
    floor: int
    changes: Sequence[Change]

    def leads_on_from(self, position: int) -> bool:
        """Whether it tells everything that was done after `position`; not where a backup was restored."""
        return self.floor <= position <= self.newest


class Changes(Statements):
    """The statement of ``changes.sql``."""

    async def after(self, reader: Reader, position: int, most: int) -> Page:
        """Return what has a place above `position`, at most `most` changes; raises `UnreadableRowError`."""
        rows = await self._fetch(reader, "changes.after", {"position": position, "limit": most})
        found = self._unreadable.one(tables.SEQUENCE.only, rows)
        return Page(
            found["value"], found["floor"], [_change(row) for row in rows if row["investigation_id"] is not None]
        )


def _change(row: Row) -> Change:
    heard_at = wire_or_none(row["heard_at"])
    return Change(row["investigation_id"], row["user_id"], row["version"], heard_at, bool(row["is_shown"]))
