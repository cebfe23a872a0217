"""A real server with a catalogue of tools, and its pages in a window of their own."""

import json
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.acceptance.process import ServerProcess, run, write_config
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.windows import two_windows
from tests.browser.wizard.world import CATALOGUE


@pytest.fixture(scope="module")
def wizard_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server in mode none, with a catalogue of tools."""
    folder = tmp_path_factory.mktemp("wizard")
    (folder / "tools.json").write_text(json.dumps(CATALOGUE), encoding="utf-8")
    config = write_config(folder, tools={"catalog": str(folder / "tools.json")})
    assert run(folder, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server:
        yield server.ready()
    assert not server.complaints, server.stderr


@pytest.fixture
def wizard(driver: Chrome, wizard_server: ServerProcess) -> Iterator[WizardPage]:
    """The pages, in a window of 1280 by 900, for somebody who was never here."""
    driver.set_window_size(1280, 900)
    page = WizardPage(driver, wizard_server.url)
    page.open("/healthz")
    driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    yield page
    page.close()


@pytest.fixture
def windows(driver: Chrome, wizard: WizardPage) -> Iterator[tuple[WizardPage, WizardPage]]:
    """Two windows of somebody who was never here."""
    with two_windows(driver, wizard.base) as both:
        yield both
