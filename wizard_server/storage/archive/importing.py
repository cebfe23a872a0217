"""Import: the rows of an export into the database, in one transaction that the trail does not notice."""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wizard_server.storage.archive.reading import Report, Row, read_rows
from wizard_server.storage.queries import Query, load_queries
from wizard_server.storage.schema import scripts
from wizard_server.storage.sqlite.connection import Connection
from wizard_server.storage.unaudited import quiet_transaction

_RUN_ROWS = 200
_RUN_BYTES = 2 * 1024 * 1024
_CONSTRAINT = re.compile(r"(UNIQUE|NOT NULL) constraint failed: (.*)")
_REASONS = {"UNIQUE": "exists already", "NOT NULL": "is required"}


@dataclass(slots=True)
class Imported:
    """How many lines of each kind went in, and how many errors there were."""

    lines: Counter[str] = field(default_factory=Counter)
    errors: int = 0


class _RefusedError(Exception):
    """There were errors, and all or nothing was asked for."""


async def import_lines(connection: Connection, lines: Iterable[bytes], *, keep_going: bool, report: Report) -> Imported:
    """Add the rows of an export; with any error nothing, with `keep_going` what is good.

    `report` hears every error as it is found. A row may refer only to investigations of the same export: a trail is
    never mixed with one that is here already. Raises `ArchiveError` for what is no export, `sqlite3.Error` when the
    database cannot be written; nothing is added then.
    """
    imported = Imported()

    def counted(number: int, path: str, reason: str) -> None:
        imported.errors += 1
        report(number, path, reason)

    rows = read_rows(lines, newest_schema=len(scripts.scripts("sqlite")), report=counted)
    try:
        async with quiet_transaction(connection) as trail_is_on:
            loader = _Loader(connection, counted, trail_is_on=trail_is_on)
            await loader.prepare()
            for run in _runs(rows):
                imported.lines[run[0].kind.name] += await loader.add(run)
            _settle(imported, keep_going=keep_going)
    except _RefusedError:
        imported.lines.clear()
    return imported


def _settle(imported: Imported, *, keep_going: bool) -> None:
    """Raise `_RefusedError` when nothing may go in because something cannot."""
    if imported.errors and not keep_going:
        raise _RefusedError


def _runs(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows of one kind in runs that are bounded in number and size."""
    run: list[Row] = []
    size = 0
    for row in rows:
        if run and (row.kind is not run[0].kind or len(run) >= _RUN_ROWS or size + row.size > _RUN_BYTES):
            yield run
            run, size = [], 0
        run.append(row)
        size += row.size
    if run:
        yield run


class _Loader:
    """Adds runs of rows: all at once, and one by one where that fails."""

    def __init__(self, connection: Connection, report: Report, *, trail_is_on: bool) -> None:
        self._connection = connection
        self._report = report
        self._trail_is_on = trail_is_on
        self._queries: Mapping[str, Query] = load_queries("sqlite")
        self._rows_before = 0

    async def prepare(self) -> None:
        """Note where the investigations of this import begin."""
        [row] = await self._connection.fetch_all(self._queries["archive.newest_row"])
        self._rows_before = row["row"]

    async def add(self, run: list[Row]) -> int:
        """Return how many of `run`, all of one kind, went in; the others are reported."""
        query = self._queries[run[0].kind.add]
        parameters = [self._bound(row, query) for row in run]
        await self._connection.execute(self._queries["archive.savepoint"])
        try:
            added = await self._connection.execute_many(query, parameters)
        except sqlite3.IntegrityError:
            added = 0
        if added != len(run):
            await self._connection.execute(self._queries["archive.undo"])
            added = sum([await self._add_one(row, query, bound) for row, bound in zip(run, parameters, strict=True)])
        await self._connection.execute(self._queries["archive.release"])
        return added

    def _bound(self, row: Row, query: Query) -> dict[str, Any]:
        unaudited = not self._trail_is_on or "version" in row.unchecked
        known = {**row.values, "rows_before": self._rows_before, "unaudited": int(unaudited)}
        return {name: known[name] for name in query.parameters}

    async def _add_one(self, row: Row, query: Query, parameters: Mapping[str, Any]) -> int:
        try:
            if await self._connection.execute(query, parameters):
                return 1
        except sqlite3.IntegrityError as error:
            self._report(row.number, *_explain(error, row.kind.name))
            return 0
        subject = {name: parameters[name] for name in ("investigation_id", "rows_before")}
        if not await self._connection.fetch_all(self._queries["archive.brought"], subject):
            self._report(row.number, "investigation_id", "no good line above brings this investigation")
        else:
            self._report(row.number, "version", f"no good line above is the entry of version {parameters['version']}")
        return 0


def _explain(error: sqlite3.IntegrityError, kind: str) -> tuple[str, str]:
    """Return the field and the reason of a constraint's refusal."""
    match = _CONSTRAINT.fullmatch(str(error))
    if match is None:
        return kind, str(error)
    return ", ".join(name.rpartition(".")[2] for name in match[2].split(", ")), _REASONS[match[1]]
