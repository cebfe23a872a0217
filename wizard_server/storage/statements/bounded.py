"""Rows with large documents, read: no more of them at a time than one answer may hold, and others run meanwhile."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Generic, NamedTuple, TypeVar

from wizard_server.domain.time_slices import TimeSlice, aside
from wizard_server.errors import UnreadableRowError
from wizard_server.storage.engine import Reader, Row
from wizard_server.storage.queries import Query
from wizard_server.storage.unreadable import UnreadableRows

Read = TypeVar("Read")

# Documents that are read for one answer, as they are stored; each of their nodes weighs as much as so many bytes more.
MAX_BYTES = 2 << 20
_NODE_BYTES = 16
_CHUNK = 16


class Decoding(NamedTuple, Generic[Read]):
    """How the rows of one table are decoded: with the documents in `columns`, and without."""

    columns: tuple[str, ...]
    whole: Callable[[Row], Read]
    partial: Callable[[Row], Read]

    def size(self, row: Row) -> int:
        """Return how much the documents weigh; what is no text is short enough to be found unreadable."""
        texts = (text for text in map(row.__getitem__, self.columns) if isinstance(text, str))
        return sum(len(text) + _NODE_BYTES * text.count(",") for text in texts)


async def bounded(
    reader: Reader,
    query: Query,
    parameters: Mapping[str, Any],
    decoding: Decoding[Read],
    unreadable: UnreadableRows,
) -> AsyncGenerator[tuple[Row, Read | UnreadableRowError], None]:
    """Yield the rows that `query` finds, each with what it says, or with why it cannot be read.

    Up to `MAX_BYTES` of documents are read, and one row's at the least; rows beyond come without theirs.
    """
    taken = 0
    time_slice = TimeSlice()
    async with aclosing(reader.stream(query, parameters, chunk=_CHUNK)) as chunks:
        async for rows in chunks:
            for row in rows:
                size = decoding.size(row)
                is_beyond = bool(taken) and taken + size > MAX_BYTES
                taken += 0 if is_beyond else size
                decode = decoding.partial if is_beyond else decoding.whole
                try:
                    yield row, await aside(0 if is_beyond else size, unreadable.one, decode, row)
                except UnreadableRowError as error:
                    yield row, error
                await time_slice.yield_if_over()
