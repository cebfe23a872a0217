"""The file that ``[tools] catalog`` names: what is read from it, and what makes the server refuse to start."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests import factories
from tests.catalogues import CONFIG, PREFIX
from wizard_server import cli
from wizard_server.app import create_app
from wizard_server.config.catalogue import load_catalogue
from wizard_server.errors import ConfigError

WRONG = {
    "an empty file": b"",
    "not JSON": b"device_graph = {}",
    "not UTF-8": b'{"device_graph": {"title": "\xff"}}',
    "two values": b"{} {}",
    "a list": b"[]",
    "null": b"null",
    "a schema that is none": b'{"device_graph": {"type": "objekt"}}',
    "a schema that is a list": b'{"device_graph": []}',
    "a remote reference": b'{"device_graph": {"$ref": "https://schemas.example/graph.json"}}',
    "a reference to nowhere": b'{"device_graph": {"properties": {"depth": {"$ref": "#/$defs/depth"}}}}',
    "a pattern that some text makes try for ever": b'{"device_graph": {"properties": {"a": {"pattern": "^(a+)+$"}}}}',
    "nested without end": b'{"device_graph": ' + b"[" * 100_000,
    "a number that JSON has not": b'{"device_graph": {"minimum": NaN}}',
    "half a character": b'{"device_graph": {"title": "\\ud800"}}',
}


def written(folder: Path, content: bytes) -> str:
    path = folder / "tools.json"
    path.write_bytes(content)
    return str(path)


def test_a_catalogue_keeps_the_schemas_as_they_are_written(tmp_path: Path) -> None:
    schemas: dict[str, Any] = {"b": {"type": "object"}, "a": True, "ä": {"title": "Größe"}}
    catalogue = load_catalogue(written(tmp_path, json.dumps(schemas).encode()))
    assert catalogue is not None
    assert list(catalogue.schemas.items()) == list(schemas.items())


@pytest.mark.parametrize("number", ["1e300", "-0.0"])
def test_what_is_taken_can_be_sent_to_clients(tmp_path: Path, number: str) -> None:
    catalogue = load_catalogue(written(tmp_path, b'{"device_graph": {"maximum": %s}}' % number.encode()))
    assert catalogue is not None
    assert orjson.dumps(catalogue.schemas)


def test_without_a_file_there_is_no_catalogue() -> None:
    assert load_catalogue(None) is None


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG.keys())
def test_a_file_that_is_no_catalogue_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    with pytest.raises(ConfigError) as refusal:
        load_catalogue(path)
    assert refusal.value.message.startswith(f"{PREFIX}{path}: ")


def test_a_file_that_is_missing_is_refused_by_its_name(tmp_path: Path) -> None:
    path = str(tmp_path / "absent.json")
    with pytest.raises(ConfigError) as refusal:
        load_catalogue(path)
    assert refusal.value.message.startswith(f"{PREFIX}{path}: ")
    assert "No such file" in refusal.value.message


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="directory"):
        load_catalogue(str(tmp_path))


def test_an_application_is_not_made_with_a_wrong_catalogue(tmp_path: Path) -> None:
    path = written(tmp_path, b"[]")
    with pytest.raises(ConfigError, match="must be an object"):
        create_app(factories.config(str(tmp_path / "i.db"), tools={"catalog": path}))


def test_config_check_refuses_a_catalogue_that_serve_would_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    written(tmp_path, b"[]")
    assert cli.main(["config", "check"]) == 78
    assert PREFIX in capsys.readouterr().err
