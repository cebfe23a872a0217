"""``wizard-server import FILE``: adds an export to a database (contract 10)."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from wizard_server.commands.console import progress, say, tell
from wizard_server.commands.databases import opened, reported, require_schema
from wizard_server.commands.signals import interruptible
from wizard_server.config.urls import masked
from wizard_server.storage.archive.format import ArchiveError
from wizard_server.storage.archive.importing import Imported, import_lines
from wizard_server.storage.archive.reading import MAX_LINE_BYTES

STANDARD_INPUT = "-"


@reported
@interruptible
async def import_file(path: str, config: str, source: str, *, keep_going: bool = False) -> int:
    """Add the export `source` (``-``: standard input) to the database at `path`, in one transaction.

    Every error goes to standard error as ``line N: field: reason``; with any of them nothing is added and 1 is
    returned. With `keep_going` the good lines are added, and 1 is returned when there was a bad one.
    """
    async with opened(path, config, read_only=False) as database:
        await require_schema(database, path, config)
        with _readable(source) as (file, size), progress("importing", size, in_bytes=True) as advance:
            imported = await import_lines(database, _lines(file, advance), keep_going=keep_going, report=_report)
    counts = ", ".join(f"{count:,} {kind} lines" for kind, count in imported.lines.items()) or "nothing"
    say(f"imported {counts} into {masked(path)}")
    return _errors(imported)


def _errors(imported: Imported) -> int:
    if imported.errors:
        tell(f"wizard-server: {imported.errors:,} {'error' if imported.errors == 1 else 'errors'}")
    return 1 if imported.errors else 0


def _report(number: int, field: str, reason: str) -> None:
    tell(f"line {number}: {field}: {reason}")


@contextmanager
def _readable(source: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """Yield the file and its size in bytes, None where that is unknown."""
    if source == STANDARD_INPUT:
        yield sys.stdin.buffer, None
        return
    try:
        if Path(source).is_fifo():
            raise ArchiveError(f"{source} is a FIFO, which may never end: read it with - from standard input")
        with Path(source).open("rb") as file:
            yield file, Path(source).stat().st_size
    except OSError as error:
        raise ArchiveError(f"cannot read {source}: {error.strerror}") from error


def _lines(file: BinaryIO, advance: Callable[[int], None]) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_BYTES + 1):
        advance(len(line))
        yield line
