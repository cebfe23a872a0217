"""``wizard-server serve``: when it starts, when it refuses, and how it ends (contract 8, 9, 10)."""

import json
import signal
import socket
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import WIZARD_SERVER, ServerProcess, run, write_config

REFUSAL = "Invalid wizard configuration - refusing to start: "
EXIT_CONFIG = 78


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def refused(config: Path, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Return the exit status of a server that does not start, and what it says of it."""
    with ServerProcess(config, *arguments, env=env, command=WIZARD_SERVER) as server:
        status = server.wait()
        assert server.stdout == ""
        assert not server.complaints, server.stderr
        return status, server.stderr


def edit(config: Path, script: str) -> None:
    with closing(sqlite3.connect(config.parent / "investigations.db")) as connection:
        connection.executescript(script)


def test_it_says_where_it_listens_once_it_answers(config: Path, serve: Serve) -> None:
    server = serve(config, command=WIZARD_SERVER)
    assert server.stdout == f"Listening on http://127.0.0.1:{server.port}\n"
    assert get(f"{server.url}/readyz")["status"] == "ready"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_exits_with_0_when_asked_to_go(number: signal.Signals, config: Path, serve: Serve) -> None:
    server = serve(config, command=WIZARD_SERVER)
    server.signal(number)
    assert server.wait() == 0
    assert all(" INFO " in line for line in server.stderr.splitlines())


def test_host_and_port_of_the_command_line_beat_the_file(tmp_path: Path, config: Path, serve: Serve) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    write_config(tmp_path, server={"host": "127.0.0.2", "port": 1})
    server = serve(config, "--host", "127.0.0.1", "--port", str(port), command=WIZARD_SERVER)
    assert server.url == f"http://127.0.0.1:{port}"
    assert get(f"{server.url}/healthz") == {"status": "alive"}


def test_the_environment_beats_the_file_and_the_command_line_beats_both(
    tmp_path: Path, config: Path, serve: Serve
) -> None:
    write_config(tmp_path, polling={"max_waiters": 7})
    env = {"WIZARD_POLLING_MAX_WAITERS": "8", "WIZARD_SERVER_HOST": "127.0.0.2"}
    server = serve(config, "--host", "127.0.0.1", env=env, command=WIZARD_SERVER)
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert get(f"{server.url}/api/v1/polling/health")["server_load"]["max_connections"] == 8


def test_a_missing_database_is_refused_with_the_command_that_makes_it(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    status, reason = refused(config)
    assert status == 1
    assert str(tmp_path / "investigations.db") in reason
    assert f"wizard-server schema apply --config {config}" in reason
    assert [path.name for path in tmp_path.glob("*.db*")] == []


def test_a_file_that_is_no_database_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "investigations.db").write_text("nothing of the kind\n" * 100)
    status, reason = refused(write_config(tmp_path))
    assert status == 1
    assert "file is not a database" in reason
    assert "schema apply" not in reason


@pytest.mark.parametrize(
    ("drift", "messages"),
    [
        (
            "ALTER TABLE investigation_templates DROP COLUMN description",
            ["column investigation_templates.description is missing"],
        ),
        (
            "DROP INDEX idx_audit_log_user; CREATE TABLE notes (text TEXT)",
            ["index idx_audit_log_user is missing", "unknown table notes"],
        ),
    ],
    ids=["column-gone", "two-at-once"],
)
def test_a_database_that_differs_is_refused_and_each_difference_named(
    drift: str, messages: list[str], config: Path
) -> None:
    edit(config, drift)
    status, reason = refused(config)
    assert status == 1
    assert all(message in reason for message in messages)
    assert reason.count("mend: ") == len(messages)


def test_an_address_that_is_taken_is_refused_by_name(config: Path, serve: Serve, tmp_path: Path) -> None:
    first = serve(config, command=WIZARD_SERVER)
    (tmp_path / "second").mkdir()
    second = write_config(tmp_path / "second", database={"url": f"sqlite:///{tmp_path / 'investigations.db'}"})
    status, reason = refused(second, "--port", str(first.port))
    assert status == 1
    assert reason.splitlines()[-1].startswith(f"wizard-server: cannot listen on 127.0.0.1:{first.port}: ")
    assert "address already in use" in reason
    assert get(f"{first.url}/healthz") == {"status": "alive"}


@pytest.mark.parametrize(
    ("sections", "arguments", "reason"),
    [
        ({"polling": {"fast_interval_ms": 99}}, (), "[polling] fast_interval_ms: "),
        ({"polling": {"fast": 500}}, (), "[polling] fast: unknown key"),
        ({"auth": {"mode": "jwt"}}, (), "[auth] jwt_secret: required"),
        ({"database": {"url": "oracle://h/d"}}, (), "[database] url: "),
        ({"server": {"host": "0.0.0.0"}}, (), '[auth] mode: mode "none" needs a loopback [server] host'),
        ({}, ("--host", "0.0.0.0"), '[auth] mode: mode "none" needs a loopback [server] host'),
        ({}, ("--port", "65536"), "[server] port: "),
    ],
    ids=["range", "unknown", "secret", "engine", "exposed-by-file", "exposed-by-argument", "port"],
)
def test_a_wrong_configuration_is_refused_before_anything_is_opened(
    sections: dict[str, dict[str, Any]], arguments: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    status, said = refused(write_config(tmp_path, **sections), *arguments)
    assert status == EXIT_CONFIG
    assert said.startswith(REFUSAL)
    assert reason in said
    assert len(said.splitlines()) == 1
    assert [path.name for path in tmp_path.glob("*.db*")] == []


def test_a_wrong_variable_is_refused_under_its_own_name(config: Path) -> None:
    status, said = refused(config, env={"WIZARD_POLLING_SLOW_INTERVAL_MS": "1"})
    assert status == EXIT_CONFIG
    assert said.startswith(f"{REFUSAL}[polling] slow_interval_ms: ")
    assert "(from WIZARD_POLLING_SLOW_INTERVAL_MS)" in said


def test_a_configuration_file_that_is_absent_is_refused_by_name(tmp_path: Path) -> None:
    answer = run(tmp_path, "serve", "--config", "absent.toml")
    assert answer.returncode == EXIT_CONFIG
    assert answer.stderr == f"{REFUSAL}absent.toml: cannot be read: No such file or directory\n"
