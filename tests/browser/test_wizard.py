"""The wizard in a real browser, with a real server, and an agent that reports over HTTP (contract 12)."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.acceptance.process import ServerProcess, run, write_config
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
    page.open("/static/pages/icon.svg")
    driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    yield page
    page.close()


def agent(server: ServerProcess, method: str, path: str, body: dict[str, Any]) -> Any:
    """Send what an agent sends."""
    request = urllib.request.Request(
        f"{server.url}/api/v1/wizard-state/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def test_an_analyst_does_the_whole_job_by_mouse_and_reloads_at_every_step(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    wizard.open("/")
    wizard.sees("Nothing investigated yet")
    wizard.click("New investigation")
    wizard.sees("Subject", "opens when the investigation starts")
    identifier = wizard.path.split("/")[2]

    wizard.click("Start investigation")
    wizard.sees("Investigation name is required", "At least one entity is required", "At least one tool must be selected")
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
