"""What an SQLite connection offers to the operators' commands only."""

import re
import sqlite3
from collections.abc import Collection, Mapping, Sequence

from wizard_server.storage.database_schema import DatabaseSchema
from wizard_server.storage.engine import Reader
from wizard_server.storage.operating import ConstraintError, Examination
from wizard_server.storage.sqlite import inspecting

_CONSTRAINT = re.compile(r"(UNIQUE|NOT NULL) constraint failed: (.*)")
_REASONS = {"UNIQUE": "exists already", "NOT NULL": "is required"}


class Operating:
    """Locks and places need nothing here: a writer has the whole database, and triggers give places."""

    dialect = "sqlite"

    async def inspect(self: Reader) -> DatabaseSchema:
        """See `Database`."""
        return await inspecting.inspect(self)

    async def ledger(self: Reader) -> Mapping[int, tuple[str, str]]:
        """See `Database`."""
        return await inspecting.ledger(self)

    async def examine(self, tables: Collection[str], *, require_durability: bool) -> Examination:
        """See `Database`: each connection sets what it rests on."""
        return Examination([], [])

    async def hold(self, investigation_ids: Sequence[str]) -> None:
        """See `Database`."""

    async def place(self, investigation_ids: Sequence[str]) -> None:
        """See `Database`."""

    async def outdate(self) -> None:
        """See `Database`."""


def refused(error: sqlite3.IntegrityError) -> ConstraintError:
    """Return what a constraint's refusal says of the row."""
    match = _CONSTRAINT.fullmatch(str(error))
    if match is None:
        return ConstraintError("", str(error))
    fields = ", ".join(name.rpartition(".")[2] for name in match[2].split(", "))
    return ConstraintError(fields, _REASONS[match[1]])
