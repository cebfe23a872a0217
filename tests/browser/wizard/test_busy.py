"""A run of 30 agents and 1,000 lines, with 20 more a second: what the reader waits for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.acceptance.process import ServerProcess
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import SETTINGS, agent

AGENTS, LINES, REPORTS_PER_SECOND = 30, 1_020, 20
PAINT_MS, INTERACTION_MS, SLACK = 1_000, 100, 3
_LOG = """
const list = document.querySelector('.lines');
const { scrollHeight, scrollTop, clientHeight, innerText } = list;
return { below: scrollHeight - scrollTop - clientHeight, last: innerText.trim().split('\\n').at(-1) };
"""
_OBSERVE = """
window.waited = [];
new PerformanceObserver((list) => waited.push(...list.getEntries().filter((entry) => entry.interactionId).map(
  (entry) => entry.duration))).observe({ type: 'event', durationThreshold: 16 });
"""


@pytest.fixture(scope="module")
def busy(wizard_server: ServerProcess) -> str:
    """The name of the run."""
    agent(wizard_server, "POST", "", {"investigation_id": "busy", "user_id": "dev", "settings": SETTINGS})
    agent(wizard_server, "PATCH", "busy", {"wizard_step": "PROGRESS"})
    each = [f"{n}: 23 accounts within two hops of d-7f3a91c2" for n in range(LINES // AGENTS)]
    agents = [{"agent_name": f"agent-{n}", "status": "running", "progress": n, "logs": each} for n in range(AGENTS)]
    agent(wizard_server, "POST", "busy/progress", {"overall_progress": 50, "agents": agents})
    return "busy"


@contextmanager
def lines_arriving(server: ServerProcess, identifier: str) -> Iterator[None]:
    """Report 20 lines a second meanwhile."""
    ended = threading.Event()

    def report() -> None:
        while not ended.wait(1 / REPORTS_PER_SECOND):
            reported = {"agent_name": "agent-7", "status": "running", "logs": ["one more line"]}
            agent(server, "POST", f"{identifier}/progress", {"agents": [reported]})

    thread = threading.Thread(target=report)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_the_log_follows_its_end_until_the_reader_scrolls_up(
    wizard: WizardPage, wizard_server: ServerProcess, busy: str
) -> None:
    wizard.open(f"/investigations/{busy}/progress")
    wizard.sees("1,020 lines")
    for text in ("the newest line", "a newer line"):
        reported = {"agent_name": "agent-7", "status": "running", "logs": [text]}
        agent(wizard_server, "POST", f"{busy}/progress", {"agents": [reported]})
        wizard.sees(text)
        assert wizard.driver.execute_script(_LOG) == {"below": pytest.approx(0, abs=2), "last": text}
    wizard.sees_no("Follow the end")
    wizard.driver.execute_script("document.querySelector('.lines').scrollBy(0, -400)")
    wizard.sees("Follow the end")
    reported = {"agent_name": "agent-7", "status": "running", "logs": ["while one reads"]}
    agent(wizard_server, "POST", f"{busy}/progress", {"agents": [reported]})
    wizard.sees("1,023 lines")
    assert wizard.driver.execute_script(_LOG)["below"] > 300
    wizard.click("Follow the end")
    wizard.sees("while one reads")
    wizard.sees_no("Follow the end")


@pytest.mark.parametrize("width", [360, 768])
def test_on_narrow_windows_the_end_of_the_log_is_not_behind_the_bar_at_the_foot(
    wizard: WizardPage, busy: str, width: int
) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    wizard.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        wizard.open(f"/investigations/{busy}/progress")
        wizard.sees("Phases and agents")
        wizard.driver.execute_script("document.querySelector('[role=tab]:last-child').click()")
        wizard.sees("Pause")
        ends = "return ['.log', '.foot'].map((each) => document.querySelector(each).getBoundingClientRect())"
        log, foot = wizard.driver.execute_script(ends)
        assert log["bottom"] <= foot["top"]
        assert log["height"] >= 300
    finally:
        wizard.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_page_is_painted_and_answers_while_lines_arrive(
    wizard: WizardPage, wizard_server: ServerProcess, busy: str
) -> None:
    with lines_arriving(wizard_server, busy):
        wizard.open(f"/investigations/{busy}/progress")
        wizard.sees("one more line")
        (painted,) = wizard.driver.execute_script(
            "return performance.getEntriesByName('first-contentful-paint').map(({ startTime }) => startTime)"
        )
        wizard.driver.execute_script(_OBSERVE)
        wizard.focus("[aria-label='Filter the log']")
        for key in "d-7f3a91c2":
            wizard.press(key)
        wizard.sees("of 1,")
        waited = sorted(wizard.driver.execute_script("return window.waited"))
    longest = max(waited, default=0)
    print(f"first paint after {painted:.0f} ms; {len(waited)} interactions over 16 ms, the longest {longest:.0f} ms")
    assert painted < SLACK * PAINT_MS
    assert longest < SLACK * INTERACTION_MS
    assert wizard.complaints() == []
