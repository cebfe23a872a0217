"""The browser client, as packed, under ``node --test``: a clock that tests move, a service in memory."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.process import CHECKOUT
from tests.clients.node import TSC, fresh, installed, node, project
from wizard_server.commands.types import generated
from wizard_server.testing import Wizard
from wizard_server.web.pages.client_files import CLIENT

README = CHECKOUT / "README.md"
PROGRAMS = Path(__file__).parent / "browser_client"
REACT = ("react", "react-test-renderer", "react-is", "scheduler", "zustand")
TYPES = ("@types/react", "@types/node", "csstype", "undici-types")
STRICT = (
    *("--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--target", "es2022"),
    *("--module", "nodenext", "--lib", "es2023,dom,dom.iterable", "--jsx", "react-jsx"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with the client and the programs of these tests."""
    shutil.copytree(PROGRAMS, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def wizard_config() -> Mapping[str, Mapping[str, Any]]:
    """Mode none: the programs have no tokens."""
    return {"auth": {"mode": "none"}}


def passes(folder: Path, name: str, **env: str) -> None:
    """Run a program of tests; every one has to run and to pass."""
    said = node(folder, "--test", "--test-reporter=tap", f"{name}.test.js", **env)
    for line in ("# fail 0", "# skipped 0", "# todo 0", "# cancelled 0"):
        assert f"\n{line}\n" in said
    assert "\n# pass 0\n" not in said
    print("\n".join(re.findall(r"^# measured: .*", said, re.M)))


@pytest.mark.parametrize("name", ["parts", "follow", "store"])
def test_it_does_what_it_promises(folder: Path, name: str) -> None:
    passes(project(folder), name)


def test_at_rest_the_store_is_what_the_server_has_whatever_happened_on_the_way(folder: Path) -> None:
    passes(project(folder, "fast-check", "pure-rand"), "property")


def test_react_and_zustand_take_the_store_as_it_is(folder: Path) -> None:
    passes(project(folder, *REACT), "react")


def test_answers_of_a_real_server_parse_with_the_schemas(folder: Path, wizard: Wizard) -> None:
    passes(project(folder, "zod"), "schemas", WIZARD_URL=wizard.url)


def test_every_action_of_the_store_and_events_work_with_a_real_server(folder: Path, wizard: Wizard) -> None:
    passes(project(folder), "real", WIZARD_URL=wizard.url)


def test_types_and_schemas_are_what_the_server_has_today() -> None:
    stale = [name for name, text in generated().items() if (CLIENT / name).read_text(encoding="utf-8") != text]
    assert stale == [], "python -m wizard_server.commands.types"


def test_the_interfaces_are_those_of_the_specification(folder: Path) -> None:
    project(folder)
    installed(TSC)
    node(folder, TSC, *STRICT, "--noEmit", "specified.ts")


def test_npm_installs_it_into_a_fresh_project_that_compiles_strictly_and_runs(tmp_path: Path, wizard: Wizard) -> None:
    folder = fresh(tmp_path / "fresh", "zod", "react", "zustand", "@types/react", "@types/node", "typescript")
    shutil.copy(PROGRAMS / "program.tsx", folder)
    node(folder, folder / "node_modules" / "typescript" / "bin" / "tsc", *STRICT, "program.tsx")
    assert node(folder, "program.js", wizard.url) == "as expected true true 0 function\n"


def test_the_examples_of_the_readme_compile_and_run(folder: Path, wizard: Wizard) -> None:
    project(folder, *REACT, *TYPES)
    installed(TSC)
    found = re.findall(r"^```(?:js|tsx)\n// (\S+)\n(.*?)^```$", README.read_text(encoding="utf-8"), re.M | re.S)
    assert [name for name, _ in found] == ["wizard.js", "Progress.tsx", "Cancel.tsx"]
    for name, text in found:
        (folder / name).write_text(text.replace("http://127.0.0.1:8080", wizard.url), encoding="utf-8")
    node(folder, TSC, *STRICT, "--allowJs", "--outDir", "compiled", *(name for name, _ in found))
    passes(folder, "readme")


def test_a_thousand_updates_cost_a_fraction_of_whole_polls(folder: Path, wizard: Wizard) -> None:
    passes(project(folder), "bytes", WIZARD_URL=wizard.url)


def test_a_program_that_misuses_it_does_not_compile(folder: Path) -> None:
    project(folder, "zod")
    installed(TSC)
    wrong = folder / "wrong.ts"
    for line in (
        "client.getState(7);",
        'client.updateState("a", { wizard_step: "NOWHERE" });',
        "createWizardStore({});",
        'follow(client, "a", { transport: "pigeon" });',
        'const state: WizardState = { investigation_id: "a" };',
    ):
        head = 'import { createClient, createWizardStore, follow, type WizardState } from "wizard-client";\n'
        wrong.write_text(f"{head}const client = createClient();\n{line}\n", encoding="utf-8")
        with pytest.raises(AssertionError, match=r"wrong\.ts\(3,"):
            node(folder, TSC, *STRICT, "--noEmit", "wrong.ts")


def test_the_modules_are_typed_strictly(tmp_path: Path) -> None:
    installed(TSC)
    shutil.copytree(CLIENT, tmp_path / "client")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "zod").symlink_to(TSC.parents[2] / "zod")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    options = ("--allowJs", "--checkJs", "--noEmit")
    modules = [path for path in sorted((tmp_path / "client").glob("*.js")) if path.name != "wizard.schemas.js"]
    node(tmp_path, TSC, *options, *STRICT, *modules, tmp_path / "client" / "wizard.schemas.d.ts")


def test_what_is_served_is_the_module_without_its_comments(tmp_path: Path) -> None:
    project(tmp_path, "typescript")
    installed(TSC)
    shutil.copytree(CLIENT, tmp_path / "source")
    shutil.copy(PROGRAMS / "tokens.mjs", tmp_path)
    assert node(tmp_path, "tokens.mjs").startswith("as expected")
