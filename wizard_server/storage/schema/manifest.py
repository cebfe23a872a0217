"""``sql/manifest.json``: what a database has to look like; checked itself with ``manifest.schema.json``."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from wizard_server.errors import SchemaError
from wizard_server.storage.database_schema import (
    Column,
    DatabaseSchema,
    Table,
    foreign_key,
    index_text,
    listed,
    primary_key,
)
from wizard_server.storage.queries import sql_root
from wizard_server.storage.schema.scripts import scripts


def load_manifest(engine: str = "sqlite", root: Path | None = None) -> DatabaseSchema:
    """Return what a database of `engine` has to look like by the manifest in `root` (None: ours).

    Raises `SchemaError` naming what is wrong in the manifest.
    """
    return _described(root or sql_root(), engine)


@cache
def _described(root: Path, engine: str) -> DatabaseSchema:
    """Return what the manifest in `root` describes. Checking it takes 30 ms, so a process reads it once."""
    manifest = parse_manifest((root / "manifest.json").read_text(encoding="utf-8"))
    names = {script.version: script.name for script in scripts(engine)}
    if manifest["schema_version"] != len(names):
        raise SchemaError(
            f"manifest.json is of version {manifest['schema_version']}, the newest script is {len(names)}"
        )
    described = manifest[engine]
    table = _DESCRIBING[engine]
    tables = {name: table(entry) for name, entry in described["tables"].items()}
    return DatabaseSchema(tables, names, functions=described.get("functions", {}), views=described["views"])


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


def _sqlite_table(entry: dict[str, Any]) -> Table:
    columns = entry["columns"]
    keys = {("unique key", listed(key)) for key in entry["unique_keys"]}
    keys |= {
        foreign_key(key["columns"], key["references"]["table"], key["references"]["columns"], key["on_delete"])
        for key in entry["foreign_keys"]
    }
    return Table(
        columns={c["name"]: Column(c["type"], c["nullable"], c["default"], c["generated"]) for c in columns},
        keys=frozenset(keys | primary_key({c["name"]: c["primary_key"] for c in columns})),
        indexes={
            i["name"]: index_text(i["unique"], i["partial"], [f"{c['name']} {c['direction']}" for c in i["columns"]])
            for i in entry["indexes"]
        },
        triggers=dict.fromkeys(entry["triggers"], ""),
    )


def _postgresql_table(entry: dict[str, Any]) -> Table:
    return Table(
        columns={c["name"]: Column(c["type"], c["nullable"], c["default"], c["generated"]) for c in entry["columns"]},
        keys=frozenset((key["kind"], key["definition"]) for key in entry["keys"]),
        indexes={index["name"]: index["definition"] for index in entry["indexes"]},
        triggers={trigger["name"]: trigger["definition"] for trigger in entry["triggers"]},
    )


# Each engine is described in its own words: PostgreSQL tells its definitions as texts.
_DESCRIBING = {"sqlite": _sqlite_table, "postgresql": _postgresql_table}
