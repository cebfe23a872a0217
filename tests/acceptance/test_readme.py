"""The README says what is so: its two commands, the commands it names, its tables of routes and configuration."""

import re
import subprocess

import pytest

from tests import factories
from tests.acceptance.process import CHECKOUT
from wizard_server import cli
from wizard_server.config.loading import describe
from wizard_server.web.routes import ROUTES

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
CI = CHECKOUT / ".ci" / "run"
_SH = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROUTE = re.compile(r"`([A-Z]+) (/\S*)`")


def section(heading: str) -> str:
    """Return the text under a second-level heading of the README, up to the next one."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found is not None, f"the README has no section {heading}"
    return found.group(1)


def quick_start() -> list[str]:
    """Return the contents of the sh blocks of "Quick start"."""
    return [block.strip() for block in _SH.findall(section("Quick start"))]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table rows under a heading, the table's own heading left out."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    rule = next(number for number, cells in enumerate(table) if set("".join(cells)) <= set("-: "))
    return table[rule + 1 :]


def test_the_quick_start_is_one_command_that_sets_up_and_shows_it_and_one_that_tests_it() -> None:
    assert [block.count("\n") for block in quick_start()] == [0, 0]
    shows, tests = quick_start()
    assert shows.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert shows.endswith(" && .venv/bin/wizard-server demo --once")
    assert tests == ".venv/bin/python -m pytest -q"


def test_ci_takes_the_two_commands_from_the_readme() -> None:
    printed = subprocess.run(
        ["bash", CI, "--print"], capture_output=True, text=True, timeout=10, check=True, cwd="/"
    ).stdout
    assert printed.splitlines() == quick_start()


def test_every_command_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"(?:`|\.venv/bin/)wizard-server ([a-z]+)", README))
    assert named >= {"serve", "demo", "schema"}
    for command in sorted(named):
        with pytest.raises(SystemExit) as ended:
            cli.main([command, "--help"])
        assert ended.value.code == 0, command


def test_the_table_of_routes_is_the_one_in_the_code() -> None:
    written = [route for row in rows("API") for route in _ROUTE.findall(row[0])]
    assert sorted(written) == sorted((route.method, route.path) for route in ROUTES)


def test_the_table_of_configuration_is_the_one_in_the_code() -> None:
    written = [tuple(cell.strip("`") for cell in row[:4]) for row in rows("Configuration")]
    expected = describe(factories.config())
    assert written == [(each.section, each.key, each.env_name, each.default) for each in expected]


def test_every_bound_names_keys_that_exist_and_a_test_that_does() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in sorted((CHECKOUT / "tests").rglob("test_*.py")))
    keys = {(each.section, each.key) for each in describe(factories.config())}
    for who, what, _, named, test in rows("Bounds"):
        section_, *given = re.findall(r"`(\w+)`", named) or [""]
        assert who in ("stranger", "user", "either"), what
        assert {(section_, key) for key in given} <= keys, what
        assert f"def {test.strip('`')}(" in tests, f"{what}: there is no {test}"
