"""Compare a database with ``sql/manifest.json``, and run the numbered scripts because an operator said so.

Nothing here repairs: every `Difference` names the command, or the section of the runbook, with which an operator
mends it. `compare` and what it is given are plain values; only `inspect`, `check`, `status` and `apply` do I/O.
"""

import json
import re
import shlex
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import groupby
from typing import Any

from jsonschema import Draft202012Validator

from wizard_server.errors import SchemaError
from wizard_server.storage.queries import load_queries, sql_root
from wizard_server.storage.sqlite import Connection

_SCRIPT = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_APPLY = "wizard-server schema apply --config CONFIG"
_SHOW = "wizard-server schema show {name} | sqlite3 -bail FILE"
_REBUILD = 'sql/README.md, "Mend a drifted table"'
_CONNECT = 'sql/README.md, "Edit a row by hand"'
_NEWER = 'sql/README.md, "Roll back", or install the wizard-server release that brought the script'


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `default` is SQL text as declared, `generated` one is computed from others and never written."""

    type: str
    nullable: bool
    default: str | None
    generated: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One table with everything that belongs to it.

    A key is its kind and its text: ``("foreign key", "(a) -> parents(id) ON DELETE CASCADE")``. `indexes` has a text by
    name, ``"unique (a ASC, b DESC)"``, for each index that no key made.
    """

    columns: Mapping[str, Column]
    keys: frozenset[tuple[str, str]]
    indexes: Mapping[str, str]
    triggers: frozenset[str]


@dataclass(frozen=True, slots=True)
class DatabaseSchema:
    """What a database looks like, or has to: the tables, and the scripts that are in, by number."""

    tables: Mapping[str, Table]
    scripts: Mapping[int, str]
    foreign_keys_enforced: bool = True


@dataclass(frozen=True, slots=True)
class Script:
    """One numbered script; `name` is its file's name without ``.sql``, `text` runs as it is."""

    version: int
    name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a database differs; `mend` is a command with CONFIG and FILE in it, or the runbook's section."""

    kind: str
    object: str
    message: str
    mend: str

    def mend_with(self, *, config: str, file: str) -> str:
        """Return `mend` for this configuration file and this database file, quoted for the shell."""
        values = {"CONFIG": shlex.quote(config), "FILE": shlex.quote(file)}
        return re.sub(r"\b(CONFIG|FILE)\b", lambda match: values[match.group()], self.mend)


def scripts(engine: str) -> list[Script]:
    """Return the scripts of `engine` in their order; raise `SchemaError` unless they are numbered 1, 2, 3, ..."""
    found = []
    folder = sql_root() / engine / "migrations"
    for position, file in enumerate(sorted(folder.iterdir(), key=lambda entry: entry.name), start=1):
        match = _SCRIPT.match(file.name)
        if match is None or int(match.group(1)) != position:
            raise SchemaError(f"script {file.name} is out of line: expected {position:04}_<name>.sql")
        found.append(Script(position, file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")))
    return found


def load_manifest(engine: str = "sqlite") -> DatabaseSchema:
    """Return what a database of `engine` has to look like; raise `SchemaError` naming what is wrong in the manifest."""
    names = tuple(script.name for script in scripts(engine))
    return _described((sql_root() / "manifest.json").read_text(encoding="utf-8"), engine, names)


@cache
def _described(text: str, engine: str, ordered: tuple[str, ...]) -> DatabaseSchema:
    """Return what `text` describes. Checking it takes 30 ms, so a process checks the same text once."""
    manifest = parse_manifest(text)
    names = dict(enumerate(ordered, start=1))
    if manifest["schema_version"] != len(names):
        raise SchemaError(
            f"manifest.json is of version {manifest['schema_version']}, the newest script is {len(names)}"
        )
    return DatabaseSchema({name: _table(entry) for name, entry in manifest[engine]["tables"].items()}, names)


def parse_manifest(text: str) -> dict[str, Any]:
    """Return the manifest in `text`, checked with manifest.schema.json; raise `SchemaError` naming each fault."""
    rules = json.loads((sql_root() / "manifest.schema.json").read_text(encoding="utf-8"))
    try:
        manifest: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise SchemaError(f"manifest.json is not JSON: {error}") from error
    faults = sorted(Draft202012Validator(rules).iter_errors(manifest), key=lambda fault: fault.json_path)
    if faults:
        raise SchemaError("manifest.json: " + "; ".join(f"{fault.json_path}: {fault.message}" for fault in faults))
    return manifest


def _table(entry: dict[str, Any]) -> Table:
    columns = entry["columns"]
    keys = {("unique key", _listed(key)) for key in entry["unique_keys"]}
    keys |= {
        _foreign_key(key["columns"], key["references"]["table"], key["references"]["columns"], key["on_delete"])
        for key in entry["foreign_keys"]
    }
    return Table(
        columns={c["name"]: Column(c["type"], c["nullable"], c["default"], c["generated"]) for c in columns},
        keys=frozenset(keys | _primary_key({c["name"]: c["primary_key"] for c in columns})),
        indexes={
            i["name"]: _index(i["unique"], i["partial"], [f"{c['name']} {c['direction']}" for c in i["columns"]])
            for i in entry["indexes"]
        },
        triggers=frozenset(entry["triggers"]),
    )


def _listed(names: Collection[str]) -> str:
    return f"({', '.join(names)})"


def _primary_key(positions: Mapping[str, int]) -> set[tuple[str, str]]:
    names = sorted((name for name, position in positions.items() if position), key=positions.__getitem__)
    return {("primary key", _listed(names))} if names else set()


def _foreign_key(columns: Collection[str], table: str, targets: Collection[str], on_delete: str) -> tuple[str, str]:
    return "foreign key", f"{_listed(columns)} -> {table}{_listed(targets)} ON DELETE {on_delete}"


def _index(unique: object, partial: object, columns: Collection[str]) -> str:
    return " ".join([*(["unique"] if unique else []), *(["partial"] if partial else []), _listed(columns)])


async def inspect(connection: Connection) -> DatabaseSchema:
    """Return what the database behind `connection` looks like."""
    tables = {name: await _inspect_table(connection, name) for name in await _table_names(connection)}
    ledger = {version: name for version, (name, _) in (await _ledger(connection)).items()}
    (enforced,) = await connection.fetch_all(load_queries("sqlite")["schema.foreign_keys_enforced"])
    return DatabaseSchema(tables, ledger, bool(enforced["enforced"]))


async def _table_names(connection: Connection) -> list[str]:
    return [row["name"] for row in await connection.fetch_all(load_queries("sqlite")["schema.tables"])]


async def _inspect_table(connection: Connection, table: str) -> Table:
    async def rows(kind: str) -> list[sqlite3.Row]:
        return await connection.fetch_all(load_queries("sqlite")[f"schema.{kind}"], {"table": table})

    columns = await rows("columns")
    indexes = _grouped(await rows("indexes"), "index_name")
    unique = [group for group in indexes if group[0]["origin"] == "u"]
    keys = {("unique key", _listed([row["column_name"] for row in group])) for group in unique}
    keys |= {
        _foreign_key(
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
        keys=frozenset(keys | _primary_key({row["name"]: row["pk"] for row in columns})),
        indexes={group[0]["index_name"]: _made_index(group) for group in indexes if group[0]["origin"] == "c"},
        triggers=frozenset(row["name"] for row in await rows("triggers")),
    )


def _made_index(rows: list[sqlite3.Row]) -> str:
    columns = [f"{row['column_name'] or 'expression'} {'DESC' if row['desc'] else 'ASC'}" for row in rows]
    return _index(rows[0]["unique"], rows[0]["partial"], columns)


def _grouped(rows: list[sqlite3.Row], key: str) -> list[list[sqlite3.Row]]:
    return [list(group) for _, group in groupby(rows, key=lambda row: row[key])]


async def _ledger(connection: Connection) -> dict[int, tuple[str, str]]:
    if "schema_migrations" not in await _table_names(connection):
        return {}
    rows = await connection.fetch_all(load_queries("sqlite")["schema.ledger"])
    return {row["version"]: (row["name"], row["applied_at"]) for row in rows}


def compare(manifest: DatabaseSchema, actual: DatabaseSchema) -> list[Difference]:
    """Return every difference, scripts first; none means that the database is what the manifest says."""
    found = list(_compare_tables(manifest.tables, actual.tables))
    missing = [name for version, name in manifest.scripts.items() if version not in actual.scripts]
    unknown = [name for version, name in actual.scripts.items() if manifest.scripts.get(version) != name]
    if missing:
        found = [replace(difference, mend=_APPLY) for difference in found]
    if manifest.foreign_keys_enforced and not actual.foreign_keys_enforced:
        found.append(Difference("connection", "foreign_keys", "foreign keys are off on this connection", _CONNECT))
    return [
        *(Difference("script", name, f"script {name} is not applied", _APPLY) for name in missing),
        *(Difference("script", name, f"unknown script {name} is applied", _NEWER) for name in unknown),
        *found,
    ]


def _compare_tables(expected: Mapping[str, Table], actual: Mapping[str, Table]) -> Iterator[Difference]:
    yield from _compare_names("table", expected, actual, mend=_SHOW)
    for name in sorted(expected.keys() & actual.keys()):
        wanted, found = expected[name], actual[name]
        yield from _compare_columns(name, wanted.columns, found.columns)
        for kind, text in sorted(wanted.keys - found.keys):
            yield Difference(kind, name, f"{kind} of {name} {text} is missing", _REBUILD)
        for kind, text in sorted(found.keys - wanted.keys):
            yield Difference(kind, name, f"unknown {kind} of {name} {text}", _REBUILD)
        yield from _compare_names("index", wanted.indexes, found.indexes, mend=_SHOW)
        for index in sorted(wanted.indexes.keys() & found.indexes.keys()):
            if wanted.indexes[index] != found.indexes[index]:
                message = f"index {index} is {found.indexes[index]}, expected {wanted.indexes[index]}"
                yield Difference("index", index, message, _REBUILD)
        yield from _compare_names("trigger", wanted.triggers, found.triggers, mend=_SHOW)


def _compare_names(kind: str, wanted: Collection[str], found: Collection[str], *, mend: str) -> Iterator[Difference]:
    for name in sorted(set(wanted) - set(found)):
        yield Difference(kind, name, f"{kind} {name} is missing", mend.format(name=name))
    for name in sorted(set(found) - set(wanted)):
        yield Difference(kind, name, f"unknown {kind} {name}", _REBUILD)


_FACTS: list[tuple[str, Callable[[Column], str]]] = [
    ("has type ", lambda column: column.type or "none"),
    ("is ", lambda column: "nullable" if column.nullable else "NOT NULL"),
    ("has default ", lambda column: column.default or "none"),
    ("is ", lambda column: "generated" if column.generated else "not generated"),
]


def _compare_columns(table: str, wanted: Mapping[str, Column], found: Mapping[str, Column]) -> Iterator[Difference]:
    full = f"{table}.{{}}".format
    yield from _compare_names("column", [*map(full, wanted)], [*map(full, found)], mend=_REBUILD)
    for name in sorted(wanted.keys() & found.keys()):
        for verb, fact in _FACTS:
            is_so, should_be = fact(found[name]), fact(wanted[name])
            if is_so != should_be:
                message = f"column {full(name)} {verb}{is_so}, expected {should_be}"
                yield Difference("column", full(name), message, _REBUILD)


async def check(connection: Connection) -> list[Difference]:
    """Return every difference between the database behind `connection` and the manifest."""
    return compare(load_manifest(), await inspect(connection))


async def status(connection: Connection) -> list[tuple[Script, str | None]]:
    """Return every script with the time it ran (ISO 8601, UTC), or None when it is not in."""
    ledger = await _ledger(connection)
    return [(script, ledger[script.version][1] if script.version in ledger else None) for script in scripts("sqlite")]


async def apply(connection: Connection) -> list[Script]:
    """Run the missing scripts in order and return those that ran here; one that another apply ran first is left out.

    Raises `SchemaError` for the first script that fails: nothing of it remains, and the ones before it stay.
    """
    return [script for script, applied in await status(connection) if not applied and await _run(connection, script)]


async def _run(connection: Connection, script: Script) -> bool:
    try:
        await connection.run_script(script.text)
    except sqlite3.Error as error:
        if script.version in await _ledger(connection):
            return False
        half = "already exists" in str(error) or "duplicate column" in str(error)
        hint = f"; part of it was in before this, and no record of it: {_REBUILD}" if half else ""
        raise SchemaError(f"script {script.name} failed and nothing of it remains: {error}{hint}") from error
    return True
