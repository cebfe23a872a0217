"""``/docs`` in a real browser: nothing comes from elsewhere, and a request can be tried with a token."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import element_to_be_clickable, presence_of_element_located
from selenium.webdriver.support.wait import WebDriverWait

from tests.acceptance.process import PATIENCE_SECONDS
from tests.browser.conftest import Api

OPERATION = "#operations-states-get_v1_wizard_state"


@pytest.fixture
def docs(driver: Chrome, api: Api, request: pytest.FixtureRequest) -> Chrome:
    """A browser that shows the page at the path that is its parameter, its logs empty before."""
    for kind in ("browser", "performance"):
        logged(driver, kind)
    driver.get(f"{api.url}{request.param}")
    find(driver, ".opblock-tag")
    return driver


def find(driver: Chrome, selector: str) -> WebElement:
    found: WebElement = WebDriverWait(driver, PATIENCE_SECONDS).until(
        presence_of_element_located((By.CSS_SELECTOR, selector))
    )
    return found


def click(driver: Chrome, selector: str) -> None:
    WebDriverWait(driver, PATIENCE_SECONDS).until(element_to_be_clickable((By.CSS_SELECTOR, selector))).click()


def logged(driver: Chrome, kind: str) -> list[dict[str, Any]]:
    """Return what was logged since the last time."""
    entries: list[dict[str, Any]] = driver.get_log(kind)  # type: ignore[no-untyped-call]  # the library has no types here
    return entries


def requested(driver: Chrome) -> Iterator[str]:
    """Yield the URL of every request that the page made."""
    for entry in logged(driver, "performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


@pytest.mark.parametrize("docs", ["/docs", "/api/v1/docs"], indirect=True)
def test_the_page_loads_without_another_host_and_without_an_error(docs: Chrome, api: Api) -> None:
    hosts = {urlsplit(url).netloc for url in requested(docs) if not url.startswith("data:")}
    assert hosts == {urlsplit(api.url).netloc}
    assert logged(docs, "browser") == []


@pytest.mark.parametrize("docs", ["/docs"], indirect=True)
def test_a_request_can_be_tried_with_a_token(docs: Chrome, api: Api) -> None:
    click(docs, ".btn.authorize")
    find(docs, ".auth-container input").send_keys(api.token)
    click(docs, ".auth-btn-wrapper .authorize")
    click(docs, ".auth-btn-wrapper .btn-done")
    click(docs, f"{OPERATION} .opblock-summary-control")
    click(docs, f"{OPERATION} .execute")
    answer = find(docs, f"{OPERATION} .live-responses-table tbody .response-col_status")
    assert answer.text.startswith("200")
    shown = find(docs, f"{OPERATION} .live-responses-table").text
    assert '"total": 0' in shown
    assert "ratelimit:" in shown
    assert [entry for entry in logged(docs, "browser") if entry["level"] == "SEVERE"] == []
