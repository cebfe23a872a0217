"""``wizard-server export FILE``: the database as JSON lines (contract 10)."""

import io
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO, BinaryIO

from wizard_server.commands.console import READER_GONE, progress, say_no_more, tell
from wizard_server.commands.databases import CONTENT, opened, refuse_own_files, reported, require_schema
from wizard_server.commands.signals import interruptible
from wizard_server.config.urls import masked
from wizard_server.storage.archive.exporting import export_lines, snapshot
from wizard_server.storage.new_file import OutputFileError, new_file
from wizard_server.storage.operating import Database

STANDARD_OUTPUT = "-"
_MOST_IN_MEMORY = 8 << 20
_PIECE = 1 << 20


@reported
@interruptible
async def export(path: str, config: str, target: str) -> int:
    """Write a snapshot of the database at `path` to the new file `target`, or to standard output (``-``).

    The same database gives the same bytes. A slow reader of standard output delays no writer, because the export is
    complete before its first byte is written there. Returns 1 and leaves no file when it cannot be written, and
    `READER_GONE` without a message when the reader of standard output goes away.
    """
    refuse_own_files(path, target)
    async with opened(path, config) as database:
        await require_schema(database, path, config, kinds=CONTENT)
        try:
            with _writable(target) as out, _kept_until_read(out) as file:
                rows = await _write(database, file, show=target != STANDARD_OUTPUT or not sys.stdout.isatty())
        except BrokenPipeError:
            say_no_more()
            return READER_GONE
    if target != STANDARD_OUTPUT:
        tell(f"exported {masked(path)} to {target}: {rows:,} rows")
    return 0


async def _write(database: Database, file: IO[bytes], *, show: bool) -> int:
    """Return how many rows were written."""
    async with snapshot(database) as rows:
        with progress("exporting", rows, shown=show) as advance:
            async for line in export_lines(database):
                file.write(line)
                advance(1)
    file.flush()
    return rows


@contextmanager
def _kept_until_read(out: BinaryIO) -> Iterator[IO[bytes]]:
    """Yield `out` if it is a file, else a temporary file that is copied to `out` at the end.

    A snapshot keeps the write-ahead log from being reset; with a pipe its reader would decide for how long.
    """
    if _is_file(out):
        yield out
        return
    with SpooledTemporaryFile(max_size=_MOST_IN_MEMORY) as room:
        try:
            yield room
            room.seek(0)
        except OSError as error:
            reason = f"cannot keep the export in {gettempdir()} until it is read: {error.strerror}"
            raise OutputFileError(f"{reason}; TMPDIR names another folder") from error
        shutil.copyfileobj(room, out, _PIECE)
        out.flush()


def _is_file(out: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(out.fileno()).st_mode)
    except io.UnsupportedOperation:
        return False


@contextmanager
def _writable(target: str) -> Iterator[BinaryIO]:
    if target != STANDARD_OUTPUT:
        with new_file(target) as partial, partial.open("wb") as file:
            yield file
        return
    try:
        yield sys.stdout.buffer
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputFileError(f"cannot write to standard output: {error.strerror}") from error
