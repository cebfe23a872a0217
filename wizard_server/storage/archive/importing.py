"""Import: the rows of an export into the database, in one transaction that the trail does not notice."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from wizard_server.storage.archive.reading import Report, Row, read_rows
from wizard_server.storage.operating import ConstraintError, Database
from wizard_server.storage.queries import Query, load_queries
from wizard_server.storage.rows import folded
from wizard_server.storage.schema import scripts
from wizard_server.storage.unaudited import unaudited_transaction

_RUN_ROWS = 200
_RUN_BYTES = 2 * 1024 * 1024


@dataclass(slots=True)
class Imported:
    """How many lines of each kind went in, and how many errors there were."""

    lines: Counter[str] = field(default_factory=Counter)
    errors: int = 0


class _RefusedError(Exception):
    """There were errors, and all or nothing was asked for."""


async def import_lines(database: Database, lines: Iterable[bytes], *, keep_going: bool, report: Report) -> Imported:
    """Add the rows of an export; with any error nothing, with `keep_going` what is good.

    `report` hears every error as it is found. A row may refer only to investigations of the same export: a trail is
    never mixed with one that is here already. Raises `ArchiveError` for what is no export, and what `Database` does
    when it cannot be written; nothing is added then.
    """
    imported = Imported()

    def counted(number: int, path: str, reason: str) -> None:
        imported.errors += 1
        report(number, path, reason)

    rows = read_rows(lines, newest_schema=len(scripts.scripts(database.dialect)), report=counted)
    try:
        async with unaudited_transaction(database) as trail_is_on:
            loader = _Loader(database, counted, trail_is_on=trail_is_on)
            await loader.prepare()
            for run in _runs(rows):
                imported.lines[run[0].kind.name] += await loader.add(run)
            _settle(imported, keep_going=keep_going)
            await database.outdate()
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

    def __init__(self, database: Database, report: Report, *, trail_is_on: bool) -> None:
        self._database = database
        self._report = report
        self._trail_is_on = trail_is_on
        self._queries: Mapping[str, Query] = load_queries(database.dialect)
        self._rows_before = 0

    async def prepare(self) -> None:
        """Note where the investigations of this import begin."""
        [row] = await self._database.fetch_all(self._queries["archive.newest_row"])
        self._rows_before = row["row"]

    async def add(self, run: list[Row]) -> int:
        """Return how many of `run`, all of one kind, went in; the others are reported."""
        query = self._queries[run[0].kind.add]
        parameters = [self._bound(row, query) for row in run]
        await self._database.execute(self._queries["archive.savepoint"])
        try:
            added = await self._database.write(query, parameters)
        except ConstraintError:
            added = 0
        if added != len(run):
            await self._database.execute(self._queries["archive.undo"])
            added = sum([await self._add_one(row, query, bound) for row, bound in zip(run, parameters, strict=True)])
        await self._database.execute(self._queries["archive.release"])
        return added

    def _bound(self, row: Row, query: Query) -> dict[str, Any]:
        unaudited = not self._trail_is_on or "version" in row.unchecked
        known = {**row.values, **_folded(row), "rows_before": self._rows_before, "unaudited": int(unaudited)}
        return {name: known[name] for name in query.parameters}

    async def _add_one(self, row: Row, query: Query, parameters: Mapping[str, Any]) -> int:
        await self._database.execute(self._queries["archive.savepoint"])  # the run's own stays below it
        try:
            if await self._database.write(query, [parameters]):
                return 1
        except ConstraintError as error:
            await self._database.execute(self._queries["archive.undo"])
            self._report(row.number, error.field or row.kind.name, error.reason)
            return 0
        subject = {name: parameters[name] for name in ("investigation_id", "rows_before")}
        if not await self._database.fetch_all(self._queries["archive.brought"], subject):
            self._report(row.number, "investigation_id", "no good line above brings this investigation")
        else:
            self._report(row.number, "version", f"no good line above is the entry of version {parameters['version']}")
        return 0


def _folded(row: Row) -> dict[str, str | None]:
    """Return what search compares of a row's texts, for engines that keep it."""
    texts: dict[str, Any] = {}
    if row.kind.name == "state":
        texts = {"name": _name_in(row.values["settings"])}
    elif row.kind.name == "template":
        texts = {name: row.values[name] for name in ("name", "description")}
    return {f"{name}_folded": folded(text if isinstance(text, str) else None) for name, text in texts.items()}


def _name_in(settings: str | None) -> Any:
    """Return the name in the document `settings`, which may be anything; None when there is none."""
    try:
        document = orjson.loads(settings or "null")
    except orjson.JSONDecodeError:
        return None
    return document.get("name") if isinstance(document, dict) else None
