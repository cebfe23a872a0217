"""What one reads: the log of a run, its results, and its past (issue 15, 3 to 5)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.support.select import Select

from tests.acceptance.process import ServerProcess, until
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import RESULTS, SETTINGS, agent, read

COPIES = "navigator.clipboard.writeText = async (text) => { window.copied = text; };"
LINES = "return [...document.querySelectorAll('.lines li > span')].map((each) => each.textContent)"


def running(server: ServerProcess, identifier: str) -> None:
    """Make an investigation that runs."""
    agent(server, "POST", "", {"investigation_id": identifier, "user_id": "dev", "settings": SETTINGS})
    agent(server, "PATCH", identifier, {"wizard_step": "PROGRESS"})


def says(server: ServerProcess, identifier: str, name: str, *lines: str) -> None:
    """Report lines of an agent."""
    reported = {"agent_name": name, "status": "running", "logs": [*lines]}
    agent(server, "POST", f"{identifier}/progress", {"agents": [reported]})


def done(server: ServerProcess, identifier: str) -> None:
    """Complete an investigation."""
    agent(server, "PATCH", identifier, {"wizard_step": "RESULTS", "status": "COMPLETED", "results": RESULTS})


def shows_lines(wizard: WizardPage, *lines: str) -> None:
    """Wait until the log has these lines."""
    until(lambda: wizard.driver.execute_script(LINES) == [*lines], f"lines: {lines}")


@pytest.fixture
def downloads(wizard: WizardPage, tmp_path: Path) -> Iterator[Path]:
    """Where the browser puts what it is handed."""
    command = "Browser.setDownloadBehavior"
    wizard.driver.execute_cdp_cmd(command, {"behavior": "allow", "downloadPath": str(tmp_path)})
    yield tmp_path
    wizard.driver.execute_cdp_cmd(command, {"behavior": "default"})


def test_the_log_is_filtered_paused_and_jumped_in_and_a_reader_is_not_taken_away(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    running(wizard_server, "read")
    says(wizard_server, "read", "device", "one of device", "two of device")
    says(wizard_server, "read", "payments", "one of payments")
    wizard.open("/investigations/read/progress")
    shows_lines(wizard, "one of device", "two of device", "one of payments")
    Select(wizard.driver.find_element("css selector", "[aria-label=Agent]")).select_by_visible_text("payments")
    shows_lines(wizard, "one of payments")
    wizard.sees("1 of 3 lines")
    Select(wizard.driver.find_element("css selector", "[aria-label=Agent]")).select_by_visible_text("every agent")
    wizard.fill("[aria-label='Filter the log']", "TWO of")
    shows_lines(wizard, "two of device")
    wizard.fill("[aria-label='Filter the log']", " ")
    wizard.fill("[aria-label='Jump to line']", "2")
    wizard.press(Keys.ENTER)
    until(lambda: wizard.driver.switch_to.active_element.get_attribute("id") == "line-2", "the focus is on line 2")
    wizard.sees("Follow the end")
    wizard.click("Pause")
    says(wizard_server, "read", "device", "three of device")
    wizard.sees("Resume, 1 new")
    assert "three of device" not in wizard.driver.execute_script(LINES)
    done(wizard_server, "read")
    wizard.sees("The investigation is complete.", "Go to the results")
    assert wizard.path == "/investigations/read/progress"
    wizard.click("Resume, 1 new")
    shows_lines(wizard, "one of device", "two of device", "one of payments", "three of device")
    wizard.click("Go to the results")
    wizard.is_at("/investigations/read/results")
    assert wizard.complaints() == []


def test_lines_that_the_state_holds_no_more_are_read_out_of_the_past(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    running(wizard_server, "past")
    for start in range(0, 1_200, 300):
        says(wizard_server, "past", "device", *(f"line {start + n}" for n in range(300)))
    state = read(wizard_server, "past")["progress"]["agents"][0]
    assert len(state["logs"]) == 1_000
    wizard.open("/investigations/past/progress")
    wizard.sees("1,200 lines")
    wizard.fill("[aria-label='Filter the log']", "line 7")
    until(lambda: "line 7" in wizard.driver.execute_script(LINES), "an old line is found")


def test_a_failed_run_is_retried_and_goes_on(wizard: WizardPage, wizard_server: ServerProcess) -> None:
    running(wizard_server, "failed")
    says(wizard_server, "failed", "device", "before it failed")
    agent(wizard_server, "PATCH", "failed", {"status": "ERROR"})
    wizard.open("/investigations/failed/progress")
    wizard.sees("The investigation failed. Retry goes on with the same settings.", "before it failed")
    wizard.click("Retry")
    wizard.sees_no("The investigation failed.")
    wizard.sees("Running")
    assert read(wizard_server, "failed")["status"] == "IN_PROGRESS"


def test_results_are_drawn_copied_and_exported(
    wizard: WizardPage, wizard_server: ServerProcess, downloads: Path
) -> None:
    running(wizard_server, "results")
    drawn = {"attempts": {"declined": [1, 5, 3]}, "cards": [{"bin": "411111", "tries": 1234}], "graph": {"a": {"b": 1}}}
    results = {**RESULTS, "visualizations": drawn}
    agent(wizard_server, "PATCH", "results", {"wizard_step": "RESULTS", "status": "COMPLETED", "results": results})
    wizard.open("/investigations/results/results")
    wizard.sees("92.5", "Critical risk", "device", "96", "1,234", "97 % sure")
    assert wizard.driver.find_elements("css selector", ".chart polyline")
    assert wizard.driver.find_elements("css selector", ".visualizations .tree")
    wizard.driver.execute_script(COPIES)
    wizard.click("Copy as JSON")
    wizard.sees("Evidence copied.")
    evidence = RESULTS["findings"][0]["evidence"]  # type: ignore[index]  # the world's values are of many types
    assert json.loads(wizard.driver.execute_script("return window.copied")) == evidence
    wizard.click("low 1")
    wizard.sees("1 of 2", "At night")
    wizard.sees_no("23 accounts on one emulator")
    wizard.click("Export JSON")
    wizard.click("Export CSV")
    json_file, csv_file = downloads / "results-results.json", downloads / "results-results.csv"
    until(lambda: json_file.exists() and csv_file.exists(), "both files are there")
    exported = json.loads(json_file.read_text(encoding="utf-8"))
    assert (exported["investigation_id"], exported["settings"]["name"]) == ("results", "Gift cards")
    assert [each["title"] for each in exported["results"]["findings"]] == ["23 accounts on one emulator", "Odd hours"]
    rows = csv_file.read_text(encoding="utf-8").splitlines()
    assert rows[0] == "severity,confidence,title,description,evidence"
    assert [row.split(",")[0] for row in rows[1:]] == ["critical", "low"]
    assert wizard.complaints() == []


def test_a_spreadsheet_runs_nothing_of_what_is_exported(
    wizard: WizardPage, wizard_server: ServerProcess, downloads: Path
) -> None:
    running(wizard_server, "formula")
    finding = {"title": '=HYPERLINK("http://x")', "description": "+1", "severity": "low", "confidence": 0.5}
    results = {**RESULTS, "findings": [{**finding, "evidence": []}]}
    agent(wizard_server, "PATCH", "formula", {"wizard_step": "RESULTS", "status": "COMPLETED", "results": results})
    wizard.open("/investigations/formula/results")
    wizard.sees('=HYPERLINK("http://x")')
    wizard.click("Export CSV")
    file = downloads / "formula-results.csv"
    until(file.exists, "the file is there")
    row = file.read_text(encoding="utf-8").splitlines()[1]
    assert row.startswith('low,0.5,"\'=HYPERLINK(""http://x"")",\'+1,')


def test_the_past_says_what_changed_and_is_filtered_and_linked_to(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    agent(wizard_server, "POST", "", {"investigation_id": "trail-2", "user_id": "dev", "settings": SETTINGS})
    more = [*SETTINGS["entities"], {"entity_type": "ip", "entity_id": "203.0.113.77"}]
    agent(wizard_server, "PATCH", "trail-2", {"settings": {**SETTINGS, "entities": more, "name": "Renamed"}})
    agent(wizard_server, "PATCH", "trail-2", {"settings": {**SETTINGS, "name": "Renamed"}})
    agent(wizard_server, "PATCH", "trail-2", {"wizard_step": "PROGRESS"})
    says(wizard_server, "trail-2", "device", "one line")
    wizard.open("/investigations/trail-2/history?version=2")
    wizard.sees("What changed, 2", "settings.name", "Gift cards", "Renamed", "settings.entities.1", "203.0.113.77")
    signs = "return [...document.querySelectorAll('.diff > li')].map((each) => each.className).sort()"
    assert wizard.driver.execute_script(signs) == ["added", "changed"]
    wizard.press("]")
    wizard.sees("Version 3", "What changed, 1")
    until(lambda: wizard.driver.execute_script(signs) == ["removed"], "the entity is removed")
    wizard.driver.execute_script(COPIES)
    wizard.click("Copy link")
    wizard.sees("Link copied.")
    link = wizard.driver.execute_script("return window.copied")
    assert link == f"{wizard.base}/investigations/trail-2/history?version=3"
    wizard.sees("dev reported progress", "by an agent", "started it")
    Select(wizard.driver.find_element("css selector", "[aria-label=Action]")).select_by_visible_text("creation")
    wizard.sees_no("started it")
    wizard.sees("created the investigation")
    Select(wizard.driver.find_element("css selector", "[aria-label=Action]")).select_by_visible_text("everything")
    Select(wizard.driver.find_element("css selector", "[aria-label=Source]")).select_by_visible_text("agents")
    wizard.sees("dev reported progress")
    wizard.sees_no("created the investigation")
    assert wizard.complaints() == []
