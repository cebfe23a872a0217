"""What stands on every page (issue 15, 6): the connection in words, when it was synchronized, the keys, and why not."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome, Keys

from tests.acceptance.process import ServerProcess, run, until, write_config
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import SETTINGS, agent

MANY = 101  # one more than a page of templates has
PLACES = {
    "/": "live",
    "/templates": "polling",
    **{f"/investigations/there/{part}": "live" for part in ("settings", "progress", "results", "history")},
}

RECORDER = """
window.words = new Set();
new MutationObserver(() => words.add(document.querySelector('.connection [role=status]')?.innerText))
  .observe(document, { childList: true, characterData: true, subtree: true });
"""
DRAINS = """
window.real = fetch;
const problem = JSON.stringify({ status: 503, code: 'draining', title: 'The server shuts down' });
const headers = { 'Content-Type': 'application/problem+json', 'Retry-After': '3' };
window.fetch = async () => new Response(problem, { status: 503, headers });
for (const event of ['offline', 'focus']) dispatchEvent(new Event(event));
"""

CONFIG_IS_SLOW = """
const real = fetch;
window.fetch = (...given) => String(given[0]).endsWith('/config') ? new Promise((go) => {
  window.cut = () => {
    window.fetch = () => Promise.reject(new TypeError('cut'));
    dispatchEvent(new Event('offline'));
    go(real(...given));
  };
}) : real(...given);
"""


@pytest.fixture(scope="module")
def there(wizard_server: ServerProcess) -> None:
    """An investigation that runs."""
    agent(wizard_server, "POST", "", {"investigation_id": "there", "user_id": "dev", "settings": SETTINGS})
    agent(wizard_server, "PATCH", "there", {"wizard_step": "PROGRESS"})


@pytest.mark.parametrize("path", PLACES)
def test_every_page_says_how_it_is_connected_and_has_its_keys(wizard: WizardPage, there: None, path: str) -> None:
    wizard.open(path)
    wizard.sees("synced")
    until(lambda: wizard.shown(".connection [role=status]") == PLACES[path], f"connection: {PLACES[path]}")
    assert wizard.driver.find_elements("css selector", ".messages[aria-live=polite]")
    wizard.press("?")
    wizard.sees("show the keys", "go to the templates")
    wizard.press(Keys.ESCAPE)
    wizard.offline(offline=True)
    wizard.sees("offline")
    wizard.offline(offline=False)
    wizard.sees(PLACES[path])
    wizard.sees_no("offline")


@pytest.mark.parametrize("path", PLACES)
def test_a_page_that_still_connects_does_not_say_that_it_is_offline(wizard: WizardPage, there: None, path: str) -> None:
    with wizard.preloading(RECORDER):
        wizard.open(path)
        wizard.sees("synced", PLACES[path])
        heard = wizard.driver.execute_script("return [...words]")
    assert PLACES[path] in heard
    assert "offline" not in heard


def test_a_line_that_is_cut_between_two_requests_is_noticed_before_the_next_is_due(
    wizard: WizardPage, there: None
) -> None:
    with wizard.preloading(CONFIG_IS_SLOW):
        wizard.open("/templates")
        until(lambda: wizard.driver.execute_script("return Boolean(window.cut)"), "the second request")
        wizard.driver.execute_script("cut()")
        wizard.sees("offline")


@pytest.mark.parametrize("path", ["/investigations/there/progress", "/"])
def test_while_something_loads_the_frame_stands_and_words_come_late(wizard: WizardPage, there: None, path: str) -> None:
    with wizard.preloading("window.fetch = () => new Promise(() => {});"):
        wizard.open(path)
        wizard.sees("Investigations", "Templates")
        until(
            lambda: bool(wizard.driver.find_elements("css selector", ".late, .loading")), "the page says that it loads"
        )
        late = "return [...document.querySelectorAll('.late')].map((one) => getComputedStyle(one).animation)"
        for animation in wizard.driver.execute_script(late):
            assert "0.3s" in animation
            assert "backwards" in animation


def test_a_narrow_page_says_why_a_step_cannot_be_entered_when_it_is_touched(wizard: WizardPage, there: None) -> None:
    wizard.driver.set_window_size(500, 800)
    wizard.open("/investigations/there/progress")
    wizard.click("Results")
    wizard.sees("Results opens when the agents are done.")


def test_a_server_that_drains_is_said_to_restart(wizard: WizardPage, there: None) -> None:
    wizard.open("/")
    wizard.sees("live", "Gift cards")
    wizard.driver.execute_script(DRAINS)
    wizard.sees("server restarting", "Trying again in", "Gift cards")
    wizard.driver.execute_script("window.fetch = window.real; dispatchEvent(new Event('focus'))")
    wizard.sees_no("server restarting")
    wizard.sees("live")


def test_a_reader_who_asks_for_no_motion_sees_none(wizard: WizardPage, there: None) -> None:
    moves = "return document.getAnimations().map((each) => each.animationName ?? each.transitionProperty)"
    wizard.open("/investigations/there/progress")
    wizard.sees("Running", "live")
    assert "breathe" in wizard.driver.execute_script(moves)  # the quiet mark of what runs
    wizard.prefers("prefers-reduced-motion", "reduce")
    try:
        wizard.reload()
        wizard.sees("Running", "live")
        until(lambda: wizard.driver.execute_script(moves) == [], "nothing moves")
    finally:
        wizard.prefers("prefers-reduced-motion", "")


@pytest.fixture
def many(driver: Chrome, tmp_path: Path) -> Iterator[tuple[WizardPage, ServerProcess, Path]]:
    """The pages of a server with many templates, which the test may kill."""
    config = write_config(tmp_path, state={"template_max_count_per_user": 200})
    assert run(tmp_path, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server:
        page = WizardPage(driver, server.ready().url)
        for number in range(MANY):
            agent(server, "POST", "", {"name": f"Template {number}", "settings": SETTINGS}, "templates")
        yield page, server, config
        page.close()


def test_all_templates_are_shown_and_their_page_goes_on_after_a_restart(
    many: tuple[WizardPage, ServerProcess, Path],
) -> None:
    wizard, server, config = many
    wizard.open("/templates")
    wizard.sees(f"{MANY} of 200", f"Template {MANY - 1}", "polling")
    server.kill()
    wizard.driver.execute_script("dispatchEvent(new Event('focus'))")  # one comes back to the page
    wizard.sees("offline", "The server cannot be reached.", "Trying again in", f"{MANY} of 200")
    assert wizard.shown("[role=alert]") == "The server cannot be reached."  # and no seconds, which change
    with ServerProcess(config, "--port", str(urlsplit(server.url).port)) as again:
        again.ready()
        agent(again, "POST", "", {"name": "Made meanwhile", "settings": SETTINGS}, "templates")
        wizard.sees("polling", f"{MANY + 1} of 200", "Made meanwhile")
        assert not again.complaints, again.stderr
