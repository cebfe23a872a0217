"""What has to be decided, by keys alone: two who changed the same, and whether settings of the past come back."""

import pytest
from selenium.webdriver import Keys

from tests.acceptance.process import ServerProcess, until
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.windows import DESCRIPTION, NAME, investigation, is_sequential, shows, slow_line
from tests.browser.wizard.world import RESULTS, SETTINGS, agent, read

MEANWHILE = "Changed by somebody else meanwhile"
BUTTONS = ("Theirs in every field", "Mine in every field", "Save this choice")


def conflict(windows: tuple[WizardPage, WizardPage], server: ServerProcess, identifier: str) -> WizardPage:
    """Return the window whose name and description are not those of the other; its focus is on the description."""
    investigation(server, windows, identifier)
    one, other = windows
    with slow_line(one):
        one.fill(NAME, "Mine")
        one.fill(DESCRIPTION, "Told by me")
        one.sees("1 edit waiting")
        other.fill(NAME, "Theirs")
        other.fill(DESCRIPTION, "Told by them")
        other.click("Sequential")
        is_sequential(server, identifier)
    one.sees(MEANWHILE, "What only one of you changed is kept: execution mode.")
    return one


def test_a_conflict_is_decided_field_by_field(
    windows: tuple[WizardPage, WizardPage], wizard_server: ServerProcess
) -> None:
    one = conflict(windows, wizard_server, "decided-by-keys")
    one.tab_to("name: mine")
    one.press(Keys.ARROW_RIGHT)
    assert one.focused == "name: theirs"
    one.press(Keys.TAB)
    assert one.focused == "description: mine"
    for button in BUTTONS:
        one.press(Keys.TAB)
        assert one.focused == button
    one.press(Keys.ENTER)
    one.sees_no(MEANWHILE)
    assert one.focused == "Description optional"
    for window in windows:
        shows(window, "Theirs", "Told by me")
    until(lambda: read(wizard_server, "decided-by-keys")["settings"]["name"] == "Theirs", "the server has the choice")


@pytest.mark.parametrize("times", [1, 3])
def test_a_conflict_stays_until_it_is_decided(
    windows: tuple[WizardPage, WizardPage], wizard_server: ServerProcess, times: int
) -> None:
    one = conflict(windows, wizard_server, f"escaped-{times}")
    for _ in range(times):
        one.press(Keys.ESCAPE)
    one.tab_to("Mine in every field")
    one.press(Keys.SPACE)
    one.sees_no(MEANWHILE)
    for window in windows:
        shows(window, "Mine", "Told by me")


def test_what_the_server_refuses_is_said_with_what_is_possible_now(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    agent(wizard_server, "POST", "", {"investigation_id": "too-late", "user_id": "dev", "settings": SETTINGS})
    agent(wizard_server, "PATCH", "too-late", {"wizard_step": "PROGRESS"})
    wizard.open("/investigations/too-late/progress")
    wizard.sees("Cancel investigation", "live")
    with slow_line(wizard):
        wizard.click("Cancel investigation")
        wizard.sees_dialog(shown=True)
        wizard.press(Keys.ENTER)
        wizard.sees_dialog(shown=False)
        agent(wizard_server, "PATCH", "too-late", {"status": "ERROR"})
        agent(wizard_server, "PATCH", "too-late", {"wizard_step": "RESULTS", "results": RESULTS})
    wizard.sees(MEANWHILE)
    wizard.click("Mine in every field")
    wizard.sees("Not done: ", "allowed: ")
    assert read(wizard_server, "too-late")["status"] == "ERROR"


@pytest.mark.parametrize("step", ["SETTINGS", "PROGRESS"])
def test_settings_of_an_old_version_become_the_current_ones(
    wizard: WizardPage, wizard_server: ServerProcess, step: str
) -> None:
    identifier = f"adopted-{step.lower()}"
    agent(wizard_server, "POST", "", {"investigation_id": identifier, "user_id": "dev", "settings": SETTINGS})
    agent(wizard_server, "PATCH", identifier, {"settings": {**SETTINGS, "name": "Renamed"}})
    if step == "PROGRESS":
        agent(wizard_server, "PATCH", identifier, {"wizard_step": step})
    wizard.open(f"/investigations/{identifier}/history")
    wizard.sees("What changed, ")
    wizard.tab_to("Version")
    wizard.press(Keys.HOME)
    wizard.sees("Version 1")
    wizard.tab_to("State then")
    wizard.press(Keys.ENTER)
    wizard.sees("Gift cards")
    wizard.tab_to("Make these settings current")
    wizard.press(Keys.ENTER)
    wizard.sees_dialog(shown=True)
    wizard.press(Keys.ESCAPE)
    wizard.sees_dialog(shown=False)
    assert wizard.focused == "Make these settings current"
    wizard.press(Keys.ENTER)
    wizard.sees("ends the present run" if step == "PROGRESS" else "replace the present settings")
    wizard.press(Keys.ENTER)
    wizard.is_at(f"/investigations/{identifier}/settings")
    until(lambda: wizard.value(NAME) == "Gift cards", "the form holds them")
    state = read(wizard_server, identifier)
    assert (state["settings"]["name"], state["wizard_step"]) == ("Gift cards", "SETTINGS")
    wizard.press(Keys.TAB)
    assert wizard.focused == "Settings"
    assert wizard.complaints() == []
