"""What a real process says of what it does, in both formats: one event for each, and never a secret."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.acceptance.client import POLLS, STATES, Connection, connect, eventually, request_bytes
from tests.acceptance.conftest import Serve
from tests.acceptance.process import ServerProcess, until, write_config

Event = dict[str, Any]
EVENTS = "/api/v1/events/wizard-state"
STATE_ROUTE = "/api/v1/wizard-state/{investigation_id}"
POLL_ROUTE = "/api/v1/polling/wizard-state/{investigation_id}"
# Starts the server with a standard error that nobody reads any more.
UNHEARD = (
    sys.executable,
    "-c",
    "import os, sys; read, write = os.pipe(); os.close(read); os.dup2(write, 2);"
    "os.execv(sys.executable, [sys.executable, '-m', 'wizard_server', *sys.argv[1:]])",
)


def from_json(line: str) -> Event:
    event: Event = json.loads(line)
    return event


def from_human(line: str) -> Event:
    """Return the members that the JSON has too; numbers stay text."""
    instant, level, rest = line.split(" ", 2)
    words = shlex.split(rest)
    fields = dict(word.split("=", 1) for word in words if "=" in word)
    message = " ".join(word for word in words if "=" not in word)
    return {"timestamp": instant, "level": level, "message": message, **fields}


READERS: dict[str, Callable[[str], Event]] = {"json": from_json, "human": from_human}


def told(server: ServerProcess, form: str) -> list[Event]:
    return [READERS[form](line) for line in server.stderr.splitlines()]


def about(found: list[Event], request_id: str) -> list[Event]:
    return [event for event in found if event.get("request_id") == request_id]


def but(event: Event, *names: str) -> Event:
    return {name: str(value) for name, value in event.items() if name not in (*names, "logger")}


async def create(connection: Connection, request_id: str = "create") -> None:
    answer = await connection.ask("POST", STATES, factories.creation(), {"X-Request-Id": request_id})
    assert answer.status == 201


async def follow_and_leave(server: ServerProcess, request_id: str) -> None:
    """Open an event stream, read its beginning, and go away."""
    async with connect(server.port) as [follower]:
        await follower.send(request_bytes("GET", f"{EVENTS}/inv-1", headers={"X-Request-Id": request_id}))
        await eventually(lambda: _said(server, "connection opened"))
    until(lambda: "connection closed" in server.stderr, "the connection's end is told")


async def _said(server: ServerProcess, message: str) -> bool:
    return message in server.stderr


@pytest.mark.parametrize("form", ["json", "human"])
async def test_a_write_a_refusal_a_poll_and_a_stream_are_events(
    tmp_path: Path, form: str, config: Path, serve: Serve
) -> None:
    write_config(tmp_path, logging={"level": "DEBUG", "format": form})
    server = serve(config)
    async with connect(server.port) as [client]:
        await create(client)
        await client.ask("GET", f"{STATES}/absent?version=7", headers={"X-Request-Id": "refused"})
        tag = {"If-None-Match": '"version-1"', "X-Request-Id": "polled"}
        assert (await client.ask("GET", f"{POLLS}/inv-1", headers=tag)).status == 304
        await follow_and_leave(server, "followed")
    assert server.terminate() == 0
    found = told(server, form)

    [created] = about(found, "create")
    expected = {"level": "INFO", "message": "request answered", "request_id": "create", "user": "dev"}
    asked = {"method": "POST", "route": STATES, "status": "201", "version": "1", "investigation": "inv-1"}
    assert but(created, "timestamp", "duration_ms") == {**expected, **asked}
    assert float(created["duration_ms"]) > 0

    [refused] = about(found, "refused")
    asked = {"method": "GET", "route": STATE_ROUTE, "status": "404", "code": "not-found", "investigation": "absent"}
    assert but(refused, "timestamp", "duration_ms") == {**expected, "request_id": "refused", **asked}

    [polled] = about(found, "polled")
    asked = {"method": "GET", "route": POLL_ROUTE, "status": "304", "version": "1", "investigation": "inv-1"}
    assert but(polled, "timestamp", "duration_ms") == {**expected, "level": "DEBUG", "request_id": "polled", **asked}

    opened, closed = about(found, "followed")
    where = {"level": "INFO", "request_id": "followed", "user": "dev", "investigation": "inv-1", "transport": "sse"}
    assert but(opened, "timestamp") == {**where, "message": "connection opened"}
    assert but(closed, "timestamp", "duration_ms") == {**where, "message": "connection closed"}

    committed = [event for event in found if event["message"] == "batch committed"]
    assert [(event["level"], str(event["jobs"])) for event in committed] == [("DEBUG", "1")]


async def test_at_info_what_only_reads_is_not_told(tmp_path: Path, config: Path, serve: Serve) -> None:
    write_config(tmp_path, logging={"format": "json"})
    server = serve(config)
    async with connect(server.port) as [client]:
        await create(client)
        for path in (f"{STATES}/inv-1", f"{POLLS}/inv-1", STATES, "/metrics", "/readyz"):
            assert (await client.ask("GET", path)).status == 200
    assert server.terminate() == 0
    answered = [event for event in told(server, "json") if event["message"] == "request answered"]
    assert [event["request_id"] for event in answered] == ["create"]


@pytest.mark.parametrize("form", ["json", "human"])
async def test_its_life_is_told_from_the_start_to_the_end_of_the_drain(
    tmp_path: Path, form: str, config: Path, serve: Serve
) -> None:
    write_config(tmp_path, logging={"format": form})
    server = serve(config)
    async with connect(server.port, 2) as [client, waiter]:
        await create(client)
        await waiter.send(request_bytes("GET", f"{POLLS}/inv-1?since_version=1&wait=30"))
        await eventually(lambda: _is_parked(client))
        assert server.terminate() == 0
        assert (await waiter.answer()).status == 200
    told_of = ["starting", "database opened", "ready", "drain begins", "drain ends", "stopped"]
    life = [event for event in told(server, form) if event["message"] in told_of]
    assert [event["message"] for event in life] == told_of
    assert {event["level"] for event in life} == {"INFO"}
    assert [str(life[3][name]) for name in ("parked", "push")] == ["1", "0"]
    assert str(life[4]["requests"]) == "1"
    assert str(life[5]["requests_cut_off"]) == "0"


async def _is_parked(client: Connection) -> bool:
    metrics = (await client.ask("GET", "/metrics")).body.decode()
    return 'wizard_waiters{kind="poll"} 1.0' in metrics


@pytest.mark.parametrize("form", ["json", "human"])
async def test_no_client_forges_an_event(tmp_path: Path, form: str, config: Path, serve: Serve) -> None:
    write_config(tmp_path, logging={"level": "DEBUG", "format": form})
    server = serve(config)
    forged = "%0A2026-01-09T08:00:00.000Z%20INFO%20forged%20user=root%0D%E2%80%A8%C2%85%1B"
    ends = ("\t", "\x85", "'\" user=root")
    async with connect(server.port) as [client]:
        for path in (f"{STATES}/x{forged}", f"/nowhere/{forged}", f"{STATES}?q={forged}"):
            await client.ask("GET", path)
        for end in ends:
            await client.ask("GET", STATES, headers={"X-Request-Id": f"a{end}b", "X-User-Id": f"a{end}b"})
    assert server.terminate() == 0
    found = told(server, form)
    assert not any(event["message"].startswith("forged") or event.get("user") == "root" for event in found)
    answered = [event for event in found if event["message"] == "request answered"]
    assert len(answered) == 3 + len(ends)
    assert not any("\n" in event["request_id"] or " " in event["request_id"] for event in answered)


@pytest.mark.parametrize("form", ["json", "human"])
async def test_no_query_body_or_credential_is_told(tmp_path: Path, form: str, config: Path, serve: Serve) -> None:
    secret = "hide-this-" * 8
    auth = {"mode": "jwt", "jwt_secret": secret}
    write_config(tmp_path, auth=auth, logging={"level": "DEBUG", "format": form})
    server = serve(config)
    hidden = ("in-the-token", "in-the-query", "in-the-body", "in-the-protocol", "in-no-http")
    async with connect(server.port, 2) as [client, broken]:
        headers = {"Authorization": "Bearer in-the-token", "Sec-WebSocket-Protocol": "bearer.in-the-protocol"}
        for path in (f"{STATES}?token=in-the-query", "/nowhere?token=in-the-query"):
            await client.ask("POST", path, {"name": "in-the-body"}, headers)
        await client.ask("GET", "/ws/investigation/inv-1?in-the-query", headers={**headers, "Upgrade": "websocket"})
        await broken.send(b"GET /?in-no-http HTTP/1.1\r\nin-no-http\r\n\r\n")
        await broken.ended()
    assert server.terminate() == 0
    assert "request answered" in server.stderr
    assert not [word for word in (*hidden, secret) if word in server.stderr]


async def test_a_log_that_nobody_reads_any_more_harms_no_answer(tmp_path: Path, config: Path) -> None:
    write_config(tmp_path, logging={"level": "DEBUG"})
    with ServerProcess(config, command=UNHEARD) as server:
        async with connect(server.ready().port) as [client]:
            await create(client)
            for number in range(200):  # more than any buffer holds
                answer = await client.ask("GET", f"{STATES}/absent-{number}")
                assert (answer.status, answer.json()["code"]) == (404, "not-found")
        assert server.terminate() == 0
