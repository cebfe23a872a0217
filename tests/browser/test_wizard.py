"""The wizard in a real browser, with a real server, and an agent that reports over HTTP (contract 12)."""

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from selenium.webdriver import Chrome, Keys

from tests.acceptance.process import ServerProcess, run, write_config
from tests.browser.conftest import SECRET
from tests.browser.wizard_page import WizardPage

CATALOGUE = {
    "device_graph": {
        "type": "object",
        "properties": {"depth": {"type": "integer", "minimum": 1, "maximum": 4, "default": 2}},
        "required": ["depth"],
    },
    "ip_reputation": {"type": "object", "properties": {"include_proxies": {"type": "boolean", "default": True}}},
}
RESULTS = {
    "findings": [
        {"title": "23 accounts on one emulator", "description": "One device opened 23 accounts", "severity": "critical",
         "confidence": 0.97, "evidence": [{"device_id": "d-7f3a91c2", "accounts": 23}]},
        {"title": "Odd hours", "description": "At night", "severity": "low", "confidence": 0.5, "evidence": []},
    ],
    "risk_score": {"overall_score": 92.5, "category_scores": {"device": 96.0}, "risk_level": "critical"},
    "entity_summaries": {"u-48213": {"role": "member of the ring"}},
    "visualizations": {"attempts": {"declined": [1, 5, 3]}},
    "completed_at": "2026-03-17T00:00:00Z",
}  # fmt: skip

SETTINGS = {
    "name": "Gift cards",
    "entities": [{"entity_type": "user_id", "entity_id": "u-1"}],
    "time_range": {"start": "2026-03-09T00:00:00.000Z", "end": "2026-03-17T00:00:00.000Z"},
    "tools": [{"tool_name": "device_graph", "enabled": True, "parameters": {"depth": 2}}],
    "correlation_mode": "OR",
    "execution_mode": "parallel",
}


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


def agent(server: ServerProcess, method: str, path: str, body: dict[str, Any]) -> Any:
    """Send what an agent sends."""
    request = urllib.request.Request(
        f"{server.url}/api/v1/wizard-state/{path}".rstrip("/"),
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def read(server: ServerProcess, identifier: str) -> Any:
    """Return the state as the server has it."""
    with urllib.request.urlopen(f"{server.url}/api/v1/wizard-state/{identifier}", timeout=20) as answer:
        return json.loads(answer.read())


def token(seconds: float) -> str:
    """Return a token of an analyst that is good for so long."""
    claims = {"sub": "ann", "scope": "wizard:read wizard:write", "exp": int(time.time() + seconds)}
    return jwt.encode(claims, SECRET, "HS256")


def test_an_analyst_does_the_whole_job_by_mouse_and_reloads_at_every_step(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    wizard.open("/")
    wizard.sees("Nothing investigated yet")
    wizard.click("New investigation")
    wizard.sees("Subject", "opens when the investigation starts")
    identifier = wizard.path.split("/")[2]

    wizard.click("Start investigation")
    wizard.sees(
        "Investigation name is required", "At least one entity is required", "At least one tool must be selected"
    )
    wizard.fill("input[name=name]", "Card testing ring")
    wizard.click("Paste many")
    wizard.fill("textarea[name=lines]", "user_id, u-48213, First account\n203.0.113.77")
    wizard.click("Add entities")
    wizard.sees("2 of 10")
    wizard.reload()
    wizard.sees("2 of 10", "Kept in this browser")
    assert wizard.value("input[name=name]") == "Card testing ring"

    wizard.click("device_graph")
    wizard.sees("1 of 2 tools", "Saved")
    wizard.click("Last 24 h")
    wizard.sees("Saved at")
    wizard.reload()
    wizard.sees("Card testing ring", "1 of 2 tools", "Saved")

    wizard.click("Start investigation")
    wizard.is_at(f"/investigations/{identifier}/progress")
    wizard.sees("Waiting for the first agent to report")
    report = {
        "overall_progress": 40,
        "current_phase": "collect",
        "phases": [{"phase_name": "collect", "status": "running", "progress": 80}],
        "agents": [{"agent_name": "device", "status": "running", "progress": 40, "logs": ["41 sessions, 23 accounts"]}],
    }
    agent(wizard_server, "POST", f"{identifier}/progress", report)
    wizard.sees("40 %", "collect", "41 sessions, 23 accounts", "1 line")
    wizard.reload()
    wizard.sees("40 %", "41 sessions, 23 accounts")

    done = {"wizard_step": "RESULTS", "status": "COMPLETED", "results": RESULTS}
    agent(wizard_server, "PATCH", identifier, done)
    wizard.is_at(f"/investigations/{identifier}/results")
    wizard.sees("92.5", "Critical risk", "23 accounts on one emulator", "d-7f3a91c2", "member of the ring")
    wizard.reload()
    wizard.sees("92.5", "Odd hours")

    wizard.click("History")
    wizard.sees("started it", "gave results", "created the investigation")
    wizard.click("One version back")
    wizard.sees("What changed")
    wizard.open(f"/investigations/{identifier}/history?version=1")
    wizard.sees("Version 1")

    wizard.click("Investigations")
    wizard.is_at("/")
    wizard.sees("Card testing ring", "Completed")
    wizard.click("Delete Card testing ring")
    wizard.sees("Deleted", "Undo")
    wizard.click("Undo")
    wizard.sees("Card testing ring")
    assert wizard.complaints() == []


def test_two_windows_merge_what_they_change_and_ask_where_both_changed_the_same(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    agent(wizard_server, "POST", "", {"investigation_id": "two", "user_id": "dev", "settings": SETTINGS})
    wizard.open("/investigations/two")
    wizard.sees("Saved", "Gift cards")
    wizard.fill("textarea[name=description]", "Mine")
    agent(wizard_server, "PATCH", "two", {"settings": {**SETTINGS, "execution_mode": "sequential"}})
    wizard.sees("One tool runs after the other", "Saved at")
    assert read(wizard_server, "two")["settings"]["description"] == "Mine"

    present = read(wizard_server, "two")["settings"]
    wizard.driver.execute_script("window.holding = fetch; window.fetch = () => new Promise(() => {})")
    wizard.fill("input[name=name]", "Mine")
    agent(wizard_server, "PATCH", "two", {"settings": {**present, "name": "Theirs", "description": "Theirs too"}})
    wizard.sees("Changed by somebody else meanwhile", "Theirs")
    wizard.driver.execute_script("window.fetch = window.holding")
    wizard.click("Take all of theirs")
    wizard.sees("Saved")
    assert wizard.value("input[name=name]") == "Theirs"
    assert read(wizard_server, "two")["settings"]["name"] == "Theirs"


def test_keys_alone_lead_through_the_pages(wizard: WizardPage, wizard_server: ServerProcess) -> None:
    agent(wizard_server, "POST", "", {"investigation_id": "keys", "user_id": "dev", "settings": SETTINGS})
    wizard.open("/templates")
    wizard.sees("No template yet")
    wizard.press("?")
    wizard.sees("go to the investigations")
    wizard.press(Keys.ESCAPE)
    wizard.press("gi")
    wizard.sees("Gift cards")
    wizard.press("j")
    wizard.press(Keys.ENTER)
    wizard.sees("Subject")
    identifier = wizard.path.split("/")[2]
    wizard.press("4")
    wizard.is_at(f"/investigations/{identifier}/history")
    wizard.press("1")
    wizard.is_at(f"/investigations/{identifier}/settings")
    wizard.press("s")
    wizard.is_at(f"/investigations/{identifier}/progress")
    wizard.press("x")
    wizard.sees("The agents stop")
    wizard.press(Keys.ENTER)
    wizard.sees("Cancelled. What the agents reported")
    assert wizard.complaints() == []


def test_a_token_that_expires_is_asked_for_again_and_what_was_typed_is_sent(driver: Chrome, tmp_path: Path) -> None:
    config = write_config(tmp_path, auth={"mode": "jwt", "jwt_secret": SECRET, "leeway_seconds": 0})
    assert run(tmp_path, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server:
        wizard = WizardPage(driver, server.ready().url)
        wizard.open("/")
        wizard.sees("Sign in with a token")
        wizard.fill("textarea[name=token]", token(12))
        wizard.press(Keys.TAB + Keys.ENTER)
        wizard.click("New investigation")
        wizard.sees("Subject")
        identifier = wizard.path.split("/")[2]
        wizard.fill("input[name=name]", "Typed before")
        wizard.sees("Your token has expired", "signed out")
        assert wizard.value("input[name=name]") == "Typed before"
        wizard.fill("textarea[name=token]", token(600))
        wizard.press(Keys.TAB + Keys.ENTER)
        wizard.sees("live")
        wizard.open(f"/investigations/{identifier}#token={token(600)}")
        wizard.sees("Kept in this browser")
        assert wizard.path == f"/investigations/{identifier}"
        wizard.close()
    assert not server.complaints, server.stderr
