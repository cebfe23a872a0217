"""Tabs of one browser with the browser client in them, and a proxy that cuts what takes long."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from selenium.webdriver import Chrome

from tests.acceptance.process import until
from tests.browser.conftest import Page


class Tab:
    """A tab with a store in it; its calls bring it to the front first."""

    def __init__(self, driver: Chrome, origin: str) -> None:
        driver.switch_to.new_window("tab")
        self.driver, self.handle = driver, driver.current_window_handle
        self.page = Page(driver, origin)

    def call(self, function: str, *arguments: Any) -> Any:
        """Return what a function of ``page.js`` returns."""
        self.driver.switch_to.window(self.handle)
        return self.page.call(function, *arguments)

    @property
    def seen(self) -> dict[str, Any]:
        """What the store shows."""
        seen: dict[str, Any] = self.call("whatIsSeen")
        return seen

    def shows(self, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Return what the store shows as soon as `condition` holds for it."""
        last: list[dict[str, Any]] = []

        def holds() -> bool:
            last[:] = [self.seen]
            return condition(last[0])

        try:
            until(holds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; {last[0]}") from None
        return last[0]

    def reaches(self, version: int) -> dict[str, Any]:
        """Return what the store shows as soon as it has `version`."""
        return self.shows(lambda seen: seen["serverState"]["version"] == version, f"version {version}")

    def offline(self, *, offline: bool) -> None:
        """Cut this tab from the network, or connect it again."""
        self.driver.switch_to.window(self.handle)
        limits = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", limits)

    def close(self) -> None:
        """Close the tab."""
        self.driver.switch_to.window(self.handle)
        self.driver.close()


class _Cutting(BaseHTTPRequestHandler):
    """Passes requests on; what is not answered within `seconds` is cut."""

    protocol_version = "HTTP/1.1"
    upstream = ""
    seconds = 3.0
    requests: list[str]

    def _pass_on(self) -> None:
        type(self).requests.append(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        address = urlsplit(self.upstream)
        upstream = http.client.HTTPConnection(str(address.hostname), address.port, timeout=self.seconds)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
        except OSError:
            self.close_connection = True
            return
        finally:
            upstream.close()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_OPTIONS = _pass_on  # noqa: N815 - the standard library's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's signature
        """Say nothing."""


@contextmanager
def cutting_proxy(upstream: str) -> Iterator[tuple[str, list[str]]]:
    """Yield where the proxy listens and the paths that it was asked for."""
    requests: list[str] = []
    handler = type("Handler", (_Cutting,), {"upstream": upstream, "requests": requests})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()
        thread.join()
