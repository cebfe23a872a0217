"""Export: the whole database as lines, from one snapshot, a few rows at a time."""

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson

from wizard_server.storage.archive.format import END, FORMAT, HEADER, KINDS, ArchiveError, Kind, encode, faults
from wizard_server.storage.column_values import FaultError, json_value
from wizard_server.storage.engine import Row
from wizard_server.storage.operating import Database
from wizard_server.storage.queries import load_queries
from wizard_server.storage.schema import scripts
from wizard_server.storage.schema.orphans import orphans

_CHUNK = 50


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[int]:
    """Hold on to the database as it is now; yield how many rows an export of it has.

    Raises `ArchiveError` for rows without a parent: they could not be imported again.
    """
    queries = load_queries(database.dialect)
    await database.execute(queries["archive.snapshot"])
    try:
        lost = await orphans(database)
        if lost:
            raise ArchiveError(f"an export could not be imported again; mend these first: {'; '.join(lost)}")
        [counts] = await database.fetch_all(queries["archive.counts"])
        yield sum(counts)
    finally:
        await database.rollback()


async def export_lines(database: Database) -> AsyncIterator[bytes]:
    """Yield the lines of an export, each with its newline; the caller holds the `snapshot`."""
    queries = load_queries(database.dialect)
    yield _line({"kind": HEADER, "format": FORMAT, "schema": len(scripts.scripts(database.dialect))})
    count = 2
    for kind in KINDS.values():
        async for rows in database.stream(queries[kind.rows], chunk=_CHUNK):
            count += len(rows)
            for row in rows:
                yield _line(_members(kind, row))
    yield _line({"kind": END, "lines": count})


def _line(members: Mapping[str, Any]) -> bytes:
    return encode(members) + b"\n"


def _members(kind: Kind, row: Row) -> dict[str, Any]:
    values = {name: row[name] for name in kind.model.model_fields}
    _refuse_what_json_lacks(kind, values)
    written = dict(values)
    raw = []
    for member in kind.documents:
        if values[member] is None:
            continue
        try:
            values[member] = json_value(values[member])
            written[member] = orjson.Fragment(encode(values[member]))
        except FaultError:
            raw.append(member)
    broken = {fault.member for fault in faults(kind, values)}.difference(raw)
    if kind.name == "state" and not row["has_entry"]:
        broken.add("version")
    notes = {"unchecked": [name for name in values if name in broken], "raw": raw}
    return {"kind": kind.name, **written, **{note: names for note, names in notes.items() if names}}


def _refuse_what_json_lacks(kind: Kind, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        reason = "a BLOB, or text that is not UTF-8" if isinstance(value, bytes) else None
        if isinstance(value, float) and not math.isfinite(value):
            reason = "no finite number"
        if reason:
            key = next(iter(values.values()))
            raise ArchiveError(f"{kind.name} {key!r}: {name} is {reason}; mend that row and export again")
