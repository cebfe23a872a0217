"""Tabs of one browser with the browser client in them."""

from collections.abc import Callable
from typing import Any

from selenium.webdriver import Chrome

from tests.acceptance.process import until
from tests.browser.conftest import Page


class Tab:
    """A tab with a store in it; its calls bring it to the front first."""

    def __init__(self, driver: Chrome, origin: str) -> None:
        driver.switch_to.new_window("tab")
        self.driver, self.handle = driver, driver.current_window_handle
        self.page = Page(driver, origin)

    def call(self, function: str, *arguments: Any) -> Any:
        """Return what a function of ``page.js`` returns."""
        self.driver.switch_to.window(self.handle)
        return self.page.call(function, *arguments)

    @property
    def seen(self) -> dict[str, Any]:
        """What the store shows."""
        seen: dict[str, Any] = self.call("whatIsSeen")
        return seen

    def shows(self, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Return what the store shows as soon as `condition` holds for it."""
        last: list[dict[str, Any]] = []

        def holds() -> bool:
            last[:] = [self.seen]
            return condition(last[0])

        try:
            until(holds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; {last[0]}") from None
        return last[0]

    def reaches(self, version: int) -> dict[str, Any]:
        """Return what the store shows as soon as it has `version`."""
        return self.shows(lambda seen: seen["serverState"]["version"] == version, f"version {version}")

    def offline(self, *, offline: bool) -> None:
        """Cut this tab from the network, or connect it again."""
        self.driver.switch_to.window(self.handle)
        limits = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", limits)

    def close(self) -> None:
        """Close the tab."""
        self.driver.switch_to.window(self.handle)
        self.driver.close()
