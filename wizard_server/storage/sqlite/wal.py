"""Keep the write-ahead log small: copy it into the database when it is quiet, or when the log has grown too long.

SQLite begins the log anew only at a moment when nobody reads from it. Readers that take turns leave no such moment, so
for a long log none is lent until the log is copied.
"""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from time import monotonic

from wizard_server.storage.sqlite.connection import Connection
from wizard_server.storage.sqlite.files import DatabaseFiles

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 0.25

Pause = Callable[[float], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class LogBounds:
    """From how many bytes on the log is copied when it is quiet, is copied in any case, and is worth a warning.

    SQLite itself copies at about 4 MiB, and goes on in the same file. A long reader in another process cannot be waited
    for: each attempt holds up writes for a tenth of a second, so there are `pause` seconds between them.
    """

    small: int = 4 << 20
    large: int = 12 << 20
    alarming: int = 64 << 20
    pause: float = 5.0


DEFAULT_BOUNDS = LogBounds()


class LogKeeper:
    """Keeps the log of `files` within `bounds`.

    `pause` lends no reader meanwhile, waiting so many seconds for those lent.
    """

    def __init__(self, files: DatabaseFiles, writer: Connection, pause: Pause, bounds: LogBounds) -> None:
        self._files = files
        self._writer = writer
        self._pause = pause
        self._bounds = bounds
        self._seen = (0, 0)
        self._again = 0.0
        self._warned = False
        self.bytes = 0

    async def look(self) -> None:
        """Shorten the log where it is time to; called several times a second."""
        seen = self._files.log_size_and_change()
        is_quiet, self._seen = seen == self._seen, seen
        self.bytes = seen[0]
        if self.bytes > self._bounds.large and monotonic() >= self._again:
            await self._shorten()
        elif self.bytes > self._bounds.small and is_quiet and monotonic() >= self._again:
            await self._copy()
        self.bytes, _ = self._files.log_size_and_change()
        self._warn()

    async def _shorten(self) -> None:
        async with self._pause(_PATIENCE_SECONDS):
            await self._copy()

    async def _copy(self) -> None:
        try:
            is_done = await self._writer.checkpoint()
        except sqlite3.Error as error:
            logger.warning("the write-ahead log cannot be copied into its database", extra={"reason": str(error)})
            is_done = False
        self._again = 0.0 if is_done else monotonic() + self._bounds.pause

    def _warn(self) -> None:
        """Say once that the log has grown beyond all measure, and once that it is short again."""
        if self.bytes > self._bounds.alarming and not self._warned:
            what = "the write-ahead log keeps growing: another process reads an old state of the database all the time"
            logger.warning(what, extra={"bytes": self.bytes})
            self._warned = True
        elif self.bytes <= self._bounds.large and self._warned:
            logger.info("the write-ahead log is short again", extra={"bytes": self.bytes})
            self._warned = False
