"""Node with the packages of ``.venv/clients/node``, and the browser client as ``wizard-server client`` packs it."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.acceptance.process import CHECKOUT, PATIENCE_SECONDS, environment, run

TOOLS = Path(os.environ.get("WIZARD_CLIENT_TOOLS", CHECKOUT / ".venv" / "clients"))
MODULES = TOOLS / "node" / "node_modules"
TSC = MODULES / "typescript" / "bin" / "tsc"


def installed(place: Path) -> None:
    if not place.exists() and not os.environ.get("CI"):
        pytest.skip(f"needs {place.name}: .ci/run shows how it is installed")


def packed(folder: Path) -> Path:
    """Return the package, which the command writes to `folder`."""
    target = folder / "wizard-client.tgz"
    ended = run(folder, "client", target)
    assert ended.returncode == 0, ended.stderr
    return target


def project(folder: Path, *packages: str) -> Path:
    """Make `folder` a project of ES modules that has the browser client and installed packages."""
    modules = folder / "node_modules"
    modules.mkdir(parents=True)
    (folder / "package.json").write_text('{"private": true, "type": "module"}\n', encoding="utf-8")
    with tarfile.open(packed(folder)) as archive:
        archive.extractall(modules, filter="data")
    (modules / "package").rename(modules / "wizard-client")
    for package in packages:
        installed(MODULES / package)
        (modules / package).parent.mkdir(exist_ok=True)
        (modules / package).symlink_to(MODULES / package)
    return folder


def fresh(folder: Path, *packages: str) -> Path:
    """Have npm install the package, and packages that are installed already, into a project that has nothing yet."""
    npm = shutil.which("npm")
    if npm is None and not os.environ.get("CI"):
        pytest.skip("needs npm: apt-get install npm")
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text('{"private": true, "type": "module"}\n', encoding="utf-8")
    for package in packages:
        installed(MODULES / package)
    packed(folder)
    options = ("--offline", "--no-audit", "--no-fund", "--silent")
    execute(folder, npm or "npm", "install", *options, "./wizard-client.tgz", *(MODULES / each for each in packages))
    return folder


def node(folder: Path, *arguments: str | Path, **env: str) -> str:
    """Run node in `folder` and return what it said; fail when it fails."""
    program = shutil.which("node")
    if program is None and not os.environ.get("CI"):
        pytest.skip("needs node: apt-get install nodejs")
    return execute(folder, program or "node", *arguments, **env)


def execute(folder: Path, program: str, *arguments: str | Path, **env: str) -> str:
    """Run a program in `folder` and return what it said; fail when it fails."""
    ended = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=environment() | {"NO_COLOR": "1", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, f"{arguments}:\n{said[-6000:]}"
    return said
