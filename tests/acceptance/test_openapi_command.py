"""``wizard-server openapi`` prints what the running server gives, and needs neither server nor database."""

import json
import urllib.request
from pathlib import Path

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import run, write_config

AUTH = {"none": {"mode": "none"}, "jwt": {"mode": "jwt", "jwt_secret": "0123456789abcdef0123456789abcdef"}}


@pytest.mark.parametrize("mode", AUTH)
def test_the_command_prints_what_the_server_serves(tmp_path: Path, serve: Serve, mode: str) -> None:
    config = write_config(tmp_path, auth=AUTH[mode])
    printed = run(tmp_path, "openapi", "--config", config)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert not (tmp_path / "investigations.db").exists()
    assert run(tmp_path, "schema", "apply", "--config", config).returncode == 0
    with urllib.request.urlopen(f"{serve(config).url}/openapi.json", timeout=20) as answer:
        assert printed.stdout == answer.read().decode() + "\n"


def test_it_is_one_json_object(config: Path) -> None:
    assert json.loads(run(config.parent, "openapi", "--config", config).stdout)["openapi"] == "3.1.1"
