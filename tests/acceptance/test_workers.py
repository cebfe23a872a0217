"""``[server] workers``: several processes on one port and one PostgreSQL, as real processes."""

import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.process import WIZARD_SERVER, ServerProcess, until, write_config
from tests.postgresql import Database

WORKERS = 3
URL = "/api/v1/wizard-state"


@pytest.fixture
def config(postgres: Database, tmp_path: Path) -> Path:
    """A configuration for three workers, whose log machines can read."""
    return write_config(
        tmp_path,
        database={"url": postgres.url, "require_durability": False},
        server={"workers": WORKERS},
        logging={"format": "json"},
    )


@pytest.fixture
def server(config: Path) -> Iterator[ServerProcess]:
    with ServerProcess(config, command=WIZARD_SERVER) as server:
        yield server.ready()


def logged(server: ServerProcess, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in server.stderr.splitlines() if line.startswith("{")]
    return [line for line in lines if event in line.values()]


def pids(server: ServerProcess) -> list[int]:
    return [line["pid"] for line in logged(server, "ready")]


def call(server: ServerProcess, method: str, path: str, body: Any = None) -> tuple[dict[str, Any], str]:
    """Return the answer of one request on a connection of its own, and which worker gave it."""
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(server.url + path, content, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer), answer.headers["X-Request-Id"].partition("-")[0]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_any_worker_answers_for_all_on_one_port(server: ServerProcess) -> None:
    assert len(set(pids(server))) == WORKERS
    call(server, "POST", URL, {"investigation_id": "inv-1"})
    answered = [call(server, "GET", f"{URL}/inv-1") for _ in range(40)]
    assert {answer["version"] for answer, _ in answered} == {1}
    assert len({worker for _, worker in answered}) > 1


def test_a_worker_that_is_killed_is_started_again_and_nobody_is_refused(server: ServerProcess) -> None:
    killed = pids(server)[0]
    os.kill(killed, signal.SIGKILL)
    for _ in range(20):
        assert call(server, "GET", "/healthz")[0] == {"status": "alive"}
    until(lambda: len(pids(server)) == WORKERS + 1, "the worker serves again")
    [ended] = logged(server, "worker ended")
    assert (ended["pid"], ended["status"], ended["worker"]) == (killed, -signal.SIGKILL, 1)
    assert server.terminate() == 0


def test_a_signal_drains_every_worker(server: ServerProcess) -> None:
    call(server, "POST", URL, {"investigation_id": "inv-1"})
    address = ("127.0.0.1", server.port)
    poll = "/api/v1/polling/wizard-state/inv-1?since_version=1&wait=50"
    request = f"GET {poll} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with ExitStack() as stack:
        parked = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(12)]
        for each in parked:
            each.sendall(request)
        until(lambda: parked_in_all(server) == len(parked), "every poll is parked")
        begun = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - begun < 3 * 2
        assert [each.recv(12) for each in parked] == [b"HTTP/1.1 200"] * len(parked)
    assert not [pid for pid in pids(server) if is_running(pid)]


def parked_in_all(server: ServerProcess) -> int:
    """Return how many polls are parked: each worker tells its own, so asks until all have answered."""
    found: dict[str, int] = {}
    while len(found) < WORKERS:
        answer, worker = call(server, "GET", "/api/v1/polling/health")
        found[worker] = answer["server_load"]["active_connections"]
    return sum(found.values())


def test_workers_do_not_outlive_who_looks_after_them(server: ServerProcess) -> None:
    server.signal(signal.SIGKILL)
    server.wait()
    until(lambda: not any(is_running(pid) for pid in pids(server)), "every worker has gone")


def test_what_keeps_them_from_serving_is_told_once(config: Path, postgres: Database, tmp_path: Path) -> None:
    write_config(tmp_path, database={"url": postgres.url}, server={"workers": WORKERS})
    with ServerProcess(config, command=WIZARD_SERVER) as server:
        assert server.wait() == 1
        assert server.stderr.count("fsync is off") == 1
        assert server.stdout == ""
