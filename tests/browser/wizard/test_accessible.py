"""Every page, in its states and in both colours, without a violation that axe-core finds."""

from collections.abc import Iterator

import pytest

from tests.acceptance.process import ServerProcess
from tests.browser.wizard.axe import AXE, violations
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import RESULTS, SETTINGS, agent
from tests.clients.node import installed

PAGES = {
    "/": "Gift cards",
    "/investigations/axe-draft/settings": "Subject",
    "/investigations/axe-run/settings": "Settings are closed",
    "/investigations/axe-run/progress": "41 sessions",
    "/investigations/axe-failed/progress": "Retry",
    "/investigations/axe-done/results": "92.5",
    "/investigations/axe-run/results": "No results yet",
    "/investigations/axe-done/history": "What changed",
    "/templates": "Rings",
    "/investigations/axe-none": "Not to be seen",
}


@pytest.fixture(scope="module")
def filled(wizard_server: ServerProcess) -> None:
    """One investigation in each state, and a template."""
    for name in ("draft", "run", "failed", "done"):
        agent(wizard_server, "POST", "", {"investigation_id": f"axe-{name}", "user_id": "dev", "settings": SETTINGS})
    report = {
        "overall_progress": 40,
        "phases": [{"phase_name": "collect", "status": "running"}, {"phase_name": "analyze", "status": "pending"}],
        "agents": [{"agent_name": "device", "status": "running", "progress": 40, "logs": ["41 sessions"]}],
    }
    for name in ("run", "failed", "done"):
        agent(wizard_server, "PATCH", f"axe-{name}", {"wizard_step": "PROGRESS"})
        agent(wizard_server, "POST", f"axe-{name}/progress", report)
    agent(wizard_server, "PATCH", "axe-failed", {"status": "ERROR"})
    agent(wizard_server, "PATCH", "axe-done", {"wizard_step": "RESULTS", "status": "COMPLETED", "results": RESULTS})
    agent(wizard_server, "POST", "", {"name": "Rings", "settings": SETTINGS}, "templates")


@pytest.fixture(params=["light", "dark"])
def coloured(request: pytest.FixtureRequest, wizard: WizardPage, filled: None) -> Iterator[WizardPage]:
    """The pages for a reader who prefers a colour."""
    installed(AXE)
    wizard.prefers("prefers-color-scheme", request.param)
    yield wizard
    wizard.prefers("prefers-color-scheme", "")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_violation(coloured: WizardPage, path: str) -> None:
    coloured.open(path)
    coloured.sees(PAGES[path])
    assert violations(coloured) == []


def test_dialogs_and_what_is_wrong_have_no_violation(coloured: WizardPage) -> None:
    coloured.open("/")
    coloured.sees("Gift cards")
    coloured.press("?")
    coloured.sees("show the keys")
    assert violations(coloured) == []
    coloured.open("/investigations/axe-run/progress")
    coloured.sees("41 sessions")
    coloured.press("x")
    coloured.sees("The agents stop")
    assert violations(coloured) == []
    coloured.open("/investigations/axe-draft/settings")
    coloured.fill("input[name=name]", " ")
    coloured.click("Start investigation")
    coloured.sees("Investigation name is required")
    assert violations(coloured) == []
