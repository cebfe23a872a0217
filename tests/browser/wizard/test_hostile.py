"""What is unkind to the pages: markup in every text, huge numbers, a browser without storage, a path before them."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.acceptance.process import ServerProcess, run, write_config
from tests.browser.wizard.page import WizardPage
from tests.browser.wizard.world import RESULTS, SETTINGS, agent, read

MARKUP = "<img src=x onerror='window.owned=1'><script>window.owned=1</script>\"'&amp;"
LINK = "javascript:window.owned=1"
HUGE = 1e308
BLOCKED = """
for (const name of ['localStorage', 'sessionStorage'])
  Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } });
delete Navigator.prototype.locks;
"""


def hostile_results() -> dict[str, Any]:
    """Results with markup and huge numbers in every place."""
    finding = {
        "title": MARKUP,
        "description": LINK,
        "severity": "critical",
        "confidence": 1,
        "evidence": [{MARKUP: LINK, "n": HUGE}],
    }
    return {
        **RESULTS,
        "findings": [finding],
        "entity_summaries": {MARKUP: {MARKUP: HUGE}},
        "visualizations": {MARKUP: [1, HUGE, 3], "rows": [{MARKUP: MARKUP, "n": HUGE}], "__proto__": {"x": 1}},
    }


def test_markup_is_text_everywhere_and_huge_numbers_are_drawn(wizard: WizardPage, wizard_server: ServerProcess) -> None:
    settings = {
        **SETTINGS,
        "name": MARKUP,
        "description": MARKUP,
        "entities": [{"entity_type": "x", "entity_id": MARKUP, "name": MARKUP}],
    }
    agent(wizard_server, "POST", "", {"investigation_id": "owned", "user_id": "dev", "settings": settings})
    agent(wizard_server, "POST", "", {"name": MARKUP, "settings": settings}, "templates")
    agent(wizard_server, "PATCH", "owned", {"wizard_step": "PROGRESS"})
    report = {
        "current_phase": MARKUP,
        "logs": [MARKUP],
        "agents": [{"agent_name": MARKUP, "status": MARKUP[:50], "logs": [MARKUP]}],
    }
    agent(wizard_server, "POST", "owned/progress", report)
    wizard.open("/investigations/owned/progress")
    wizard.sees("2 lines", MARKUP)
    agent(
        wizard_server, "PATCH", "owned", {"wizard_step": "RESULTS", "status": "COMPLETED", "results": hostile_results()}
    )
    for part in ("results", "settings", "progress", "history"):
        wizard.open(f"/investigations/owned/{part}")
        wizard.sees("owned" if part == "settings" else MARKUP)
    for path in ("/", "/templates"):
        wizard.open(path)
        wizard.sees(MARKUP)
    assert wizard.driver.execute_script("return window.owned") is None
    assert (
        wizard.driver.execute_script(
            "return document.querySelectorAll('main img, main script, [href^=javascript]').length"
        )
        == 0
    )
    assert wizard.complaints() == []


def test_a_browser_that_refuses_storage_costs_drafts_and_nothing_else(
    wizard: WizardPage, wizard_server: ServerProcess
) -> None:
    with wizard.preloading(BLOCKED):
        wizard.open("/")
        wizard.click("New investigation")
        wizard.sees("Subject", "live")
        wizard.fill("input[name=name]", "Without storage")
        wizard.click("Last 24 h")
        wizard.sees("Kept in this page only; saved once it is complete")
        wizard.click("Signed in as dev")
        wizard.fill("input[name=user]", "ann")
        wizard.click("Use this name")
        wizard.sees("This browser keeps nothing: you are ann until you reload or leave the page", "Not to be seen")
        wizard.click("All investigations")
        wizard.sees("Nothing investigated yet", "live")
        wizard.click("Templates")
        wizard.sees("No template yet")
        wizard.press("gi")
        wizard.click("New investigation")
        wizard.sees("Subject", "live")
        assert read(wizard_server, wizard.path.split("/")[2], "ann")["user_id"] == "ann"
        assert not [line for line in wizard.complaints() if "404 (Not Found)" not in line]


class _Prefixed(BaseHTTPRequestHandler):
    def __init__(self, target: str, prefix: str, *given: Any) -> None:
        self.target, self.prefix = target, prefix
        super().__init__(*given)

    def pass_on(self) -> None:
        if not self.path.startswith(f"{self.prefix}/"):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        kept = {name: value for name, value in self.headers.items() if name not in ("Host", "Connection")}
        asked = urllib.request.Request(
            self.target + self.path.removeprefix(self.prefix), body, kept, method=self.command
        )
        try:
            answer = urllib.request.urlopen(asked, timeout=60)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name not in ("Connection", "Transfer-Encoding"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.read())

    do_GET = do_POST = do_PUT = do_DELETE = pass_on  # noqa: N815 - the standard library's names

    def handle(self) -> None:
        with suppress(OSError):  # the browser or the server went away
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's signature
        """Say nothing."""


@contextmanager
def prefixing(target: str, prefix: str) -> Iterator[str]:
    """A proxy that has the server below `prefix` and nothing beside it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Prefixed, target, prefix)) as proxy:
        proxy.daemon_threads = True
        proxy.block_on_close = False
        thread = Thread(target=proxy.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{proxy.server_port}{prefix}"
        proxy.shutdown()
        thread.join()


def test_behind_a_path_of_a_proxy_every_address_and_request_is_below_it(driver: Chrome, tmp_path: Path) -> None:
    config = write_config(tmp_path, server={"public_url": "http://127.0.0.1/team/wizard"})
    assert run(tmp_path, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server, prefixing(server.ready().url, "/team/wizard") as url:
        wizard = WizardPage(driver, url)
        wizard.open("/")
        wizard.click("New investigation")
        wizard.sees("Subject", "live")
        assert wizard.path.startswith("/investigations/inv-")
        wizard.reload()
        wizard.sees("Subject")
        wizard.click("History")
        wizard.sees("created the investigation")
        wizard.click("Templates")
        wizard.is_at("/templates")
        wizard.close()


@pytest.mark.parametrize("path", ["/investigations/%E0%A4%A", "/investigations/a%2Fb", "/investigations/..%2f..%2f"])
def test_an_address_that_is_none_is_said_to_be_none(wizard: WizardPage, path: str) -> None:
    wizard.open(path)
    wizard.sees("There is no such page")
    assert not [line for line in wizard.complaints() if "Uncaught" in line]
