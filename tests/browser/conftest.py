"""A real Chromium, pages of two origins, and a real server that allows one of them."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.acceptance.process import PATIENCE_SECONDS, ServerProcess, run, write_config

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
SECRET = "k" * 32
_OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage"
)


class Page:
    """A browser that shows the page of an origin; its functions are called by name."""

    def __init__(self, driver: Chrome, origin: str) -> None:
        self.driver = driver
        self.origin = origin
        driver.get(f"{origin}/page.html")

    def call(self, function: str, *arguments: Any) -> Any:
        """Return what a function of ``page.js`` returns; raise `PageError` with what it throws."""
        outcome = self.driver.execute_async_script(
            "const [name, given, done] = arguments;"
            "globalThis[name](...given).then((value) => done({ value }), (error) => done({ error: `${error}` }));",
            function,
            arguments,
        )
        if "error" in outcome:
            raise PageError(outcome["error"])
        return outcome["value"]


class PageError(Exception):
    """What a function of the page threw."""


@dataclass(frozen=True)
class Api:
    """The server, and who uses it; every test is another user, so that each has a quota of its own."""

    url: str
    user: str

    @property
    def token(self) -> str:
        """A token of the user."""
        claims = {"sub": self.user, "scope": "wizard:read wizard:write", "exp": 4_000_000_000}
        return jwt.encode(claims, SECRET, "HS256")

    @property
    def bearer(self) -> dict[str, str]:
        """The header with the token."""
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def states(self) -> str:
        """Where states are."""
        return f"{self.url}/api/v1/wizard-state"

    def sending(self, method: str, body: Any, **headers: str) -> dict[str, Any]:
        """Return the options of fetch for a request with a JSON body; header names with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {**self.bearer, "Content-Type": "application/json", **named}
        return {"method": method, "headers": sent, "body": json.dumps(body)}


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A browser with an empty profile. Without Chromium these tests are skipped, but never in CI."""
    with browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@contextmanager
def browser(profile: Path) -> Iterator[Chrome]:
    """Start a browser with a profile of its own."""
    if not (CHROMIUM.exists() and DRIVER.exists()) and not os.environ.get("CI"):
        pytest.skip("needs chromium and chromium-driver: apt-get install chromium-driver")
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for option in (*_OPTIONS.split(), f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, Service(str(DRIVER)))
    driver.set_script_timeout(PATIENCE_SECONDS)
    driver.set_page_load_timeout(PATIENCE_SECONDS)
    yield driver
    driver.quit()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's signature
        """Say nothing."""


@contextmanager
def _pages() -> Iterator[str]:
    handler = partial(_Quiet, directory=str(Path(__file__).parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def origin() -> Iterator[str]:
    """The origin that the server allows."""
    with _pages() as url:
        yield url


@pytest.fixture(scope="session")
def strange_origin() -> Iterator[str]:
    """Another one, with the same page."""
    with _pages() as url:
        yield url


@pytest.fixture(scope="session")
def server(origin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with tokens that allows the pages of `origin`."""
    folder = tmp_path_factory.mktemp("server")
    config = write_config(
        folder,
        auth={"mode": "jwt", "jwt_secret": SECRET},
        cors={"allowed_origins": [origin]},
        rate_limit={"requests_per_second": 0.5, "burst": 40},
    )
    assert run(folder, "schema", "apply", "--config", config).returncode == 0
    with ServerProcess(config) as server:
        yield server.ready()
    assert not server.complaints, server.stderr


@pytest.fixture
def api(server: ServerProcess, request: pytest.FixtureRequest) -> Api:
    """The server as a user of this test's own."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    return Api(server.url, name[-100:])


@pytest.fixture
def page(driver: Chrome, origin: str) -> Page:
    """The page of the origin that the server allows."""
    return Page(driver, origin)


@pytest.fixture
def strange_page(driver: Chrome, strange_origin: str) -> Page:
    """The page of an origin that the server does not allow."""
    return Page(driver, strange_origin)
