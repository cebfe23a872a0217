"""The wheel that the checkout makes, and environments that it is installed in."""

import sys
from importlib.util import find_spec
from pathlib import Path

from tests.acceptance.process import CHECKOUT, run

# A PYTHONPATH to the checkout would put it before what is installed.
INSTALLED = {"PYTHONPATH": ""}


def build(folder: Path) -> Path:
    """Return the wheel, made in `folder`; where the build tool is installed, without asking the network for it."""
    offline = ("--no-build-isolation",) if find_spec("hatchling") else ()
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    built = run(folder, "wheel", "--quiet", "--no-deps", *offline, "--wheel-dir", folder, CHECKOUT, command=pip)
    assert built.returncode == 0, built.stderr
    [path] = folder.glob("*.whl")
    return path


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel alone into a fresh environment in `folder`, which borrows the dependencies of this one."""
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
    return folder
