"""Two windows of the page itself on one investigation, and two users in browsers of their own."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys

from tests.acceptance.process import ServerProcess, run, until, write_config
from tests.browser.conftest import SECRET, browser
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.windows import DESCRIPTION, NAME, investigation, is_sequential, shows, slow_line
from tests.browser.wizard.world import SETTINGS, read, token

OUTCOMES = {
    "Mine in every field": ("Mine", "Told by me"),
    "Theirs in every field": ("Theirs", "Told by them"),
    "Save this choice": ("Theirs", "Told by me"),
}


def test_two_windows_merge_what_they_change(
    windows: tuple[WizardPage, WizardPage], wizard_server: ServerProcess
) -> None:
    investigation(wizard_server, windows, "merged")
    one, other = windows
    with slow_line(one):
        one.fill(DESCRIPTION, "Of the first window")
        one.sees("1 edit waiting")
        other.click("Sequential")
        is_sequential(wizard_server, "merged")
    one.sees("One tool runs after the other", "Saved at")
    assert one.value(DESCRIPTION) == read(wizard_server, "merged")["settings"]["description"] == "Of the first window"
    until(lambda: other.value(DESCRIPTION) == "Of the first window", "the second window shows it")
    assert read(wizard_server, "merged")["settings"]["execution_mode"] == "sequential"
    assert not [line for line in one.complaints() + other.complaints() if "412 (Precondition Failed)" not in line]


@pytest.mark.parametrize("choice", OUTCOMES)
def test_two_windows_that_change_the_same_are_decided_field_by_field(
    windows: tuple[WizardPage, WizardPage], wizard_server: ServerProcess, choice: str
) -> None:
    identifier = f"decided-{list(OUTCOMES).index(choice)}"
    investigation(wizard_server, windows, identifier)
    one, other = windows
    with slow_line(one):
        one.fill(NAME, "Mine")
        one.fill(DESCRIPTION, "Told by me")
        one.click("Last 24 h")
        one.sees("1 edit waiting")
        other.fill(NAME, "Theirs")
        other.fill(DESCRIPTION, "Told by them")
        other.click("Sequential")
        is_sequential(wizard_server, identifier)
    one.sees("Changed by somebody else meanwhile", "Theirs", "Told by them")
    if choice == "Save this choice":
        one.focus("[aria-label='name: theirs']")
        one.press(Keys.SPACE)
    one.click(choice)
    one.sees_no("Changed by somebody else meanwhile")
    name, description = OUTCOMES[choice]

    def decided() -> bool:
        settings = read(wizard_server, identifier)["settings"]
        return (settings["name"], settings["description"]) == (name, description)

    until(decided, f"the server has {name} and {description}")
    for window in windows:
        shows(window, name, description)
    kept = read(wizard_server, identifier)["settings"]
    assert kept["execution_mode"] == "sequential"
    assert kept["time_range"] != SETTINGS["time_range"]
    assert not [line for line in one.complaints() + other.complaints() if "412 (Precondition Failed)" not in line]


def test_what_is_not_complete_yet_meets_the_other_window_s_edits_too(
    windows: tuple[WizardPage, WizardPage], wizard_server: ServerProcess
) -> None:
    investigation(wizard_server, windows, "incomplete")
    one, other = windows
    one.fill(NAME, " ")
    one.sees("Kept in this browser; saved once it is complete")
    other.fill(DESCRIPTION, "Told by them")
    other.sees("Saved at")
    until(lambda: one.value(DESCRIPTION) == "Told by them", "what does not touch is merged")
    other.fill(NAME, "Theirs")
    one.sees("Changed by somebody else meanwhile", "Theirs")
    one.click("Theirs in every field")
    until(lambda: one.value(NAME) == "Theirs", "the form shows theirs")
    assert read(wizard_server, "incomplete")["settings"]["name"] == "Theirs"


def test_two_users_in_browsers_of_their_own(driver: Chrome, tmp_path: Path) -> None:
    config = write_config(tmp_path, auth={"mode": "jwt", "jwt_secret": SECRET})
    assert run(tmp_path, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server, browser(tmp_path / "profile") as second:
        ann, bob = WizardPage(driver, server.ready().url), WizardPage(second, server.url)
        ann.open(f"/#token={token(user='ann')}")
        bob.open(f"/#token={token(user='bob')}")
        bob.sees("Nothing investigated yet", "live")
        ann.click("New investigation")
        ann.fill(NAME, "Of ann")
        ann.sees("Kept in this browser")
        path = ann.path
        bob.open(path)
        bob.sees("Not to be seen")

        bob.open(f"/#token={token(user='lead', scope='wizard:read wizard:write wizard:agent')}")
        bob.sees("Untitled draft", "ann")
        bob.open(path)
        bob.click("Add entity")
        bob.fill("input[name=entity_id]", "u-1")
        bob.fill("input[name=tool_name]", "device_graph")
        bob.click("Add tool")
        bob.fill(NAME, "Of the lead")
        bob.sees("Saved at")
        ann.sees("Changed by somebody else meanwhile", "Of the lead")
        ann.click("Mine in every field")
        ann.sees("Saved at", "1 of 10", "device_graph")
        until(lambda: bob.value(NAME) == "Of ann", "the lead sees what ann decided")
        driver.execute_script("sessionStorage.clear()")
        ann.close()
    assert not server.complaints, server.stderr
