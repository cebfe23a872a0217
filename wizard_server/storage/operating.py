"""The port of the operators' commands: one connection, and statements that run in their order."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from wizard_server.storage.database_schema import DatabaseSchema
from wizard_server.storage.engine import Parameters, Reader
from wizard_server.storage.queries import Query


class ConstraintError(Exception):
    """A row cannot be in the database: `field` names the columns concerned, or "" where that is not known."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


class ScriptError(Exception):
    """A script failed, and nothing of it remains; `was_there` when it makes what exists already."""

    def __init__(self, message: str, *, was_there: bool) -> None:
        super().__init__(message)
        self.was_there = was_there


class Examination(NamedTuple):
    """Why a database must not be served from (`refusals`), and what its operator should know (`warnings`)."""

    refusals: Sequence[str]
    warnings: Sequence[str]


class Database(Reader, Protocol):
    """One connection.

    Transactions are begun and committed by statements. An error raises what the engine's driver says, or
    `StorageUnavailableError`.
    """

    @property
    def dialect(self) -> str:
        """The folder of its statements below ``sql/``."""

    async def execute(self, query: Query, parameters: Parameters | None = None) -> int:
        """Run `query` once and return how many rows it changed."""

    async def write(self, query: Query, rows: Sequence[Parameters]) -> int:
        """Run `query`, that of a `Write`, for each of `rows`; return how many rows changed in all.

        Raises `ConstraintError`; the transaction is then of no use before its last savepoint is gone back to.
        """

    async def run_script(self, script: str) -> None:
        """Run an operators' script as it is; raise `ScriptError` with nothing of its transaction left."""

    async def inspect(self) -> DatabaseSchema:
        """Return what the database looks like."""

    async def ledger(self) -> Mapping[int, tuple[str, str]]:
        """Return the scripts that ran, by number: their names, and when (ISO 8601, UTC)."""

    async def examine(self, tables: Collection[str], *, require_durability: bool) -> Examination:
        """Return what makes the database unfit, beside what it looks like; `tables` are those of the manifest."""

    async def hold(self, investigation_ids: Sequence[str]) -> None:
        """Lock these investigations and their states until the transaction ends."""

    async def place(self, investigation_ids: Sequence[str]) -> None:
        """Give these investigations the next place in the order of changes, as the last step of a transaction."""

    async def outdate(self) -> None:
        """Outdate all lists, because something changed that has no place; the last step of a transaction."""

    async def rollback(self) -> None:
        """Give up the open transaction, if there is one."""

    async def close(self) -> None:
        """Close the connection."""
