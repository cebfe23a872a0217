"""Between PostgreSQL's forms of values and ours: instants in wire form, lists in binary, rows by names."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from psycopg import AsyncConnection, AsyncCursor
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.types.array import ListBinaryDumper

_UTC = "+00"


class Record:
    """A `Row`."""

    __slots__ = ("_columns", "_values")

    def __init__(self, columns: Sequence[str], values: Sequence[Any]) -> None:
        self._columns = columns
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values[self._columns.index(name)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def keys(self) -> Sequence[str]:
        """Return the names of the columns."""
        return self._columns


Raw = AsyncConnection[Record]


class WireLoader(Loader):
    """An instant as the wire has it; sessions have UTC, and what has no wire form (``infinity``) stays as it is."""

    def load(self, data: Buffer) -> str:
        """Return ``2026-01-09 08:00:00.12+00`` as ``2026-01-09T08:00:00.120Z``."""
        text = bytes(data).decode()
        return f"{text[:10]}T{text[11:19]}.{text[20:-3]:0<3}Z" if text.endswith(_UTC) else text


def records(cursor: AsyncCursor[Any]) -> Callable[[Sequence[Any]], Record]:
    """Make rows of what a statement answers."""
    columns = [column.name for column in cursor.description or ()]
    return lambda values: Record(columns, values)


def adapt(raw: Raw) -> None:
    """Have `raw` read and write values in our forms.

    A list of documents goes out in binary: as text each is quoted and parsed, six times the work.
    """
    raw.adapters.register_loader("timestamptz", WireLoader)
    raw.adapters.register_dumper(list, ListBinaryDumper)
