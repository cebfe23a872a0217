"""The wizard in a real browser, with a real server, and an agent that reports over HTTP (contract 12)."""

from selenium.webdriver import Keys

from tests.acceptance.process import ServerProcess, until
from tests.browser.wizard.axe import AXE, violations
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import RESULTS, SETTINGS, agent, read
from tests.clients.node import installed


def test_an_analyst_does_the_whole_job_by_mouse_and_reloads_at_every_step(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    wizard.open("/")
    wizard.sees("Nothing investigated yet")
    installed(AXE)
    assert violations(wizard) == []
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
    installed(AXE)
    assert violations(wizard) == []
    wizard.driver.execute_script("window.fetch = window.holding")
    wizard.click("Theirs in every field")
    wizard.sees("Saved")
    assert wizard.value("input[name=name]") == "Theirs"
    assert read(wizard_server, "two")["settings"]["name"] == "Theirs"


def test_what_is_printed_has_every_finding_and_when_it_was(wizard: WizardPage, wizard_server: ServerProcess) -> None:
    agent(wizard_server, "POST", "", {"investigation_id": "paper", "user_id": "dev", "settings": SETTINGS})
    agent(wizard_server, "PATCH", "paper", {"wizard_step": "PROGRESS"})
    agent(wizard_server, "PATCH", "paper", {"wizard_step": "RESULTS", "status": "COMPLETED", "results": RESULTS})
    wizard.open("/investigations/paper/results")
    wizard.sees("Odd hours", "Export JSON")
    wizard.sees_no("At night")
    wizard.printed(printed=True)
    wizard.sees("At night")
    wizard.sees_no("Export JSON")
    wizard.printed(printed=False)
    wizard.sees_no("At night")


def test_reports_that_follow_each_other_are_one_entry_of_the_trail_that_opens(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    agent(wizard_server, "POST", "", {"investigation_id": "trail", "user_id": "dev", "settings": SETTINGS})
    agent(wizard_server, "PATCH", "trail", {"wizard_step": "PROGRESS"})
    for progress in range(37):
        agent(wizard_server, "POST", "trail/progress", {"overall_progress": progress})
    wizard.open("/investigations/trail/history")
    wizard.sees("reported progress, 37 reports in", "versions 3 to 39", "started it", "created the investigation")
    wizard.sees_no("version 20 ·")
    wizard.focus(".trail [aria-expanded=false]")
    wizard.press(Keys.ENTER)
    wizard.sees("version 20 ·", "version 3 ·")
    agent(wizard_server, "POST", "trail/progress", {"overall_progress": 38})
    wizard.sees("38 reports in", "version 40 ·")
    wizard.click("One version back")
    wizard.sees("Version 39")
    wizard.press("[" * 19)
    wizard.sees("Version 20")
    until(lambda: "version 20" in wizard.shown(".trail .now"), "its entry is marked")
    assert wizard.complaints() == []
