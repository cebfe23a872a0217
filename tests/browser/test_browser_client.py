"""The browser client in a real Chromium against a real server: many tabs, bad lines, two windows."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from selenium.webdriver import Chrome

from tests import factories
from tests.acceptance.process import PATIENCE_SECONDS, ServerProcess, run, until, write_config
from tests.browser.conftest import SECRET
from tests.browser.tabs import Tab, cutting_proxy

TABS, CLOSED = 12, 10
TOKEN = jwt.encode({"sub": "analyst", "scope": "wizard:read wizard:write", "exp": 4_000_000_000}, SECRET, "HS256")
POLLING = {"transport": "poll"}


@pytest.fixture(scope="module")
def live(origin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with tokens that allows the pages of `origin`."""
    config = write_config(
        tmp_path_factory.mktemp("live"),
        auth={"mode": "jwt", "jwt_secret": SECRET},
        cors={"allowed_origins": [origin]},
    )
    assert run(config.parent, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server:
        yield server.ready()
        assert not server.complaints, server.stderr


def ask(server: ServerProcess, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"{server.url}/api/v1{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


def rename(server: ServerProcess, investigation: str, name: str) -> int:
    """Change the name in the settings, as somebody else, and return the version."""
    return int(
        ask(server, "PUT", f"/wizard-state/{investigation}", {"settings": factories.settings(name=name)})["version"]
    )


def connections(server: ServerProcess) -> int:
    return int(ask(server, "GET", "/polling/health")["server_load"]["active_connections"])


@pytest.fixture
def investigation(live: ServerProcess, request: pytest.FixtureRequest) -> str:
    identifier = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[-100:]
    ask(live, "POST", "/wizard-state", {"investigation_id": identifier, "settings": factories.settings(name="v1")})
    return identifier


@pytest.fixture
def open_tab(driver: Chrome, origin: str, live: ServerProcess, investigation: str) -> Iterator[Callable[..., Tab]]:
    """Open a tab with a store on the investigation, in `options` of the store."""
    first = driver.current_window_handle

    def opened(options: dict[str, Any] = POLLING, url: str = "") -> Tab:
        tab = Tab(driver, origin)
        tab.call("openStore", url or live.url, TOKEN, investigation, options)
        return tab

    yield opened
    for handle in driver.window_handles:
        if handle != first:
            driver.switch_to.window(handle)
            driver.execute_script("localStorage.clear()")
            driver.close()
    driver.switch_to.window(first)
    until(lambda: connections(live) == 0, "the tabs are gone")


def test_twelve_tabs_hold_one_poll_and_miss_nothing_while_their_leader_closes_ten_times(
    live: ServerProcess, investigation: str, open_tab: Callable[..., Tab]
) -> None:
    tabs = [open_tab() for _ in range(TABS)]
    version = 1
    for _ in range(CLOSED):
        until(lambda: connections(live) == 1, "one poll is parked for all")
        (leader,) = [tab for tab in tabs if tab.seen["polls"]]
        tabs.remove(leader)
        leader.close()
        version = rename(live, investigation, f"v{version + 1}")  # while nobody leads
        for tab in tabs:
            tab.reaches(version)
    until(lambda: connections(live) == 1, "one poll is parked for all")
    for tab in tabs:
        seen = tab.seen
        assert seen["versions"] == list(range(1, version + 1))
        assert seen["wizardState"]["settings"]["name"] == f"v{version}"
        assert seen["connection"] == "live"


def test_websocket_and_poll_together_show_each_version_once(
    live: ServerProcess, investigation: str, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab({})
    until(lambda: connections(live) == 2, "a WebSocket beside a poll")
    for number in range(2, 8):
        assert rename(live, investigation, f"v{number}") == number
    seen = tab.shows(lambda seen: seen["serverState"]["version"] == 7, "the last version")
    assert seen["versions"] == sorted(set(seen["versions"]))
    assert seen["polling"]["fallbacks"] == 0


def test_behind_a_proxy_that_cuts_after_three_seconds_every_change_is_seen(
    live: ServerProcess, investigation: str, open_tab: Callable[..., Tab]
) -> None:
    with cutting_proxy(live.url) as (url, requests):
        tab = open_tab(POLLING, url)
        until(lambda: any("wait=2" in path for path in requests), "it has learnt to wait shorter")
        learning = len(requests)
        assert learning <= 40  # of which half are modules
        for number in range(2, 6):
            rename(live, investigation, f"v{number}")
            seen = tab.reaches(number)
            assert seen["polling"]["retryCount"] == 0
            assert seen["connection"] == "live"


def test_offline_edits_are_seen_at_once_and_sent_when_the_line_is_back(
    live: ServerProcess, investigation: str, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab()
    tab.offline(offline=True)
    tab.shows(lambda seen: seen["connection"] == "offline", "that it is offline")
    tab.call("edit", {"name": "offline"})
    assert tab.seen["wizardState"]["settings"]["name"] == "offline"
    assert ask(live, "GET", f"/wizard-state/{investigation}")["settings"]["name"] == "v1"
    tab.offline(offline=False)
    seen = tab.shows(lambda seen: seen["localChanges"] is None and seen["connection"] == "live", "that it is sent")
    assert seen["serverState"]["settings"]["name"] == "offline"
    assert ask(live, "GET", f"/wizard-state/{investigation}")["settings"]["name"] == "offline"


def test_an_edit_made_offline_survives_a_reload(
    live: ServerProcess, investigation: str, open_tab: Callable[..., Tab]
) -> None:
    tab = open_tab()
    tab.offline(offline=True)
    tab.call("edit", {"name": "draft"})
    tab.offline(offline=False)
    tab.driver.refresh()
    tab.call("openStore", live.url, TOKEN, investigation, POLLING)
    tab.shows(lambda seen: seen["serverState"]["settings"]["name"] == "draft", "the draft on the server")


@pytest.mark.parametrize(("choice", "name"), [("mine", "second"), ("theirs", "first")])
def test_two_windows_that_change_the_same_are_in_conflict_until_somebody_decides(
    live: ServerProcess, investigation: str, open_tab: Callable[..., Tab], choice: str, name: str
) -> None:
    one, two = open_tab(), open_tab()
    two.offline(offline=True)
    two.call("edit", {"name": "second"})
    one.call("edit", {"name": "first"})
    one.shows(lambda seen: seen["serverState"]["version"] == 2, "its own edit")
    two.offline(offline=False)
    two.shows(lambda seen: seen["conflict"] is not None, "a conflict")
    assert two.seen["wizardState"]["settings"]["name"] == "second"
    assert two.call("decide", choice, live.url) == ["settings.name"]
    for window in (one, two):
        seen = window.shows(lambda seen: seen["localChanges"] is None and seen["conflict"] is None, "an end")
        window.shows(lambda seen: seen["serverState"]["settings"]["name"] == name, name)
    assert seen["error"] is None


def test_two_windows_that_change_different_things_are_merged(
    live: ServerProcess, investigation: str, open_tab: Callable[..., Tab]
) -> None:
    one, two = open_tab(), open_tab()
    two.offline(offline=True)
    two.call("edit", {"description": "of two"})
    one.call("edit", {"name": "of one"})
    one.shows(lambda seen: seen["serverState"]["version"] == 2, "its own edit")
    two.offline(offline=False)
    two.shows(lambda seen: seen["conflict"] is not None, "a conflict")
    assert two.call("decide", "merged", live.url) == []
    for window in (one, two):
        seen = window.shows(lambda seen: seen["serverState"]["version"] == 3, "the merged settings")
        assert seen["wizardState"]["settings"]["name"] == "of one"
        assert seen["wizardState"]["settings"]["description"] == "of two"
