"""The files of an open database: whether those at its path are still the ones that were opened.

When somebody deletes, moves or replaces its files, SQLite keeps using those that it has open: what it acknowledges then
is written where nobody finds it, or beside a database to which it does not belong.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from wizard_server.storage.engine import LostError

_DATABASE = "the database file"
_LOG = "the write-ahead log (-wal)"
_INDEX = "the log's shared index (-shm)"
OTHERS_HAVE_WRITTEN = "another process has written to the database while its files were away: restart the server"
_Identity = tuple[int, int]


class FilesLostError(LostError):
    """A file of the database is not the one that was opened; nothing was read or written."""


class DatabaseFiles:
    """The database at `path`, its write-ahead log and the log's shared index; none of a database in memory.

    `note` remembers which files they are once all are open. From then on `check` compares them: three calls of `stat`,
    about 5 us, from any thread. `review` decides what a loss and a return mean.
    """

    def __init__(self, path: str, *, in_memory: bool) -> None:
        self._real = str(Path(path).resolve())  # SQLite's companions stand beside the file itself, not beside a link
        self._paths = {} if in_memory else {_DATABASE: path, _LOG: f"{self._real}-wal", _INDEX: f"{self._real}-shm"}
        self._opened = _identity(path)
        self._noted: dict[str, _Identity | None] = {}
        self._lost: str | None = None
        self._last_write = 0

    def note(self) -> None:
        """Remember the files; raise `FilesLostError` when the database was replaced while it was opened."""
        noted = {what: _identity(path) for what, path in self._paths.items()}
        if self._paths and noted[_DATABASE] != self._opened:
            raise FilesLostError(_told(_DATABASE))
        self._noted = noted

    def check(self) -> None:
        """Raise `FilesLostError` unless every file is the one that was noted, and nothing is known to be lost."""
        if self._lost is not None:
            raise FilesLostError(self._lost)
        for what in self._missing():
            raise FilesLostError(_told(what))

    def _missing(self) -> Iterator[str]:
        """Yield what is not at its path."""
        return (what for what, noted in self._noted.items() if _identity(self._paths[what]) != noted)

    def review(self) -> str | None:
        """Return what is lost, None when nothing is.

        A loss ends when the same files are back and nobody has written to them meanwhile: else what this process holds
        of them is worth nothing, and only a restart helps.
        """
        missing = next(self._missing(), None)
        if missing is not None:
            if self._lost is None:
                self.note_last_write()
            self._lost = _told(missing)
        elif self._lost is not None and not self._was_written():
            self._lost = None
        elif self._lost is not None:
            self._lost = OTHERS_HAVE_WRITTEN
        return self._lost

    def _was_written(self) -> bool:
        """Whether the database or its log has changed since this process wrote to them for the last time."""
        return any(Path(self._paths[what]).stat().st_mtime_ns > self._last_write for what in (_DATABASE, _LOG))

    def note_last_write(self) -> None:
        """Remember that this process writes to none of the files from now on."""
        self._last_write = time.time_ns()

    def log_size_and_change(self) -> tuple[int, int]:
        """Return how many bytes the write-ahead log has, and when it changed last (nanoseconds); zeros without one."""
        if not self._paths:
            return 0, 0
        try:
            found = Path(self._paths[_LOG]).stat()
        except OSError:
            return 0, 0
        return found.st_size, found.st_mtime_ns

    @property
    def is_shared_with_strangers(self) -> bool:
        """Whether another process may use the database with a log or an index of its own, made after ours was deleted.

        Each side is then blind to the locks of the other, so nothing may be copied from our log into the database.
        Where another database stands in its place they use that one, and SQLite leaves it alone.
        """
        if not self._paths or _identity(self._real) != self._opened:
            return False
        return any(_identity(self._paths[what]) not in (None, self._noted.get(what)) for what in (_LOG, _INDEX))


def _told(what: str) -> str:
    ending = "" if what == _DATABASE else "; restart the server unless it comes back"
    return f"{what} is not the one that was opened: it was moved or deleted{ending}"


def _identity(path: str) -> _Identity | None:
    """Return which file is at `path`; None when there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - for each commit: a Path costs half as much again
    except OSError:
        return None
    return found.st_dev, found.st_ino
