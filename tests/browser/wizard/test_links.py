"""The address is the truth: a link that is copied at any step opens in a new browser where it was (contract 12)."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.acceptance.process import ServerProcess, until
from tests.browser.conftest import browser
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import RESULTS, SETTINGS, agent

LINKS = {
    "/investigations/link-draft/settings": "Start investigation",
    "/investigations/link-run/progress": "Cancel investigation",
    "/investigations/link-done/settings": "Settings are closed",
    "/investigations/link-done/progress": "The investigation is complete",
    "/investigations/link-done/results": "92.5",
    "/investigations/link-done/history": "Version 3",
    "/investigations/link-done/history?version=2": "Version 2",
    "/investigations/link-done": "92.5",
    "/templates": "Rings",
}
WHERE = """
const shown = [...document.querySelectorAll('h1, h2, [aria-current], [aria-selected=true]')];
return [document.title, ...shown.map((each) => each.innerText)];
"""


@pytest.fixture(scope="module")
def filled(wizard_server: ServerProcess) -> None:
    """One investigation at each step, and a template."""
    for name in ("draft", "run", "done"):
        agent(wizard_server, "POST", "", {"investigation_id": f"link-{name}", "user_id": "dev", "settings": SETTINGS})
    for name in ("run", "done"):
        agent(wizard_server, "PATCH", f"link-{name}", {"wizard_step": "PROGRESS"})
    agent(wizard_server, "PATCH", "link-done", {"wizard_step": "RESULTS", "status": "COMPLETED", "results": RESULTS})
    agent(wizard_server, "POST", "", {"name": "Rings", "settings": SETTINGS}, "templates")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Another browser."""
    with browser(tmp_path_factory.mktemp("stranger")) as driver:
        yield driver


@pytest.mark.parametrize("path", LINKS)
def test_a_copied_link_opens_in_a_new_browser_where_it_was(
    wizard: WizardPage, filled: None, stranger: Chrome, path: str
) -> None:
    wizard.open(path)
    wizard.sees(LINKS[path], "synced")
    other = WizardPage(stranger, wizard.base)
    other.open("/healthz")
    stranger.execute_script("localStorage.clear(); sessionStorage.clear()")
    other.open(path)
    other.sees(LINKS[path], "synced")
    assert other.path == path
    until(lambda: stranger.execute_script(WHERE) == wizard.driver.execute_script(WHERE), "the same in both")
    assert other.complaints() == []
    other.close()


def test_the_address_follows_the_slider_so_that_it_can_be_copied(wizard: WizardPage, filled: None) -> None:
    wizard.open("/investigations/link-done/history")
    wizard.sees("Version 3")
    wizard.press("[")
    wizard.is_at("/investigations/link-done/history?version=2")
    wizard.press("]")
    wizard.is_at("/investigations/link-done/history")


@pytest.mark.parametrize(
    ("version", "seen"), {"-5": "Version 3", "2.9": "Version 2", "x": "Version 3", "99": "Version 99"}.items()
)
def test_a_version_that_is_none_is_the_newest_and_one_to_come_is_said_to_be_missing(
    wizard: WizardPage, filled: None, version: str, seen: str
) -> None:
    wizard.open(f"/investigations/link-done/history?version={version}")
    wizard.sees(seen, "of 3")
