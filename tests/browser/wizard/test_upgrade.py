"""A page that was loaded before the server was upgraded: its files have other names now."""

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome

import wizard_server
from tests.acceptance.process import CHECKOUT, WIZARD_SERVER, ServerProcess, run, write_config
from tests.browser.wizard.page import WizardPage

_SCRIPT = "return document.querySelector('script').src"


def release(folder: Path) -> None:
    """Put a release with other files into `folder`, where a server that is started there finds it first."""
    package = Path(wizard_server.__file__).parent
    shutil.copytree(package, folder / "wizard_server", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(CHECKOUT / "sql", folder / "sql")
    icon = folder / "wizard_server" / "static" / "pages" / "icon.svg"
    icon.write_text(icon.read_text(encoding="utf-8") + "<!-- newer -->", encoding="utf-8")


def test_an_open_page_tells_of_a_newer_release_and_loses_no_draft(driver: Chrome, tmp_path: Path) -> None:
    config = write_config(tmp_path)
    assert run(tmp_path, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server:
        wizard = WizardPage(driver, server.ready().url)
        wizard.open("/")
        wizard.click("New investigation")
        wizard.fill("input[name=name]", "Typed before the upgrade")
        wizard.sees("Kept in this browser; saved once it is complete", "live")
        before = driver.execute_script(_SCRIPT)
    wizard.sees("offline")
    release(tmp_path)
    port = str(urlsplit(server.url).port)
    with ServerProcess(config, "--port", port, command=WIZARD_SERVER) as newer:
        newer.ready()
        wizard.sees("live", "The server has a newer release of this page", "your drafts are kept in this browser")
        assert wizard.value("input[name=name]") == "Typed before the upgrade"
        wizard.click("Reload")
        wizard.sees("Kept in this browser", "live")
        assert wizard.value("input[name=name]") == "Typed before the upgrade"
        assert driver.execute_script(_SCRIPT) != before
        wizard.sees_no("newer release")
        wizard.close()
    assert not newer.complaints, newer.stderr


@pytest.mark.parametrize("gone", [["*/wizard.js"], ["*/wizard.js", "*/wizard.css"]], ids=["script", "all"])
def test_a_page_whose_files_are_gone_says_to_reload_it(wizard: WizardPage, gone: list[str]) -> None:
    wizard.driver.execute_cdp_cmd("Network.enable", {})
    wizard.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": gone})
    try:
        wizard.open("/")
        wizard.sees("The page has not loaded", "reload the page")
    finally:
        wizard.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    wizard.reload()
    wizard.sees("live")
    wizard.sees_no("has not loaded")
