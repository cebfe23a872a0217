"""``wizard-server export FILE``: the database as JSON lines (contract 10)."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from wizard_server.commands.console import READER_GONE, interruptible, progress, say_no_more, tell
from wizard_server.commands.databases import CONTENT, opened, reported, require_schema
from wizard_server.storage.archive_export import export_lines, snapshot
from wizard_server.storage.outfile import OutputFileError, new_file
from wizard_server.storage.sqlite import Connection

STANDARD_OUTPUT = "-"


@reported
@interruptible
async def export(path: str, config: str, target: str) -> int:
    """Write the database at `path`, as it is at one moment, to the new file `target`, or to standard output (``-``).

    The same database gives the same bytes. Returns 1 when it cannot be written, leaving no file, and `READER_GONE`
    quietly when whoever reads standard output goes away.
    """
    async with opened(path, config) as connection:
        await require_schema(connection, path, config, kinds=CONTENT)
        try:
            with _writable(target) as file:
                rows = await _write(connection, file, show=target != STANDARD_OUTPUT or not sys.stdout.isatty())
        except BrokenPipeError:
            say_no_more()
            return READER_GONE
    if target != STANDARD_OUTPUT:
        tell(f"exported {path} to {target}: {rows:,} rows")
    return 0


async def _write(connection: Connection, file: BinaryIO, *, show: bool) -> int:
    """Return how many rows were written."""
    async with snapshot(connection) as rows:
        with progress("exporting", rows, shown=show) as advance:
            async for line in export_lines(connection):
                file.write(line)
                advance(1)
    file.flush()
    return rows


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
