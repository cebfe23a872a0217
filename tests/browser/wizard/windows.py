"""Several windows of one browser, each with a page of the wizard."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from selenium.webdriver import Chrome

from tests.acceptance.process import ServerProcess, until
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import SETTINGS, agent, read

NAME, DESCRIPTION = "input[name=name]", "textarea[name=description]"

_HOLD = """
const real = window.fetch, waiting = [];
window.fetch = (...given) => new Promise((go) => waiting.push(() => go(real(...given))));
window.release = () => { window.fetch = real; for (const go of waiting) go(); };
"""


class _InWindow:
    """A driver whose every act is one in a window of its own."""

    def __init__(self, driver: Chrome, handle: str) -> None:
        self._driver, self._handle = driver, handle

    def __getattr__(self, name: str) -> Any:
        self._driver.switch_to.window(self._handle)
        return getattr(self._driver, name)


@contextmanager
def two_windows(driver: Chrome, base: str) -> Iterator[tuple[WizardPage, WizardPage]]:
    """Two windows of `driver` on the wizard below `base`; the second is closed in the end."""
    first = driver.current_window_handle
    driver.switch_to.new_window("window")
    second = driver.current_window_handle
    pages = [WizardPage(cast("Chrome", _InWindow(driver, handle)), base) for handle in (first, second)]
    try:
        yield pages[0], pages[1]
    finally:
        for page in pages:
            page.close()
        driver.switch_to.window(second)
        driver.close()
        driver.switch_to.window(first)


@contextmanager
def slow_line(page: WizardPage) -> Iterator[None]:
    """Meanwhile no request of `page` gets through; all of them do in the end."""
    page.driver.execute_script(_HOLD)
    try:
        yield
    finally:
        page.driver.execute_script("window.release()")


def is_sequential(server: ServerProcess, identifier: str) -> None:
    """Wait until the server has the last thing that the other window changes."""
    until(
        lambda: read(server, identifier)["settings"]["execution_mode"] == "sequential",
        "the other window's edits are saved",
    )


def shows(window: WizardPage, name: str, description: str) -> None:
    """Wait until the form of a window holds these."""
    until(
        lambda: (window.value(NAME), window.value(DESCRIPTION)) == (name, description), f"{name}, {description} shown"
    )


def investigation(server: ServerProcess, windows: tuple[WizardPage, WizardPage], identifier: str) -> None:
    """Make an investigation and open its settings in both windows."""
    settings = {**SETTINGS, "description": "Before"}
    agent(server, "POST", "", {"investigation_id": identifier, "user_id": "dev", "settings": settings})
    for window in windows:
        window.open(f"/investigations/{identifier}/settings")
        window.sees("Gift cards", "live", "Saved")
