"""What a PostgreSQL database looks like: tables, columns, keys, indexes, triggers, functions, views, and its ledger."""

from collections.abc import Sequence

from wizard_server.storage.database_schema import Column, DatabaseSchema, Table, fingerprint
from wizard_server.storage.engine import Reader, Row
from wizard_server.storage.queries import load_queries

_LEDGER = "schema_migrations"
_KINDS = {"p": "primary key", "u": "unique key", "f": "foreign key", "c": "check", "x": "exclusion"}


async def inspect(reader: Reader) -> DatabaseSchema:
    """Return what the database behind `reader` looks like, as far as the schema that its session works in."""
    names = await _rows(reader, "tables")
    columns, keys = await _rows(reader, "columns"), await _rows(reader, "keys")
    indexes, triggers = await _rows(reader, "indexes"), await _rows(reader, "triggers")
    tables = {
        row["name"]: Table(
            columns={
                each["name"]: Column(each["type"], each["nullable"], each["default"], each["generated"])
                for each in _of(row["name"], columns)
            },
            keys=frozenset((_KINDS[each["kind"]], each["definition"]) for each in _of(row["name"], keys)),
            indexes={each["name"]: each["definition"] for each in _of(row["name"], indexes)},
            triggers={each["name"]: each["definition"] for each in _of(row["name"], triggers)},
            unlogged=row["unlogged"],
        )
        for row in names
    }
    functions = {row["name"]: row["body"] for row in await _rows(reader, "functions")}
    views = {row["name"]: fingerprint(row["body"]) for row in await _rows(reader, "views")}
    scripts = {version: name for version, (name, _) in (await ledger(reader)).items()}
    return DatabaseSchema(tables, scripts, functions=functions, views=views)


async def ledger(reader: Reader) -> dict[int, tuple[str, str]]:
    """Return the scripts that ran, by number: their names, and when (ISO 8601, UTC)."""
    if not any(row["name"] == _LEDGER for row in await _rows(reader, "tables")):
        return {}
    return {row["version"]: (row["name"], row["applied_at"]) for row in await _rows(reader, "ledger")}


async def _rows(reader: Reader, kind: str) -> Sequence[Row]:
    return await reader.fetch_all(load_queries("postgresql")[f"schema.{kind}"])


def _of(table: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["table"] == table]
