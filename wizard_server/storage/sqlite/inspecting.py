"""What an SQLite database looks like: its tables, columns, keys, indexes and views, and its ledger of scripts."""

from itertools import groupby

from wizard_server.errors import SchemaError
from wizard_server.storage.database_schema import (
    Column,
    DatabaseSchema,
    Table,
    fingerprint,
    foreign_key,
    index_text,
    listed,
    primary_key,
)
from wizard_server.storage.engine import Reader, Row
from wizard_server.storage.queries import load_queries


async def inspect(reader: Reader) -> DatabaseSchema:
    """Return what the database behind `reader` looks like."""
    tables = {name: await _inspect_table(reader, name) for name in await _table_names(reader)}
    scripts = {version: name for version, (name, _) in (await ledger(reader)).items()}
    (enforced,) = await reader.fetch_all(load_queries("sqlite")["schema.foreign_keys_enforced"])
    views = await reader.fetch_all(load_queries("sqlite")["schema.views"])
    bodies = {row["name"]: fingerprint(row["body"]) for row in views}
    return DatabaseSchema(tables, scripts, bool(enforced["enforced"]), views=bodies)


async def _table_names(reader: Reader) -> list[str]:
    return [row["name"] for row in await reader.fetch_all(load_queries("sqlite")["schema.tables"])]


async def _inspect_table(reader: Reader, table: str) -> Table:
    async def rows(kind: str) -> list[Row]:
        return list(await reader.fetch_all(load_queries("sqlite")[f"schema.{kind}"], {"table": table}))

    columns = await rows("columns")
    indexes = _grouped(await rows("indexes"), "index_name")
    unique = [group for group in indexes if group[0]["origin"] == "u"]
    keys = {("unique key", listed([row["column_name"] for row in group])) for group in unique}
    keys |= {
        foreign_key(
            [row["column_name"] for row in group],
            group[0]["referenced_table"],
            [row["referenced_column"] or "" for row in group],
            group[0]["on_delete"],
        )
        for group in _grouped(await rows("foreign_keys"), "id")
    }
    return Table(
        columns={
            row["name"]: Column(row["type"], not row["notnull"], row["dflt_value"], row["hidden"] in (2, 3))
            for row in columns
        },
        keys=frozenset(keys | primary_key({row["name"]: row["pk"] for row in columns})),
        indexes={group[0]["index_name"]: _made_index(group) for group in indexes if group[0]["origin"] == "c"},
        triggers={row["name"]: "" for row in await rows("triggers")},
    )


def _made_index(rows: list[Row]) -> str:
    columns = [f"{row['column_name'] or 'expression'} {'DESC' if row['desc'] else 'ASC'}" for row in rows]
    return index_text(rows[0]["unique"], rows[0]["partial"], columns)


def _grouped(rows: list[Row], key: str) -> list[list[Row]]:
    return [list(group) for _, group in groupby(rows, key=lambda row: row[key])]


async def ledger(reader: Reader) -> dict[int, tuple[str, str]]:
    """Return the scripts that ran, by number: their names, and when (ISO 8601, UTC).

    Raises `SchemaError` for a row that somebody wrote otherwise.
    """
    if "schema_migrations" not in await _table_names(reader):
        return {}
    rows = await reader.fetch_all(load_queries("sqlite")["schema.ledger"])
    for row in rows:
        for column in ("name", "applied_at"):
            if not isinstance(row[column], str):
                kind = type(row[column]).__name__.replace("bytes", "a BLOB or not UTF-8")
                raise SchemaError(
                    f"schema_migrations {row['version']}: {column} is {kind}, not text; an operator has to mend it"
                )
    return {row["version"]: (row["name"], row["applied_at"]) for row in rows}
