"""``wizard-server openapi`` prints what the running server gives, and needs neither server nor database."""

import json
import urllib.request
from pathlib import Path

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import write_config
from tests.schema.databases import make
from wizard_server.cli import main

AUTH = {"none": {"mode": "none"}, "jwt": {"mode": "jwt", "jwt_secret": "0123456789abcdef0123456789abcdef"}}


@pytest.mark.parametrize("mode", AUTH)
def test_the_command_prints_what_the_server_serves(
    tmp_path: Path, serve: Serve, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, auth=AUTH[mode])
    assert main(["openapi", "--config", str(config)]) == 0
    printed = capsys.readouterr()
    assert (json.loads(printed.out)["openapi"], printed.err) == ("3.1.1", "")
    assert not (tmp_path / "investigations.db").exists()
    make(tmp_path / "investigations.db")
    with urllib.request.urlopen(f"{serve(config).url}/openapi.json", timeout=20) as answer:
        assert printed.out == answer.read().decode() + "\n"
