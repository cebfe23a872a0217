"""Several windows of one browser, each with a page of the wizard."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from selenium.webdriver import Chrome

from tests.browser.wizard.page import WizardPage

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
