"""The wizard while its server is killed and started again, and while the line is cut."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome

from tests.acceptance.process import ServerProcess, run, until, write_config
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import SETTINGS, agent, read


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a server that is this test's own."""
    config = write_config(tmp_path)
    assert run(tmp_path, "schema", "apply", "--config", config).returncode == 0
    return config


@pytest.fixture
def own(driver: Chrome, config: Path) -> Iterator[tuple[WizardPage, ServerProcess]]:
    """Its pages, and the server that the test may kill."""
    with ServerProcess(config) as server:
        page = WizardPage(driver, server.ready().url)
        yield page, server
        page.close()


def test_a_server_that_is_killed_and_started_again_costs_nothing(
    own: tuple[WizardPage, ServerProcess], config: Path
) -> None:
    wizard, server = own
    agent(server, "POST", "", {"investigation_id": "cut", "user_id": "dev", "settings": SETTINGS})
    agent(server, "PATCH", "cut", {"wizard_step": "PROGRESS"})
    agent(server, "POST", "cut/progress", {"overall_progress": 10, "agents": [{"agent_name": "a", "logs": ["one"]}]})
    wizard.open("/investigations/cut/progress")
    wizard.sees("10 %", "1 line", "live")
    server.kill()
    wizard.sees("offline", "10 %", "one")
    with ServerProcess(config, "--port", str(urlsplit(server.url).port)) as again:
        again.ready()
        agent(again, "POST", "cut/progress", {"overall_progress": 20, "agents": [{"agent_name": "a", "logs": ["two"]}]})
        wizard.sees("20 %", "2 lines", "live")
        assert not again.complaints, again.stderr


def test_edits_made_offline_are_counted_kept_over_a_reload_and_sent(own: tuple[WizardPage, ServerProcess]) -> None:
    wizard, server = own
    agent(server, "POST", "", {"investigation_id": "off", "user_id": "dev", "settings": SETTINGS})
    wizard.open("/investigations/off/settings")
    wizard.sees("live", "Saved")
    wizard.offline(offline=True)
    wizard.sees("offline")
    wizard.fill("textarea[name=description]", "Typed offline")
    wizard.sees("offline, 1 edit waiting", "Kept in this browser; sent when the server is back")
    assert "description" not in read(server, "off")["settings"] or not read(server, "off")["settings"]["description"]
    wizard.offline(offline=False)
    wizard.sees("live", "Saved at")
    until(lambda: read(server, "off")["settings"].get("description") == "Typed offline", "the edit is on the server")

    wizard.offline(offline=True)
    wizard.sees("offline")
    wizard.fill("textarea[name=description]", "Typed before a reload")
    wizard.sees("1 edit waiting")
    wizard.offline(offline=False, then="location.reload()")
    wizard.sees("live", "Saved")
    until(lambda: read(server, "off")["settings"]["description"] == "Typed before a reload", "the edit is sent")


def test_the_list_says_when_it_is_cut_off_and_goes_on_by_itself(own: tuple[WizardPage, ServerProcess]) -> None:
    wizard, server = own
    agent(server, "POST", "", {"investigation_id": "listed", "user_id": "dev", "settings": SETTINGS})
    wizard.open("/")
    wizard.sees("Gift cards", "live")
    wizard.offline(offline=True)
    wizard.sees("This browser is offline. Trying again in", "Gift cards")
    wizard.offline(offline=False)
    wizard.sees("live")
    wizard.sees_no("offline")


def test_an_investigation_that_cannot_be_reached_is_not_said_to_be_missing(
    own: tuple[WizardPage, ServerProcess], config: Path
) -> None:
    wizard, server = own
    agent(server, "POST", "", {"investigation_id": "far", "user_id": "dev", "settings": SETTINGS})
    wizard.open("/")
    wizard.sees("Gift cards", "live")
    server.kill()
    wizard.click("Gift cards")
    wizard.sees("The server cannot be reached", "offline")
    assert "may have been deleted" not in wizard.text
    with ServerProcess(config, "--port", str(urlsplit(server.url).port)) as again:
        again.ready()
        wizard.sees("Subject", "live")
