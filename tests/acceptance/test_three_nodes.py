"""The README's three nodes behind nginx, with the configuration that it names, on ports of the test's own."""

import json
import os
import re
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.acceptance.process import CHECKOUT, ServerProcess, until, write_config
from tests.postgresql import Database

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
NGINX = README.partition("```nginx\n")[2].partition("```\n")[0]
URL = "/api/v1/wizard-state"


@pytest.fixture
def nodes(postgres: Database, tmp_path: Path) -> Iterator[list[ServerProcess]]:
    with ExitStack() as stack:
        started = []
        for name in ("a", "b", "c"):
            (tmp_path / name).mkdir()
            database = {"url": postgres.url, "require_durability": False}
            started.append(stack.enter_context(ServerProcess(write_config(tmp_path / name, database=database))))
        yield [node.ready() for node in started]


@pytest.fixture
def proxy(nodes: list[ServerProcess], tmp_path: Path) -> Iterator[str]:
    """The URL of an nginx before `nodes`."""
    if shutil.which("nginx") is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)("needs the command nginx")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = NGINX.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    for written, node in zip((8081, 8082, 8083), nodes, strict=True):
        text = text.replace(f"127.0.0.1:{written}", f"127.0.0.1:{node.port}")
    (tmp_path / "nginx.conf").write_text(text, encoding="utf-8")
    command = ["nginx", "-e", "stderr", "-p", str(tmp_path), "-c", "nginx.conf"]
    with (tmp_path / "nginx.log").open("wb") as log, subprocess.Popen(command, stderr=log) as nginx:
        try:
            until(lambda: _accepts(port) or nginx.poll() is not None, "nginx listens")
            assert nginx.poll() is None, (tmp_path / "nginx.log").read_text(encoding="utf-8")
            yield f"http://127.0.0.1:{port}"
        finally:
            nginx.terminate()


def _accepts(port: int) -> bool:
    with closing(socket.socket()) as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def call(url: str, method: str = "GET", body: Any = None) -> tuple[dict[str, Any], str]:
    """Return the answer, and which node gave it."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer), answer.headers["X-Request-Id"].partition("-")[0]


def test_the_readme_starts_the_nodes_that_the_configuration_names() -> None:
    ports = re.findall(r"server 127\.0\.0\.1:(\d+);", NGINX)
    assert f"for port in {' '.join(ports)}; do wizard-server serve --port $port & done" in README


def test_the_readme_writes_the_configuration_that_stands_in_it() -> None:
    [command] = re.findall(r"(sed -n .* README\.md) > nginx\.conf", README)
    assert subprocess.run(command, shell=True, cwd=CHECKOUT, capture_output=True, check=True).stdout == NGINX.encode()


def named(name: str) -> dict[str, Any]:
    return {"settings": factories.settings(name=name)}


def test_every_node_tells_what_was_written_at_any_other(proxy: str, nodes: list[ServerProcess]) -> None:
    call(f"{proxy}{URL}", "POST", {"investigation_id": "inv-1"})
    answering = set()
    for version in range(2, 14):
        call(f"{proxy}{URL}/inv-1", "PATCH", named(f"version {version}"))
        for _ in range(3):
            answer, node = call(f"{proxy}{URL}/inv-1")
            assert answer["version"] == version
            answering.add(node)
    assert len(answering) == len(nodes)


def test_a_poll_parked_at_any_node_hears_of_a_change_at_another(proxy: str, nodes: list[ServerProcess]) -> None:
    call(f"{proxy}{URL}", "POST", {"investigation_id": "inv-1"})
    poll = f"{proxy}/api/v1/polling/wizard-state/inv-1?since_version=1&wait=50"
    with ThreadPoolExecutor(12) as pool:
        parked = [pool.submit(call, poll) for _ in range(12)]
        until(lambda: sum(map(parked_at, nodes)) == len(parked), "every poll is parked")
        call(f"{proxy}{URL}/inv-1", "PATCH", named("changed"))
        answers = [each.result() for each in parked]
    assert [answer["state"]["settings"]["name"] for answer, _ in answers] == ["changed"] * len(parked)
    assert len({node for _, node in answers}) == len(nodes)


def parked_at(node: ServerProcess) -> int:
    found: int = call(f"{node.url}/api/v1/polling/health")[0]["server_load"]["active_connections"]
    return found


def test_a_node_that_is_killed_is_noticed_by_nobody_who_reads(proxy: str, nodes: list[ServerProcess]) -> None:
    call(f"{proxy}{URL}", "POST", {"investigation_id": "inv-1"})
    nodes[0].kill()
    answers = [call(f"{proxy}{URL}/inv-1") for _ in range(20)]
    assert {answer["version"] for answer, _ in answers} == {1}
    assert len({node for _, node in answers}) == len(nodes) - 1
