"""Logs each row that cannot be read once, and counts those of a list."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TypeVar

from wizard_server.errors import UnreadableRowError

logger = logging.getLogger(__name__)

Row = TypeVar("Row")
Read = TypeVar("Read")
# How many rows are remembered as named; beyond them the one named longest ago may be named again.
MAX_NAMED = 1000


class UnreadableRows:
    """Decodes rows, and remembers which unreadable ones were logged."""

    def __init__(self) -> None:
        self._named: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    def one(self, decode: Callable[[Row], Read], row: Row) -> Read:
        """Return the decoded `row`; log one that cannot be read, and raise `UnreadableRowError`."""
        try:
            return decode(row)
        except UnreadableRowError as error:
            self.name(error)
            raise

    def every(self, decode: Callable[[Row], Read], rows: Iterable[Row]) -> tuple[list[Read], int]:
        """Return those of `rows` that can be read, decoded, and the number of the others."""
        read: list[Read] = []
        left_out = 0
        for row in rows:
            try:
                read.append(decode(row))
            except UnreadableRowError as error:
                self.name(error)
                left_out += 1
        return read, left_out

    def name(self, error: UnreadableRowError) -> None:
        """Log the row, unless it was logged for the same reason before."""
        place = (error.table, error.key, error.column)
        if self._named.get(place) == error.reason:
            return
        self._named[place] = error.reason
        if len(self._named) > MAX_NAMED:
            self._named.popitem(last=False)
        logger.error(
            "a stored row cannot be read",
            extra={
                "table": error.table,
                "key": error.key,
                "column": error.column,
                "reason": error.reason,
                "mend": "wizard-server schema check --data",
            },
        )
