"""Clients that generators make of ``/openapi.json`` compile, demand no optional member, and can be called (contract 4).

The generators are installed by ``.ci/run`` into ``.venv/clients``, apart from the project: their dependencies are their
own. Without them these tests are skipped, but never in CI.
"""

import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.acceptance.process import CHECKOUT, PATIENCE_SECONDS, environment
from wizard_server.testing import Wizard

PROGRAMS = Path(__file__).parent / "programs"
TOOLS = Path(os.environ.get("WIZARD_CLIENT_TOOLS", CHECKOUT / ".venv" / "clients"))
NODE, PYTHON = TOOLS / "node" / "node_modules", TOOLS / "python" / "bin"


def installed(place: Path) -> None:
    if not place.exists() and not os.environ.get("CI"):
        pytest.skip(f"needs {place.name}: .ci/run shows how it is installed")


def done(folder: Path, *command: str | Path) -> str:
    """Run a command to its end and return what it said; fail when it fails."""
    ended = subprocess.run(
        command,
        cwd=folder,
        env=environment({"PATH": f"{PYTHON}:{os.environ['PATH']}", "NO_COLOR": "1"}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, f"{command}:\n{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
    return ended.stdout + ended.stderr


@pytest.fixture
def folder(tmp_path: Path, wizard: Wizard) -> Path:
    """An empty folder with the description that the server gives."""
    with urllib.request.urlopen(f"{wizard.url}/openapi.json", timeout=PATIENCE_SECONDS) as answer:
        (tmp_path / "openapi.json").write_bytes(answer.read())
    return tmp_path


def test_openapi_typescript_makes_types_that_compile_strictly_and_serve_calls(folder: Path, wizard: Wizard) -> None:
    installed(NODE / "openapi-typescript")
    (folder / "node_modules").symlink_to(NODE)
    (folder / "package.json").write_text(json.dumps({"type": "module"}), encoding="utf-8")
    shutil.copy(PROGRAMS / "calls.ts", folder)
    done(folder, "node", NODE / "openapi-typescript" / "bin" / "cli.js", "openapi.json", "-o", "api.d.ts")
    options = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--target", "es2022"]
    tsc = NODE / "typescript" / "bin" / "tsc"
    done(folder, "node", tsc, *options, "--module", "nodenext", "--lib", "es2022,dom", "calls.ts")
    assert done(folder, "node", "calls.js", wizard.url, wizard.token("analyst")).startswith("as expected")


def test_openapi_python_client_makes_a_client_that_keeps_every_error(folder: Path, wizard: Wizard) -> None:
    installed(PYTHON / "openapi-python-client")
    said = done(
        folder,
        *(PYTHON / "openapi-python-client", "generate", "--path", "openapi.json", "--meta", "none"),
        *("--output-path", "made"),
    )
    warnings = [line for line in said.splitlines() if line.startswith("WARNING")]
    assert len(warnings) == 1, said
    assert "#/components/schemas/StateJsonPatch" in said, "one body of one operation it cannot offer: an array"
    described = json.loads((folder / "openapi.json").read_text(encoding="utf-8"))["components"]["schemas"]
    made = (folder / "made" / "models" / "__init__.py").read_text(encoding="utf-8")
    problems = [name for name in described if name.endswith("Problem")]
    assert len(problems) > 20
    assert [name for name in problems if f"import {name}\n" not in made] == []
    shutil.copy(PROGRAMS / "attrs_client.py", folder)
    assert done(folder, PYTHON / "python", "attrs_client.py", wizard.url, wizard.token("analyst")) == "as expected\n"


def test_datamodel_code_generator_makes_models_that_serve_calls(folder: Path, wizard: Wizard) -> None:
    installed(PYTHON / "datamodel-codegen")
    done(
        folder,
        *(PYTHON / "datamodel-codegen", "--input", "openapi.json", "--input-file-type", "openapi"),
        *("--output-model-type", "pydantic_v2.BaseModel", "--output", "made.py"),
    )
    shutil.copy(PROGRAMS / "pydantic_models.py", folder)
    assert (
        done(folder, PYTHON / "python", "-W", "error", "pydantic_models.py", wizard.url, wizard.token("analyst"))
        == "as expected\n"
    )
