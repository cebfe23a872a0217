import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.postgresql import Database
from tests.schema.render import render
from wizard_server.errors import SchemaError
from wizard_server.storage.queries import sql_root
from wizard_server.storage.schema import comparing, scripts
from wizard_server.storage.schema import manifest as described
from wizard_server.storage.sqlite import inspecting
from wizard_server.storage.sqlite.opening import connect

MANIFEST = sql_root() / "manifest.json"
Breaking = Callable[[dict[str, Any]], object]


def test_the_schema_of_the_manifest_is_itself_valid() -> None:
    Draft202012Validator.check_schema(json.loads((sql_root() / "manifest.schema.json").read_text(encoding="utf-8")))


def test_the_manifest_is_what_render_writes_from_fresh_databases(postgres: Database) -> None:
    rendered = render(postgres.admin_url)
    assert MANIFEST.read_text(encoding="utf-8") == rendered, "run: python -m tests.schema.render > sql/manifest.json"


async def test_a_fresh_database_equals_the_manifest(path: Path) -> None:
    connection = await connect(str(path))
    try:
        assert await inspecting.inspect(connection) == described.load_manifest()
        assert await comparing.check(connection) == []
    finally:
        await connection.close()


def test_the_manifest_names_every_script_of_every_engine() -> None:
    names = {script.version: script.name for script in scripts.scripts("sqlite")}
    assert described.load_manifest("sqlite").scripts == names
    assert described.load_manifest("postgresql").scripts == names


def states(manifest: dict[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = manifest["sqlite"]["tables"]["investigation_states"]
    return table


@pytest.mark.parametrize(
    ("breaking", "named"),
    [
        (lambda m: m.pop("schema_version"), "'schema_version' is a required property"),
        (lambda m: m.update(engine="sqlite"), "'engine' was unexpected"),
        (lambda m: states(m).pop("triggers"), r"\$.sqlite.tables.investigation_states: 'triggers' is a required"),
        (lambda m: states(m)["columns"][0].update(type=5), r"columns\[0\].type: 5 is not of type 'string'"),
        (lambda m: states(m)["columns"][0].update(note=""), "'note' was unexpected"),
        (lambda m: states(m)["foreign_keys"][0].update(on_delete="MAYBE"), "'MAYBE' is not one of"),
        (lambda m: states(m)["indexes"][0]["columns"][0].update(direction="UP"), "'UP' is not one of"),
    ],
)
def test_a_broken_manifest_is_refused_naming_what_is_wrong(breaking: Breaking, named: str) -> None:
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    breaking(manifest)
    with pytest.raises(SchemaError, match=named):
        described.parse_manifest(json.dumps(manifest))


def test_a_manifest_that_is_no_json_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"manifest\.json is not JSON"):
        described.parse_manifest("{")


def test_a_manifest_of_another_version_than_the_newest_script_is_refused(tmp_path: Path) -> None:
    shutil.copytree(str(sql_root()), tmp_path / "sql")
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    manifest["schema_version"] += 1
    (tmp_path / "sql/manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SchemaError, match=r"manifest.json is of version \d+, the newest script is \d+"):
        described.load_manifest(root=tmp_path / "sql")
