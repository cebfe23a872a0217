"""When the files of the database are lost: refuse, save what was committed, and go on once they are back."""

import logging
import sqlite3
from collections.abc import Callable

from wizard_server.storage.files import DatabaseFiles, FilesLostError
from wizard_server.storage.sqlite import Connection

logger = logging.getLogger(__name__)


class FileWatch:
    """Looks after `files`; `forget` drops what is remembered of the database when they are lost."""

    def __init__(self, files: DatabaseFiles, writer: Connection, forget: Callable[[], None]) -> None:
        self._files = files
        self._writer = writer
        self._forget = forget
        self._lost: str | None = None
        self._is_saved = False

    async def look(self) -> None:
        """Raise `FilesLostError` while a file is lost, with all that was committed saved in the database file."""
        lost = self._files.review()
        if lost != self._lost:
            self._tell(lost)
        if lost is not None:
            self._forget()
            await self._save()
            raise FilesLostError(lost)

    def _tell(self, lost: str | None) -> None:
        self._lost, self._is_saved = lost, False
        if lost is None:
            logger.warning("the files of the database are back")
        else:
            logger.error("the files of the database are lost, everything is refused", extra={"reason": lost})

    async def _save(self) -> None:
        """Copy the whole log into the database file that is open, wherever it is now, and leave the log empty.

        Nothing acknowledged then depends on a log that was deleted, and a log that stayed behind adds nothing to
        another database that is moved to its place.
        """
        if self._is_saved or self._files.is_shared_with_strangers:
            return
        try:
            self._is_saved = await self._writer.checkpoint()
        except sqlite3.Error as error:
            logger.warning("the write-ahead log cannot be copied into its database", extra={"reason": str(error)})
        self._files.keep_quiet()
