"""The wizard by keys alone: everything can be done, and the focus is never lost on the way (contract 12)."""

from selenium.webdriver import Keys

from tests.acceptance.process import ServerProcess
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import RESULTS, SETTINGS, agent, read


def test_the_whole_job_by_keys_alone(wizard: WizardPage, wizard_server: ServerProcess) -> None:
    wizard.open("/templates")
    wizard.sees("No template yet")
    wizard.press("?")
    wizard.sees("go to the investigations")
    wizard.press(Keys.ESCAPE)
    wizard.sees_no("go to the investigations")
    wizard.press("gi")
    wizard.is_at("/")
    wizard.sees("live")
    wizard.press("n")
    wizard.sees("Subject")
    identifier = wizard.path.split("/")[2]
    wizard.tab_to("Name")
    wizard.press("By keys")
    wizard.tab_to("Add entity")
    wizard.press(Keys.ENTER)
    wizard.sees("1 of 10")
    wizard.tab_to("Identifier of entity 1")
    wizard.press("u-48213")
    wizard.tab_to("ip_reputation")
    wizard.press(Keys.SPACE)
    wizard.sees("1 of 2 tools", "Saved at")
    wizard.press("s")
    wizard.is_at(f"/investigations/{identifier}/progress")
    assert read(wizard_server, identifier)["settings"]["name"] == "By keys"
    agent(wizard_server, "PATCH", identifier, {"wizard_step": "RESULTS", "status": "COMPLETED", "results": RESULTS})
    wizard.is_at(f"/investigations/{identifier}/results")
    wizard.tab_to("Low")
    wizard.press(Keys.ENTER)
    wizard.sees("At night")
    wizard.press("4")
    wizard.is_at(f"/investigations/{identifier}/history")
    wizard.sees("Version 4")
    wizard.press("[")
    wizard.sees("Version 3")
    wizard.press("]")
    wizard.press("gi")
    wizard.sees("By keys", "Completed")
    wizard.press("j")
    wizard.press(Keys.ENTER)
    wizard.sees("92.5")
    wizard.press("gi")
    wizard.tab_to("Delete By keys")
    wizard.press(Keys.ENTER)
    wizard.sees("Deleted “By keys”")
    wizard.press("u")
    wizard.sees_no("Deleted “By keys”")
    wizard.sees("By keys", "Completed")
    assert wizard.complaints() == []


def test_a_run_is_cancelled_by_keys_and_asks_once(wizard: WizardPage, wizard_server: ServerProcess) -> None:
    agent(wizard_server, "POST", "", {"investigation_id": "keys", "user_id": "dev", "settings": SETTINGS})
    agent(wizard_server, "PATCH", "keys", {"wizard_step": "PROGRESS"})
    wizard.open("/investigations/keys")
    wizard.sees("Waiting for the first agent")
    wizard.press("x")
    wizard.sees("The agents stop")
    wizard.press(Keys.ESCAPE)
    wizard.sees_no("The agents stop")
    wizard.press("x")
    wizard.sees("The agents stop")
    wizard.press(Keys.ENTER)
    wizard.sees("Cancelled. What the agents reported")
    assert wizard.complaints() == []


def test_the_focus_goes_back_to_what_opened_a_dialog(wizard: WizardPage) -> None:
    wizard.open("/")
    wizard.sees("live")
    for opener in ("Keys of the keyboard", "Signed in as"):
        wizard.tab_to(opener)
        wizard.press(Keys.ENTER)
        wizard.sees_dialog(shown=True)
        wizard.press(Keys.ESCAPE)
        wizard.sees_dialog(shown=False)
        assert wizard.focused == opener


def test_a_page_that_took_the_focus_with_it_leaves_it_to_the_next(wizard: WizardPage) -> None:
    wizard.open("/")
    wizard.sees("live")
    assert wizard.driver.switch_to.active_element.tag_name == "body"  # Tab begins at the link that skips
    wizard.tab_to("New investigation")
    wizard.press(Keys.ENTER)
    wizard.sees("Subject")
    assert wizard.driver.switch_to.active_element.tag_name == "main"
    wizard.press(Keys.TAB)
    assert wizard.focused == "Settings"


def test_deleting_goes_on_to_the_next_of_the_list(wizard: WizardPage, wizard_server: ServerProcess) -> None:
    for name in ("Third", "Second", "First"):
        body = {"investigation_id": f"row-{name}", "user_id": "dev", "settings": {**SETTINGS, "name": f"{name} row"}}
        agent(wizard_server, "POST", "", body)
    wizard.open("/")
    wizard.sees("First row", "live")
    wizard.fill("input[type=search]", "row")
    wizard.tab_to("Delete First row")
    wizard.press(Keys.ENTER)
    wizard.sees("Deleted “First row”")
    assert wizard.focused == "Second row"
    wizard.press("j")
    assert wizard.focused == "Third row"
    wizard.tab_to("Delete Third row")
    wizard.press(Keys.ENTER)
    wizard.sees("Deleted “Third row”")
    assert wizard.focused == "Second row"
    wizard.press("uu")
    wizard.sees_no("Deleted")
    wizard.sees("First row", "Third row")


def test_what_is_deleted_stays_away_when_one_comes_back_before_that_is_final(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    body = {"investigation_id": "gone", "user_id": "dev", "settings": {**SETTINGS, "name": "To be gone"}}
    agent(wizard_server, "POST", "", body)
    wizard.open("/")
    wizard.tab_to("Delete To be gone")
    wizard.press(Keys.ENTER)
    wizard.sees("Deleted “To be gone”")
    wizard.press("gt")
    wizard.is_at("/templates")
    wizard.press("gi")
    wizard.sees("New investigation", "live")
    assert not wizard.driver.find_elements("link text", "To be gone")
    wizard.press("u")
    wizard.sees_no("Deleted")
    wizard.sees("To be gone")
