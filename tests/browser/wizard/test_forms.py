"""The form of the settings and the templates beside it (issue 15, 2)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys

from tests.acceptance.process import ServerProcess, run, until, write_config
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import SETTINGS, agent, read

DESCRIBED = """
const it = document.querySelector('input[name=name]');
return document.getElementById(it.getAttribute('aria-describedby'))?.innerText;
"""
SET_END = """
const it = document.querySelector('input[name=end]');
it.value = arguments[0];
it.dispatchEvent(new Event('change'));
"""
START = "input[name=start]"


def draft(server: ServerProcess, identifier: str, wizard: WizardPage) -> None:
    """Make an investigation and open its settings."""
    agent(server, "POST", "", {"investigation_id": identifier, "user_id": "dev", "settings": SETTINGS})
    wizard.open(f"/investigations/{identifier}/settings")
    wizard.sees("Subject", "Saved", "live")


def test_what_is_wrong_stands_beside_its_field_as_one_types_and_in_a_summary(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    draft(wizard_server, "typed", wizard)
    wizard.fill("input[name=name]", " ")
    wizard.sees("Investigation name is required", "Kept in this browser; saved once it is complete")
    assert wizard.driver.execute_script(DESCRIBED) == "Investigation name is required"
    assert not wizard.driver.find_elements("css selector", ".summary")
    wizard.click("Remove entity 1")
    wizard.sees("At least one entity is required")
    wizard.click("Add entity")
    wizard.sees("Entity identifier is required")
    wizard.driver.find_element("css selector", "details.set summary").click()
    wizard.fill("input[name='tools.device_graph.depth']", "9")
    wizard.sees("device_graph: depth must be at most 4")
    wizard.click("Start investigation")
    wizard.sees("3 things to mend before it can start")
    wizard.fill("input[name='tools.device_graph.depth']", "3")
    wizard.sees("2 things to mend before it can start")
    assert read(wizard_server, "typed")["settings"]["name"] == "Gift cards"
    wizard.fill("input[name=entity_id]", "u-2")
    wizard.fill("input[name=name]", "Mended")
    wizard.sees_no("to mend before it can start")
    wizard.sees("Saved at")
    kept = read(wizard_server, "typed")["settings"]
    assert (kept["name"], [each["entity_id"] for each in kept["entities"]]) == ("Mended", ["u-2"])
    assert kept["tools"][0]["parameters"] == {"depth": 3}


def test_tools_are_chosen_with_forms_of_their_schemas_and_how_they_work_together(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    draft(wizard_server, "tools", wizard)
    wizard.click("Enable all")
    wizard.sees("2 of 2 tools", "include proxies")
    wizard.driver.execute_script("for (const each of document.querySelectorAll('details.set')) each.open = true")
    wizard.driver.find_element("name", "tools.ip_reputation.include_proxies").click()
    wizard.sees("no include proxies")
    wizard.click("All")
    wizard.click("Sequential")
    wizard.sees("A finding counts where all tools agree (AND).", "One tool runs after the other.")

    def kept() -> bool:
        settings = read(wizard_server, "tools")["settings"]
        tools = {each["tool_name"]: each.get("parameters") for each in settings["tools"]}
        modes = (settings["correlation_mode"], settings["execution_mode"])
        return (tools, modes) == (
            {"device_graph": {"depth": 2}, "ip_reputation": {"include_proxies": False}},
            ("AND", "sequential"),
        )

    until(kept, "the server has the tools and the modes")
    wizard.click("Disable all")
    wizard.sees("At least one tool must be enabled", "0 of 2 tools")


def test_times_are_chosen_in_the_reader_s_zone_and_in_utc(wizard: WizardPage, wizard_server: ServerProcess) -> None:
    wizard.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kolkata"})
    try:
        draft(wizard_server, "zoned", wizard)
        wizard.sees("Times are in Asia/", "9 Mar 2026, 00:00 UTC")
        assert wizard.value(START) == "2026-03-09T05:30"
        wizard.click("UTC")
        wizard.sees("Times are in UTC.", "9 Mar 2026, 05:30 Asia/")
        assert wizard.value(START) == "2026-03-09T00:00"
        wizard.driver.execute_script(SET_END, "2026-03-08T00:00")
        wizard.sees("End time must be after start time")
        wizard.click("Last 30 d")
        wizard.sees("30 d", "Saved at")
        chosen = read(wizard_server, "zoned")["settings"]["time_range"]
        assert chosen["start"] != "2026-03-09T00:00:00.000Z"
        wizard.reload()
        wizard.sees("Times are in UTC.")
    finally:
        wizard.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})


@pytest.fixture
def limited(driver: Chrome, tmp_path: Path) -> Iterator[tuple[WizardPage, ServerProcess]]:
    """A server that has room for two more templates, and its pages."""
    config = write_config(tmp_path, state={"template_max_count_per_user": 10})
    assert run(tmp_path, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server:
        page = WizardPage(driver, server.ready().url)
        for number in range(8):
            agent(server, "POST", "", {"name": f"Of old {number}", "settings": SETTINGS}, "templates")
        yield page, server
        page.close()
    assert not server.complaints, server.stderr


def test_templates_are_saved_loaded_renamed_and_deleted_until_there_are_too_many(
    limited: tuple[WizardPage, ServerProcess],
) -> None:
    wizard, server = limited
    draft(server, "source", wizard)
    for name in ("Rings", "Refunds"):
        wizard.click("Save as template")
        wizard.fill("input[name=text]", name)
        wizard.press(Keys.ENTER)
        wizard.sees(f"Saved as template “{name}”.")
    wizard.click("Save as template")
    wizard.fill("input[name=text]", "One too many")
    wizard.press(Keys.ENTER)
    wizard.sees("Template not saved:", "10")
    wizard.click("Sequential")
    wizard.sees("Saved at")
    wizard.click("Save template")
    wizard.sees("Template “Refunds” saved.")

    agent(server, "POST", "", {"investigation_id": "blank", "user_id": "dev"})
    wizard.open("/investigations/blank/settings")
    wizard.sees("Nothing entered yet")
    wizard.click("Load template")
    wizard.sees("Refunds", "used 0 times", "It fills the form and starts nothing.")
    wizard.driver.find_element("xpath", "//button[b='Refunds']").click()
    wizard.sees("The form holds “Refunds”. Nothing was started.", "One tool runs after the other.", "Saved at")
    loaded = read(server, "blank")
    assert (loaded["wizard_step"], loaded["settings"]["execution_mode"]) == ("SETTINGS", "sequential")

    wizard.click("Templates")
    wizard.sees("10 of 10", "Rings", "Refunds")
    wizard.click("Rename")
    wizard.fill("input[name=text]", "Renamed")
    wizard.press(Keys.ENTER)
    wizard.sees("Renamed.")
    wizard.sees("New from this")
    wizard.click("New from this")
    wizard.sees("Subject", "Saved")
    wizard.click("Templates")
    wizard.sees("used 1 time")
    wizard.click("Delete")
    wizard.sees("Investigations made from it stay.")
    wizard.click("Delete template")
    wizard.sees("Template deleted.", "9 of 10")
    assert not [line for line in wizard.complaints() if "409" not in line and "422" not in line]
