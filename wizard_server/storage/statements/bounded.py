"""Reads rows with large documents, no more at a time than one answer may hold, while others run."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
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


class Largest(NamedTuple):
    """How long a document may be, and how many names it may have: the parser takes 0.3 microseconds for each.

    It holds the interpreter's lock for a whole text, in a thread too: 60 ms for the names of 160,000 members.
    """

    characters: int
    names: int

    def admits(self, text: str) -> bool:
        """Whether a JSON `text` is no larger; a quote within a text is escaped, so that it ends no name."""
        return len(text) <= self.characters and text.count('":') - text.count('\\":') <= self.names


def largest_part(state_bytes: int, state_nodes: int) -> Largest:
    """Return how large a side of an entry may be, where a state may be so large: three times that, for older limits."""
    return Largest(3 * state_bytes, 3 * state_nodes)


class Decoding(NamedTuple, Generic[Read]):
    """How the rows of one table are decoded: with the documents in `columns`, and without.

    A document that `largest` does not admit is never read (None: all are).
    """

    columns: tuple[str, ...]
    whole: Callable[[Row], Read]
    partial: Callable[[Row], Read]
    largest: Largest | None = None

    def size(self, row: Row) -> int:
        """Return how much the documents weigh; what is no text is short enough to be found unreadable."""
        return sum(len(text) + _NODE_BYTES * text.count(",") for text in self._texts(row))

    def admits(self, row: Row) -> bool:
        """Whether the documents may be read."""
        return self.largest is None or all(map(self.largest.admits, self._texts(row)))

    def _texts(self, row: Row) -> Iterator[str]:
        return (text for text in map(row.__getitem__, self.columns) if isinstance(text, str))


async def bounded(
    reader: Reader,
    query: Query,
    parameters: Mapping[str, Any],
    decoding: Decoding[Read],
    unreadable: UnreadableRows,
) -> AsyncGenerator[tuple[Row, Read | UnreadableRowError], None]:
    """Yield the rows that `query` finds, each with what it says, or with why it cannot be read.

    Up to `MAX_BYTES` of documents are read, and one row's at the least; rows beyond come without theirs, and so do
    those that are too large by themselves.
    """
    taken = 0
    time_slice = TimeSlice()
    async with aclosing(reader.stream(query, parameters, chunk=_CHUNK)) as chunks:
        async for rows in chunks:
            for row in rows:
                size = decoding.size(row)
                is_beyond = (bool(taken) and taken + size > MAX_BYTES) or not decoding.admits(row)
                taken += 0 if is_beyond else size
                decode = decoding.partial if is_beyond else decoding.whole
                try:
                    yield row, await aside(0 if is_beyond else size, unreadable.one, decode, row)
                except UnreadableRowError as error:
                    yield row, error
                await time_slice.yield_if_over()
