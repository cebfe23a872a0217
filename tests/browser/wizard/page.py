"""The wizard's pages as somebody with a mouse sees them: what is named is found by its words."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selenium.common.exceptions import ElementNotInteractableException, StaleElementReferenceException
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

PATIENCE_SECONDS = 20.0
MOST_TABS = 80
_RECORDER = """
window.violations = [];
document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  violations.push(`${violatedDirective} ${blockedURI}`));
"""
_FOCUSED = """
const { activeElement: it } = document;
return (it.ariaLabel ?? it.labels?.[0]?.innerText ?? it.innerText).split("\\n")[0].trim();
"""


class WizardPage:
    """A window of the browser that shows the wizard below `base`."""

    def __init__(self, driver: Chrome, base: str) -> None:
        """Open nothing yet; from now on every page records what its policy blocks."""
        self.driver, self.base = driver, base
        self._logged()  # of pages before
        self._recorder = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _RECORDER})

    def close(self) -> None:
        """Leave the page as it was found, and the line whole."""
        self.offline(offline=False)
        self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", self._recorder)
        self.driver.get("about:blank")

    @contextmanager
    def preloading(self, script: str) -> Iterator[None]:
        """Have every page that opens meanwhile run `script` before its own."""
        name = self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", name)

    def open(self, path: str) -> None:
        """Go to an address."""
        self.driver.get(self.base + path)

    def reload(self) -> None:
        """Load the present address again."""
        self.driver.refresh()

    @property
    def path(self) -> str:
        """The present address below the base."""
        return self.driver.current_url.removeprefix(self.base)

    @property
    def text(self) -> str:
        """All that is to be read."""
        return str(self.driver.execute_script("return document.body.innerText"))

    def sees(self, *texts: str) -> None:
        """Wait until each of `texts` can be read, whatever its case."""
        for text in texts:
            _until(lambda text=text: text.lower() in self.text.lower(), f"{text!r} on the page:\n{self.text[:3000]}")

    def sees_no(self, text: str) -> None:
        """Wait until `text` cannot be read any more."""
        _until(lambda: text.lower() not in self.text.lower(), f"no {text!r} on the page:\n{self.text[:3000]}")

    def is_at(self, path: str) -> None:
        """Wait until the address is `path`."""
        _until(lambda: self.path == path, f"address {path}, but it is {self.path}")

    def click(self, words: str) -> None:
        """Click the button, link or label with these words."""
        self._act(_named(words), lambda element: element.click())

    def fill(self, selector: str, text: str) -> None:
        """Type `text` into the control that a CSS selector names, over what is there."""

        def type_it(element: WebElement) -> None:
            element.send_keys(Keys.CONTROL, "a")  # `clear` tells the page nothing, which would put back what was there
            element.send_keys(text)

        self._act((By.CSS_SELECTOR, selector), type_it)

    def focus(self, selector: str) -> None:
        """Put the focus on the control that a CSS selector names."""
        self._act(
            (By.CSS_SELECTOR, selector), lambda element: self.driver.execute_script("arguments[0].focus()", element)
        )

    def press(self, keys: str) -> None:
        """Press keys wherever the focus is, once it is on something that is shown."""

        def tried() -> bool:
            try:
                self.driver.switch_to.active_element.send_keys(keys)
            except ElementNotInteractableException:
                return False
            return True

        _until(tried, "the focus on something that takes keys")

    @property
    def focused(self) -> str:
        """The words of the control that has the focus."""
        return str(self.driver.execute_script(_FOCUSED))

    def sees_dialog(self, *, shown: bool) -> None:
        """Wait until a dialog is open, or none."""
        _until(lambda: bool(self.driver.find_elements(By.TAG_NAME, "dialog")) is shown, f"dialog shown: {shown}")

    def tab_to(self, words: str) -> None:
        """Press Tab until the control with these words has the focus."""
        for _ in range(MOST_TABS):
            if self.focused == words:
                return
            self.press(Keys.TAB)
        raise AssertionError(f"Tab never comes to {words!r}:\n{self.text[:2000]}")

    def prefers(self, feature: str, value: str) -> None:
        """Be a reader who prefers something, as CSS names it; an empty value: who prefers nothing."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": feature, "value": value}]})

    def printed(self, *, printed: bool) -> None:
        """See the page as it is printed, or on the screen again."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print" if printed else ""})

    def offline(self, *, offline: bool, then: str = "") -> None:
        """Cut the line, or mend it and run a script at once."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        condition = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", condition)
        self.driver.execute_script(then)

    def shown(self, selector: str) -> str:
        """Return what is to be read in the first element that a CSS selector names."""
        return str(self.driver.execute_script("return document.querySelector(arguments[0]).innerText", selector))

    def value(self, selector: str) -> Any:
        """Return what a control holds."""
        return self.driver.execute_script("return document.querySelector(arguments[0])?.value", selector)

    def complaints(self) -> list[str]:
        """Return what the browser complained of, and what the policy blocked on the present page."""
        blocked: list[str] = self.driver.execute_script("return window.violations")
        return blocked + [line["message"] for line in self._logged() if line["level"] == "SEVERE"]

    def _logged(self) -> list[dict[str, Any]]:
        logged: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]  # the library has no types here
        return logged

    def _act(self, where: tuple[str, str], act: Any) -> None:
        def tried() -> bool:
            for element in self.driver.find_elements(*where):
                try:
                    if element.is_displayed() and element.is_enabled():
                        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
                        act(element)
                        return True
                except StaleElementReferenceException:
                    continue
            return False

        _until(tried, f"{where[1]} to be had:\n{self.text[:2000]}")


def _named(words: str) -> tuple[str, str]:
    inner = f"normalize-space(.)={words!r} or @aria-label={words!r}"
    return By.XPATH, f"//*[self::button or self::a or self::label or self::span][{inner}]"


def _until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE_SECONDS:.0f} s for {what}")
        time.sleep(0.05)
