"""When files of the database are lost: refuses work, saves what was committed, and resumes once they are back."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from time import monotonic

from wizard_server.storage.sqlite.connection import Connection
from wizard_server.storage.sqlite.files import OTHERS_HAVE_WRITTEN, DatabaseFiles, FilesLostError

logger = logging.getLogger(__name__)


# Later, somebody who has opened the database elsewhere may be writing to it.
_SAVE_WITHIN_SECONDS = 5.0
_PATIENCE_SECONDS = 0.5


class FileWatch:
    """Watches `files`; `pause` lends no reader while it lasts, and waits so many seconds for those that are lent."""

    def __init__(
        self,
        files: DatabaseFiles,
        writer: Connection,
        pause: Callable[[float], AbstractAsyncContextManager[None]],
    ) -> None:
        self._files = files
        self._writer = writer
        self._pause = pause
        self._looking = asyncio.Lock()
        self._lost: str | None = None
        self._save_until: float | None = None

    async def look(self) -> None:
        """Raise `FilesLostError` while a file is lost, with all that was committed saved in the database file."""
        async with self._looking:
            lost = self._files.review()
            if lost != self._lost:
                self._tell(lost)
            if lost is not None:
                await self._save()
                raise FilesLostError(lost)

    def _tell(self, lost: str | None) -> None:
        if lost is None:
            logger.warning("the files of the database are back")
            self._save_until = None
        else:
            logger.error("the files of the database are lost, everything is refused", extra={"reason": lost})
            if self._lost is None:
                self._save_until = monotonic() + _SAVE_WITHIN_SECONDS
            elif lost == OTHERS_HAVE_WRITTEN:
                self._save_until = None
        self._lost = lost

    async def _save(self) -> None:
        """Copy the whole log into the database file that is open, wherever it is now, and leave the log empty.

        Nothing acknowledged then depends on a log that was deleted, and a log that stayed behind adds nothing to
        another database that is moved to its place.
        """
        if self._save_until is None or self._files.is_shared_with_strangers:
            return
        try:
            async with self._pause(_PATIENCE_SECONDS):
                is_saved = await self._writer.checkpoint()
        except sqlite3.Error as error:
            logger.warning("the write-ahead log cannot be copied into its database", extra={"reason": str(error)})
            is_saved = False
        self._files.note_last_write()
        if is_saved:
            self._save_until = None
        elif monotonic() > self._save_until:
            logger.error("the write-ahead log could not be copied into its database, which was in use")
            self._save_until = None
