"""The list of investigations (issue 15, 1): one poll, all that it shows, what is sought, what is done with a row."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.support.select import Select

from tests.acceptance.process import ServerProcess, run, until, write_config
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import RESULTS, SETTINGS, agent, read

MANY = 103
ASKED = """
const asked = performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname);
return asked.filter((path) => path.startsWith('/api/'));
"""
NAMES = "return [...document.querySelectorAll('.investigations .name a')].map((each) => each.innerText)"
STALLS_AFTER_SECONDS = 1


def shows(wizard: WizardPage, *names: str) -> None:
    """Wait until the rows have these names, in this order."""
    until(lambda: shown_names(wizard) == [*names], f"rows: {names}")


def shown_names(wizard: WizardPage) -> list[str]:
    """Return the names of the rows in their order."""
    shown: list[str] = wizard.driver.execute_script(NAMES)
    return shown


def choose(wizard: WizardPage, label: str, text: str) -> None:
    """Choose an option of the list that is labelled so."""
    Select(wizard.driver.find_element("css selector", f"select[aria-label='{label}']")).select_by_visible_text(text)


def make(server: ServerProcess, identifier: str, **settings: Any) -> None:
    """Make an investigation."""
    body = {"investigation_id": identifier, "user_id": "dev", "settings": {**SETTINGS, **settings}}
    agent(server, "POST", "", body)


@pytest.fixture
def own(driver: Chrome, tmp_path: Path) -> Iterator[tuple[WizardPage, ServerProcess]]:
    """A server that is the test's own, on which a run stalls at once, and its pages."""
    config = write_config(tmp_path, polling={"stall_after_seconds": STALLS_AFTER_SECONDS})
    assert run(tmp_path, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server:
        page = WizardPage(driver, server.ready().url)
        page.open("/healthz")
        driver.execute_script("localStorage.clear(); sessionStorage.clear()")
        yield page, server
        page.close()
    assert not server.complaints, server.stderr


def test_rows_tell_how_each_stands_and_one_poll_brings_all_of_it(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    for name in ("draft", "run", "done", "failed", "cancelled"):
        make(wizard_server, f"row-{name}", name=f"The {name} one")
    for name in ("run", "done", "failed", "cancelled"):
        agent(wizard_server, "PATCH", f"row-{name}", {"wizard_step": "PROGRESS"})
    wizard.open("/")
    wizard.sees("The draft one", "live", "row-run")
    report = {"overall_progress": 62, "current_phase": "correlate"}
    agent(wizard_server, "POST", "row-run/progress", report)
    wizard.sees("62 %", "correlate", "Running")
    agent(wizard_server, "PATCH", "row-done", {"wizard_step": "RESULTS", "status": "COMPLETED", "results": RESULTS})
    wizard.sees("92.5", "critical", "Completed", "1 entity")
    agent(wizard_server, "PATCH", "row-failed", {"status": "ERROR"})
    agent(wizard_server, "PATCH", "row-cancelled", {"status": "CANCELLED"})
    wizard.sees("Failed", "Cancelled", "Draft", "s ago")
    make(wizard_server, "row-new", name="Made meanwhile")
    wizard.sees("Made meanwhile")
    assert set(wizard.driver.execute_script(ASKED)) == {"/api/v1/polling/active-investigations"}

    wizard.fill("input[type=search]", "the ")
    choose(wizard, "Status", "Failed")
    wizard.sees_no("The draft one")
    shows(wizard, "The failed one")
    choose(wizard, "Status", "every status")
    choose(wizard, "Sorted by", "by name")
    shows(wizard, *(f"The {name} one" for name in ("cancelled", "done", "draft", "failed", "run")))
    choose(wizard, "Sorted by", "by risk")
    until(lambda: shown_names(wizard)[0] == "The done one", "sorted by risk")
    choose(wizard, "Sorted by", "by progress")
    until(lambda: shown_names(wizard)[0] == "The run one", "sorted by progress")
    choose(wizard, "Changed", "last 24 h")
    wizard.fill("input[type=search]", "row-draft")
    wizard.sees_no("The run one")
    shows(wizard, "The draft one")
    wizard.fill("input[type=search]", "nothing of the kind")
    wizard.sees("No investigation fits.")
    wizard.click("Clear the filters")
    wizard.sees("The run one", "Made meanwhile")
    assert wizard.complaints() == []


def test_a_duplicate_is_a_draft_with_the_settings_of_the_old_one(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    make(wizard_server, "original", name="Original", description="As it was")
    wizard.open("/")
    wizard.click("Duplicate Original")
    wizard.sees("Subject", "Saved")
    made = read(wizard_server, wizard.path.split("/")[2])
    assert made["investigation_id"] != "original"
    original = read(wizard_server, "original")["settings"]
    assert made["settings"] == {**original, "name": "Original (copy)"}
    assert made["wizard_step"] == "SETTINGS"


def test_what_is_deleted_is_gone_from_the_server_after_the_time_to_undo_it(
    own: tuple[WizardPage, ServerProcess],
) -> None:
    wizard, server = own
    make(server, "gone", name="To be gone")
    wizard.open("/")
    wizard.click("Delete To be gone")
    wizard.sees("Deleted “To be gone”", "Undo")
    shows(wizard)
    assert read(server, "gone")["settings"]["name"] == "To be gone"
    wizard.sees("Nothing investigated yet. The first step is a name.")
    with pytest.raises(OSError, match="404"):
        read(server, "gone")


def test_a_run_that_nobody_reports_of_is_said_to_be_stalled_and_what_to_do(
    own: tuple[WizardPage, ServerProcess],
) -> None:
    wizard, server = own
    make(server, "stuck", name="Stuck")
    agent(server, "PATCH", "stuck", {"wizard_step": "PROGRESS"})
    agent(server, "POST", "stuck/progress", {"overall_progress": 31})
    wizard.open("/")
    wizard.sees("Stalled", "no report for", "31 %")
    wizard.click("Stuck")
    wizard.sees("Stalled: no agent has reported for", "Start again, or cancel.")
    assert wizard.shown("[role=alert]") == "Stalled"  # and no seconds, which change
    wizard.click("Start again")

    def runs_anew() -> bool:
        state = read(server, "stuck")
        return state["wizard_step"] == "PROGRESS" and not state["progress"]

    until(runs_anew, "another run")


def test_older_ones_are_loaded_page_by_page(own: tuple[WizardPage, ServerProcess]) -> None:
    wizard, server = own
    for number in range(MANY):
        make(server, f"many-{number}", name=f"Number {number}")
    wizard.open("/")
    wizard.sees("Load more (100 of 103)")
    assert "Number 0" not in shown_names(wizard)
    wizard.click("Load more (100 of 103)")
    wizard.sees_no("Load more")
    assert len(shown_names(wizard)) == MANY
    assert shown_names(wizard)[-1] == "Number 0"
