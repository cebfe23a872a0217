"""The browser client in a real Chromium against a real server: many tabs, bad lines, two windows."""

import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests import factories
from tests.acceptance.process import PATIENCE_SECONDS, until
from tests.browser.tabs import Tab
from wizard_server.testing import Wizard

TABS, CLOSED = 12, 10
POLLING = {"transport": "poll"}


@pytest.fixture
def wizard_config(origin: str) -> Mapping[str, Mapping[str, Any]]:
    """The server allows the pages of `origin`."""
    return {"cors": {"allowed_origins": [origin]}}


def ask(wizard: Wizard, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"{wizard.url}/api/v1{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {wizard.token('analyst')}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


def rename(wizard: Wizard, investigation: str, name: str) -> int:
    """Change the name in the settings, as somebody else, and return the version."""
    return int(
        ask(wizard, "PUT", f"/wizard-state/{investigation}", {"settings": factories.settings(name=name)})["version"]
    )


def connections(wizard: Wizard) -> int:
    return int(ask(wizard, "GET", "/polling/health")["server_load"]["active_connections"])


@pytest.fixture
def investigation(wizard: Wizard, request: pytest.FixtureRequest) -> str:
    identifier = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[-100:]
    ask(wizard, "POST", "/wizard-state", {"investigation_id": identifier, "settings": factories.settings(name="v1")})
    return identifier


@pytest.fixture
def open_tab(driver: Chrome, origin: str, wizard: Wizard, investigation: str) -> Iterator[Callable[..., Tab]]:
    """Open a tab with a store on the investigation, in `options` of the store."""
    first = driver.current_window_handle

    def opened(options: dict[str, Any] = POLLING, url: str = "") -> Tab:
        tab = Tab(driver, origin)
        tab.call("openStore", url or wizard.url, wizard.token("analyst"), investigation, options)
        return tab

    yield opened
    for handle in driver.window_handles:
        if handle != first:
            driver.switch_to.window(handle)
            driver.execute_script("localStorage.clear()")
            driver.close()
    driver.switch_to.window(first)
    until(lambda: connections(wizard) == 0, "the tabs are gone")


def test_twelve_tabs_hold_one_poll_and_miss_nothing_while_their_leader_closes_ten_times(
    wizard: Wizard, investigation: str, open_tab: Callable[..., Tab]
) -> None:
    tabs = [open_tab() for _ in range(TABS)]
    version = 1
    for _ in range(CLOSED):
        until(lambda: connections(wizard) == 1, "one poll is parked for all")
        (leader,) = [tab for tab in tabs if tab.seen["polls"]]
        tabs.remove(leader)
        leader.close()
        version = rename(wizard, investigation, f"v{version + 1}")  # while nobody leads
        for tab in tabs:
            tab.reaches(version)
    until(lambda: connections(wizard) == 1, "one poll is parked for all")
    for tab in tabs:
        seen = tab.seen
        assert seen["versions"] == list(range(1, version + 1))
        assert seen["wizardState"]["settings"]["name"] == f"v{version}"
        assert seen["connection"] == "live"


def test_websocket_and_poll_together_show_each_version_once(
    wizard: Wizard, investigation: str, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab({})
    until(lambda: connections(wizard) == 2, "a WebSocket beside a poll")
    for number in range(2, 8):
        assert rename(wizard, investigation, f"v{number}") == number
    seen = tab.shows(lambda seen: seen["serverState"]["version"] == 7, "the last version")
    assert seen["versions"] == sorted(set(seen["versions"]))
    assert seen["polling"]["fallbacks"] == 0


def test_behind_a_proxy_that_cuts_after_three_seconds_every_change_is_seen(
    wizard: Wizard, investigation: str, open_tab: Callable[..., Tab]
) -> None:
    cut, shorter = wizard.faults.timeout(3.0, path="/api/"), wizard.faults.delay(0, path="wait=2")
    tab = open_tab(POLLING)
    until(lambda: shorter.hits > 0, "it has learnt to wait shorter")
    assert cut.hits <= 20
    for number in range(2, 6):
        rename(wizard, investigation, f"v{number}")
        seen = tab.reaches(number)
        assert seen["polling"]["retryCount"] == 0
        assert seen["connection"] == "live"


def test_offline_edits_are_seen_at_once_and_sent_when_the_line_is_back(
    wizard: Wizard, investigation: str, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab()
    tab.offline(offline=True)
    tab.shows(lambda seen: seen["connection"] == "offline", "that it is offline")
    tab.call("edit", {"name": "offline"})
    assert tab.seen["wizardState"]["settings"]["name"] == "offline"
    assert ask(wizard, "GET", f"/wizard-state/{investigation}")["settings"]["name"] == "v1"
    tab.offline(offline=False)
    seen = tab.shows(lambda seen: seen["localChanges"] is None and seen["connection"] == "live", "that it is sent")
    assert seen["serverState"]["settings"]["name"] == "offline"
    assert ask(wizard, "GET", f"/wizard-state/{investigation}")["settings"]["name"] == "offline"


def test_an_edit_made_offline_survives_a_reload(
    wizard: Wizard, investigation: str, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab()
    tab.offline(offline=True)
    tab.call("edit", {"name": "draft"})
    tab.offline(offline=False)
    tab.driver.refresh()
    tab.call("openStore", wizard.url, wizard.token("analyst"), investigation, POLLING)
    tab.shows(lambda seen: seen["serverState"]["settings"]["name"] == "draft", "the draft on the server")


@pytest.mark.parametrize(("choice", "name"), [("mine", "second"), ("theirs", "first")])
def test_two_windows_that_change_the_same_are_in_conflict_until_somebody_decides(
    wizard: Wizard, investigation: str, open_tab: Callable[..., Tab], choice: str, name: str
) -> None:
    one, two = open_tab(), open_tab()
    two.offline(offline=True)
    two.call("edit", {"name": "second"})
    one.call("edit", {"name": "first"})
    one.shows(lambda seen: seen["serverState"]["version"] == 2, "its own edit")
    two.offline(offline=False)
    two.shows(lambda seen: seen["conflict"] is not None, "a conflict")
    assert two.seen["wizardState"]["settings"]["name"] == "second"
    assert two.call("decide", choice, wizard.url) == ["settings.name"]
    for window in (one, two):
        seen = window.shows(lambda seen: seen["localChanges"] is None and seen["conflict"] is None, "an end")
        window.shows(lambda seen: seen["serverState"]["settings"]["name"] == name, name)
    assert seen["error"] is None


def test_two_windows_that_change_different_things_are_merged(
    wizard: Wizard, investigation: str, open_tab: Callable[..., Tab]
) -> None:
    one, two = open_tab(), open_tab()
    two.offline(offline=True)
    two.call("edit", {"description": "of two"})
    one.call("edit", {"name": "of one"})
    one.shows(lambda seen: seen["serverState"]["version"] == 2, "its own edit")
    two.offline(offline=False)
    two.shows(lambda seen: seen["conflict"] is not None, "a conflict")
    assert two.call("decide", "merged", wizard.url) == []
    for window in (one, two):
        seen = window.shows(lambda seen: seen["serverState"]["version"] == 3, "the merged settings")
        assert seen["wizardState"]["settings"]["name"] == "of one"
        assert seen["wizardState"]["settings"]["description"] == "of two"
