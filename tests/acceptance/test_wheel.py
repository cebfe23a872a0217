"""The wheel, installed where there is no checkout: it brings its own SQL and serves."""

import zipfile
from pathlib import Path

from tests.acceptance.process import CHECKOUT, ServerProcess, run, write_config
from tests.acceptance.wheels import INSTALLED, install


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
    script = install(wheel, tmp_path / "venv") / "bin" / "wizard-server"
    config = write_config(tmp_path)

    applied = run(tmp_path, "schema", "apply", "--config", config, command=(script,), env=INSTALLED)
    assert (applied.returncode, applied.stderr) == (0, "")
    checked = run(tmp_path, "schema", "check", "--config", config, command=(script,), env=INSTALLED)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout == f"{tmp_path / 'investigations.db'} is what the manifest says\n"
    with ServerProcess(config, command=(script,), env=INSTALLED) as server:
        assert server.ready().terminate() == 0
        assert all(" INFO " in line for line in server.stderr.splitlines())
