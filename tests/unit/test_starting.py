"""A command loads what it runs: a shell waits for each, and most need neither the web nor what draws."""

import subprocess
import sys

import pytest

HEAVY = {"aiohttp", "cryptography", "jwt", "rich", "wizard_server.web"}


@pytest.mark.parametrize("command", ["--help", "schema check --config none.toml", "purge --config none.toml"])
def test_a_command_loads_neither_the_web_nor_what_draws(command: str) -> None:
    asked = ["-X", "importtime", "-m", "wizard_server", *command.split()]
    ended = subprocess.run([sys.executable, *asked], capture_output=True, text=True, timeout=60, check=False)
    names = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "wizard_server.cli" in names
    assert not HEAVY & names
