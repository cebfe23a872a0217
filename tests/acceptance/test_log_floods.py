"""What strangers are refused, and what a quota refuses, fills no disk: some lines a second, and a count of the rest."""

import asyncio
import re
import time
from pathlib import Path

import pytest

from tests.acceptance.client import connect
from tests.acceptance.conftest import Serve
from tests.acceptance.process import ServerProcess, until, write_config

SECRET = "s" * 32
CONNECTIONS = 20
EACH = 20
GARBAGE = b"GET /\xff HTTP/1.1\r\n\r\n"
LIST = b"GET /api/v1/wizard-state HTTP/1.1\r\nHost: 127.0.0.1\r\n"
ASKED = {
    "without a token": (LIST + b"\r\n", "jwt", 401, "answered"),
    "with a bad token": (LIST + b"Authorization: Bearer a.b.c\r\n\r\n", "jwt", 401, "answered"),
    "for nothing that is there": (b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "jwt", 404, "answered"),
    "over the quota": (LIST + b"\r\n", "none", 429, "answered"),
    "no HTTP": (GARBAGE, "jwt", 400, "refused"),
}


async def flood(server: ServerProcess, request: bytes, status: int) -> tuple[int, float]:
    """Ask again and again; return how often the answer was `status`, and how long that took."""
    begun = time.monotonic()

    async def ask() -> list[int]:
        if request == GARBAGE:  # each ends its connection
            return [await _status(server, request) for _ in range(EACH)]
        async with connect(server.port) as [one]:
            answers = []
            for _ in range(EACH):
                await one.send(request)
                answers.append((await one.answer()).status)
            return answers

    found = await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    return sum(answers.count(status) for answers in found), time.monotonic() - begun


async def _status(server: ServerProcess, request: bytes) -> int:
    async with connect(server.port) as [one]:
        await one.send(request)
        return (await one.answer()).status


@pytest.mark.parametrize(("text", "mode", "status", "kind"), ASKED.values(), ids=ASKED)
async def test_refusals_are_logged_a_few_times_a_second_and_the_others_counted(
    config: Path, serve: Serve, text: bytes, mode: str, status: int, kind: str
) -> None:
    quota = {"requests_per_second": 1, "burst": 1}
    write_config(config.parent, auth={"mode": mode, "jwt_secret": SECRET}, rate_limit=quota)
    server = serve(config)
    count, seconds = await flood(server, text, status)
    assert count >= CONNECTIONS * EACH - 2 - seconds  # a quota lets some through
    assert_few_lines(server, kind, status, count, seconds)


async def test_a_database_that_is_gone_is_told_a_few_times_a_second_whoever_asks(config: Path, serve: Serve) -> None:
    write_config(config.parent, rate_limit={"requests_per_second": 1e6, "burst": 1_000_000})
    server = serve(config)
    for file in config.parent.glob("*.db*"):
        file.unlink()
    count, seconds = await flood(server, LIST + b"\r\n", 503)
    assert count == CONNECTIONS * EACH
    assert_few_lines(server, "answered", 503, count, seconds)


def assert_few_lines(server: ServerProcess, kind: str, status: int, count: int, seconds: float) -> None:
    """Check that of `count` requests refused within `seconds` few are logged, and all counted; stop the server."""

    def left_out() -> int:
        return sum(map(int, re.findall(rf'log lines left out event="request {kind}".* count=(\d+)', server.stderr)))

    def logged() -> int:
        return len(re.findall(rf"request {kind} .*status={status} ", server.stderr))

    until(lambda: left_out() + logged() == count, "every refusal is logged or counted")
    assert logged() <= 10 * (seconds + 2)
    assert server.terminate() == 0
