"""A project of another team: it installs our wheel, and its tests have a server of ours."""

import sys
from pathlib import Path

import pytest

from tests.acceptance.process import run
from tests.acceptance.wheels import INSTALLED, install

_PROJECT = """[tool.pytest.ini_options]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
filterwarnings = ["error"]
"""

_TESTS = '''"""What an agent of ours does."""

import asyncio

import pytest
from wizard_server.client import Investigation, NotFound, WizardClient
from wizard_server.testing import Wizard

SETTINGS = {
    "name": "Card testing ring",
    "entities": [{"entity_type": "user_id", "entity_id": "u-1"}],
    "time_range": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-08T00:00:00Z"},
    "tools": [{"tool_name": "device_graph"}],
}


async def started(alice: WizardClient) -> Investigation:
    investigation = await alice.create(settings=SETTINGS)
    await investigation.update({"wizard_step": "PROGRESS"})
    return investigation


async def test_an_agent_reports_and_a_watcher_sees_it(wizard: Wizard) -> None:
    async with wizard.client("alice") as alice, wizard.agent() as agent:
        investigation = await started(alice)
        states = investigation.watch(since=2)
        watching = asyncio.ensure_future(anext(states))
        await wizard.parked(1)
        async with agent.investigation(investigation.id).reporting(agent="device") as reports:
            reports.report(40, log="9 accounts")
        progress = (await watching).progress
        assert progress is not None
        assert progress.agents[0].progress == 40
        await states.aclose()


async def test_reports_survive_a_bad_line_and_a_crash(wizard: Wizard) -> None:
    async with wizard.client("alice") as alice, wizard.agent() as agent:
        investigation = await started(alice)
        dropped = wizard.faults.drop(path="/progress", times=2)
        async with agent.investigation(investigation.id).reporting(agent="device") as reports:
            reports.report(log="one")
            wizard.kill()
            reports.report(log="two")
            wizard.restart()
        assert dropped.hits == 2
        progress = (await investigation.read()).progress
        assert progress is not None
        assert progress.agents[0].logs == ["one", "two"]


async def test_what_is_not_there_is_not_found(wizard: Wizard) -> None:
    async with wizard.client("bob") as bob:
        with pytest.raises(NotFound):
            await bob.read("inv-1")
'''


# What pytest and mypy start with takes seconds, on a machine that does much else many.
_PATIENCE_SECONDS = 240.0
# The other team has not what our own tests are made with.
_NOT_THEIRS = ("-p", "no:schemathesis", "-p", "no:hypothesispytest")


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which our wheel is installed."""
    return install(wheel, tmp_path_factory.mktemp("team") / "venv") / "bin" / "python"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with three tests."""
    (tmp_path / "pyproject.toml").write_text(_PROJECT, encoding="utf-8")
    (tmp_path / "test_agents.py").write_text(_TESTS, encoding="utf-8")
    return tmp_path


def test_the_tests_of_another_team_run_in_parallel(python: Path, project: Path) -> None:
    pytest_ = (python, "-m", "pytest", *_NOT_THEIRS)
    tested = run(project, "-q", "-n", "2", command=pytest_, env=INSTALLED, patience=_PATIENCE_SECONDS)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "3 passed" in tested.stdout


def test_the_types_of_their_tests_hold(python: Path, project: Path) -> None:
    mypy = (sys.executable, "-m", "mypy", "--strict", "--python-executable", python)
    checked = run(project, "test_agents.py", command=mypy, env=INSTALLED, patience=_PATIENCE_SECONDS)
    assert checked.returncode == 0, checked.stdout + checked.stderr
