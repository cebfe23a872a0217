"""How the rows of a table are read: column by column, and a fault names its row, column and reason."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wizard_server.errors import UnreadableRowError
from wizard_server.storage.column_values import FaultError, Reader
from wizard_server.storage.engine import Row

# Characters of a key that a message shows.
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of one table, by the names that statements give them; `key` names its rows.

    `check` returns what is wrong between columns that are each good for themselves: one of them and the reason.
    """

    table: str
    key: str
    columns: Mapping[str, Reader]
    check: Callable[[Mapping[str, Any]], tuple[str, str] | None] = lambda values: None

    def read(self, row: Row, *, without: Collection[str] = ()) -> dict[str, Any]:
        """Return the values of those columns of `row` that the table has, but not of those in `without`.

        Raises `UnreadableRowError` for the first fault.
        """
        values = {}
        columns = self.columns
        for name, value in zip(row.keys(), row, strict=True):
            if name in columns and name not in without:
                try:
                    values[name] = columns[name](value)
                except FaultError as fault:
                    raise self._unreadable(row, name, str(fault)) from None
        wrong = self.check(values)
        if wrong is not None:
            raise self._unreadable(row, *wrong)
        return values

    def faults(self, row: Row) -> Iterator[UnreadableRowError]:
        """Yield every fault of `row`; what is wrong between columns only when each is good for itself."""
        found = False
        for name, value in zip(row.keys(), row, strict=True):
            if name in self.columns:
                try:
                    self.columns[name](value)
                except FaultError as fault:
                    found = True
                    yield self._unreadable(row, name, str(fault))
        if not found:
            try:
                self.read(row)
            except UnreadableRowError as error:
                yield error

    def only(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the values of a table that has one row; raise `UnreadableRowError` when it has none."""
        if not rows:
            raise self.missing()
        return self.read(rows[0])

    def missing(self) -> UnreadableRowError:
        """Return the error for a table that has lost its one row."""
        return UnreadableRowError(table=self.table, key=self.table, column=self.key, reason="is missing: no row")

    def _unreadable(self, row: Row, column: str, reason: str) -> UnreadableRowError:
        names = row.keys()
        key = row[self.key] if self.key in names else self.table
        owner = row["user_id"] if "user_id" in names else None
        return UnreadableRowError(
            table=self.table,
            key=(key if isinstance(key, str) else repr(key))[:_SHOWN],
            column=column,
            reason=reason,
            owner=owner if isinstance(owner, str) else None,
        )
