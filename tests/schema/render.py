"""Write the manifest of a database that the scripts have just made: ``python -m tests.schema.render``.

Whoever adds a script runs this into ``sql/manifest.json`` and reads the difference before committing it.
"""

import json
import sqlite3
from contextlib import closing
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from tests import postgresql
from wizard_server.storage.database_schema import fingerprint
from wizard_server.storage.queries import load_queries
from wizard_server.storage.schema.scripts import scripts

_KINDS = {"p": "primary key", "u": "unique key", "f": "foreign key", "c": "check", "x": "exclusion"}


def fresh() -> sqlite3.Connection:
    """Return a database in memory after every script."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    for script in scripts("sqlite"):
        connection.executescript(script.text)
    return connection


def render(url: str) -> str:
    """Return the text of the manifest, one line for each column, key, index and trigger.

    `url` leads to a PostgreSQL database that the scripts have made.
    """
    with closing(fresh()) as connection:
        names = [row["name"] for row in _rows(connection, "tables")]
        tables = {name: _table(connection, name) for name in names}
        views = {row["name"]: fingerprint(row["body"]) for row in _rows(connection, "views")}
    with psycopg.connect(url, row_factory=dict_row) as server:
        found = {
            kind: _asked(server, kind)
            for kind in ("tables", "columns", "keys", "indexes", "triggers", "functions", "views")
        }
    lines = ["{", '  "$schema": "manifest.schema.json",', f'  "schema_version": {len(scripts("sqlite"))},']
    lines += ['  "sqlite": {', *_tables(tables), "    },", *_bodies("views", views), "  },", '  "postgresql": {']
    lines += [*_tables({row["name"]: _postgresql_table(row["name"], found) for row in found["tables"]}), "    },"]
    functions = _bodies("functions", {row["name"]: row["body"] for row in found["functions"]})
    server_views = _bodies("views", {row["name"]: fingerprint(row["body"]) for row in found["views"]})
    return "\n".join([*lines, *functions[:-1], "    },", *server_views, "  }", "}", ""])


def _bodies(kind: str, bodies: dict[str, str]) -> list[str]:
    lines = [f'      "{name}": "{body}"' for name, body in bodies.items()]
    return [f'    "{kind}": {{', ",\n".join(lines), "    }"]


def _tables(tables: dict[str, dict[str, list[Any]]]) -> list[str]:
    lines = ['    "tables": {']
    for table, entry in tables.items():
        lines.append(f'      "{table}": {{')
        for member, items in entry.items():
            plain = not items or isinstance(items[0], str)
            value = json.dumps(items) if plain else "\n".join(["[", *_each_on_its_line(items), "        ]"])
            lines.append(f'        "{member}": {value}' + ("" if member == "triggers" else ","))
        lines.append("      }" if table == list(tables)[-1] else "      },")
    return lines


def _asked(server: psycopg.Connection[DictRow], kind: str) -> list[DictRow]:
    return server.execute(load_queries("postgresql")[f"schema.{kind}"].sql.encode()).fetchall()


def _postgresql_table(table: str, found: dict[str, list[DictRow]]) -> dict[str, list[Any]]:
    def of(kind: str, *members: str) -> list[dict[str, Any]]:
        return [{name: row[name] for name in members} for row in found[kind] if row["table"] == table]

    return {
        "columns": of("columns", "name", "type", "nullable", "default", "generated"),
        "keys": [{**key, "kind": _KINDS[key["kind"]]} for key in of("keys", "kind", "definition")],
        "indexes": of("indexes", "name", "definition"),
        "triggers": of("triggers", "name", "definition"),
    }


def _each_on_its_line(items: list[Any]) -> list[str]:
    texts = [f"          {json.dumps(item)}" for item in items]
    return [f"{text}," for text in texts[:-1]] + texts[-1:]


def _rows(connection: sqlite3.Connection, kind: str, table: str = "") -> list[sqlite3.Row]:
    return connection.execute(load_queries("sqlite")[f"schema.{kind}"].sql, {"table": table}).fetchall()


def _table(connection: sqlite3.Connection, table: str) -> dict[str, list[Any]]:
    indexes: dict[str, list[sqlite3.Row]] = {}
    for row in _rows(connection, "indexes", table):
        indexes.setdefault(row["index_name"], []).append(row)
    foreign_keys: dict[int, list[sqlite3.Row]] = {}
    for row in _rows(connection, "foreign_keys", table):
        foreign_keys.setdefault(row["id"], []).append(row)
    return {
        "columns": [_column(row) for row in _rows(connection, "columns", table)],
        "unique_keys": [[row["column_name"] for row in rows] for rows in indexes.values() if rows[0]["origin"] == "u"],
        "foreign_keys": [_foreign_key(rows) for rows in foreign_keys.values()],
        "indexes": [_index(name, rows) for name, rows in indexes.items() if rows[0]["origin"] == "c"],
        "triggers": [row["name"] for row in _rows(connection, "triggers", table)],
    }


def _column(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "name": row["name"],
        "type": row["type"],
        "nullable": not row["notnull"],
        "default": row["dflt_value"],
        "primary_key": row["pk"],
        "generated": row["hidden"] in (2, 3),
    }


def _foreign_key(rows: list[sqlite3.Row]) -> dict[str, Any]:
    references = {"table": rows[0]["referenced_table"], "columns": [row["referenced_column"] for row in rows]}
    columns = [row["column_name"] for row in rows]
    return {"columns": columns, "references": references, "on_delete": rows[0]["on_delete"]}


def _index(name: str, rows: list[sqlite3.Row]) -> dict[str, Any]:
    columns = [{"name": row["column_name"], "direction": "DESC" if row["desc"] else "ASC"} for row in rows]
    return {"name": name, "unique": bool(rows[0]["unique"]), "partial": bool(rows[0]["partial"]), "columns": columns}


if __name__ == "__main__":
    with postgresql.running() as cluster:
        cluster.make_template()
        print(render(cluster.url("template")), end="")
