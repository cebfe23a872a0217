"""The wheel, installed where there is no checkout: it brings its own SQL and serves."""

import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.acceptance.process import CHECKOUT, ServerProcess, run, write_config

# A PYTHONPATH to the checkout would put it before what is installed.
INSTALLED = {"PYTHONPATH": ""}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that the checkout makes; where the build tool is installed, without asking the network for it."""
    folder = tmp_path_factory.mktemp("wheel")
    offline = ("--no-build-isolation",) if find_spec("hatchling") else ()
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    built = run(folder, "wheel", "--quiet", "--no-deps", *offline, "--wheel-dir", folder, CHECKOUT, command=pip)
    assert built.returncode == 0, built.stderr
    [path] = folder.glob("*.whl")
    return path


def test_the_wheel_brings_everything_that_is_in_the_sql_folder(wheel: Path) -> None:
    files = (path for path in (CHECKOUT / "sql").rglob("*") if path.is_file())
    expected = {f"wizard_server/{path.relative_to(CHECKOUT)}" for path in files}
    assert {"wizard_server/sql/manifest.json", "wizard_server/sql/sqlite/queries/states.sql"} <= expected
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert expected <= names
    assert "wizard_server/py.typed" in names
    assert not [name for name in names if name.startswith("tests/")]


def test_the_installed_wheel_makes_checks_and_serves_a_database_outside_the_checkout(
    wheel: Path, tmp_path: Path
) -> None:
    script = _install(wheel, tmp_path / "venv")
    config = write_config(tmp_path)

    applied = run(tmp_path, "schema", "apply", "--config", config, command=(script,), env=INSTALLED)
    assert (applied.returncode, applied.stderr) == (0, "")
    checked = run(tmp_path, "schema", "check", "--config", config, command=(script,), env=INSTALLED)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout == f"{tmp_path / 'investigations.db'} is what the manifest says\n"
    with ServerProcess(config, command=(script,), env=INSTALLED) as server:
        assert server.ready().terminate() == 0
        assert all(" INFO " in line for line in server.stderr.splitlines())


def _install(wheel: Path, folder: Path) -> Path:
    """Install the wheel alone into a fresh environment, which borrows the dependencies of this one."""
    made = run(folder.parent, folder, command=(sys.executable, "-m", "venv", "--without-pip"))
    assert made.returncode == 0, made.stderr
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    installed = run(folder.parent, "install", "--quiet", "--no-deps", "--no-index", wheel, command=pip)
    assert installed.returncode == 0, installed.stderr
    [packages] = (folder / "lib").glob("python*/site-packages")
    # Of the folders in here Python reads no .pth files, so an editable install of the checkout stays out of it.
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n", encoding="utf-8")
    located = run(
        folder.parent, "-c", "import wizard_server; print(wizard_server.__file__)", command=(python,), env=INSTALLED
    )
    assert Path(located.stdout.strip()).is_relative_to(packages), located.stdout + located.stderr
    return folder / "bin" / "wizard-server"
