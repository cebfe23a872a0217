"""Requests with an Idempotency-Key over the death of their server: each is carried out once (contract 8)."""

import asyncio
import random
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.acceptance.client import GONE, STATES, Answer, Connection, connect
from tests.acceptance.conftest import Serve
from tests.acceptance.process import ServerProcess

ROUNDS = 5
AGENTS = 8
NAMES = ("etag", "location", "content-type", "cache-control")


def report(number: int) -> dict[str, Any]:
    return {"overall_progress": 5, "logs": [f"line-{number}"]}


def kept(answer: Answer) -> tuple[object, ...]:
    return (answer.status, answer.json(), *map(answer.headers.get, NAMES))


async def make_running(connection: Connection, investigation_id: str) -> None:
    made = await connection.ask("POST", STATES, factories.creation(investigation_id))
    assert made.status == 201
    begun = await connection.ask("PATCH", f"{STATES}/{investigation_id}", {"wizard_step": "PROGRESS"})
    assert begun.status == 200


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_what_was_answered_is_answered_again_and_not_done_again(
    config: Path, serve: Serve, number: signal.Signals
) -> None:
    writes = {
        "create": ("POST", STATES, factories.creation("inv-2")),
        "patch": ("PATCH", f"{STATES}/inv-1", {"progress": factories.progress()}),
        "report": ("POST", f"{STATES}/inv-1/progress", report(1)),
    }
    server = serve(config)
    async with connect(server.port) as [connection]:
        await make_running(connection, "inv-1")
        first = {
            key: kept(await connection.ask(method, path, body, {"Idempotency-Key": key}))
            for key, (method, path, body) in writes.items()
        }
        assert [status for status, *_ in first.values()] == [201, 200, 200]
        before = (await connection.ask("GET", f"{STATES}/inv-1")).json()
    server.signal(number)
    server.wait()
    async with connect(serve(config).port) as [connection]:
        for key, (method, path, body) in writes.items():
            assert kept(await connection.ask(method, path, body, {"Idempotency-Key": key})) == first[key]
        other = await connection.ask("POST", f"{STATES}/inv-1/progress", report(2), {"Idempotency-Key": "report"})
        assert (other.status, other.json()["code"]) == (422, "idempotency-mismatch")
        after = (await connection.ask("GET", f"{STATES}/inv-1")).json()
    assert (after["version"], after["progress"]) == (before["version"], before["progress"]) == (4, after["progress"])
    assert after["progress"]["logs"].count("line-1") == 1


class Reports:
    """Reports of many agents, each sent until it is answered; the server is killed after so many answers of a round."""

    def __init__(self) -> None:
        self.sent = 0
        self.unanswered: list[int] = []

    async def send_until_killed(self, server: ServerProcess, answers: int) -> None:
        self._left = answers
        lost = await asyncio.gather(*(self._agent(server) for _ in range(AGENTS)))
        self.unanswered += [number for number in lost if number is not None]

    async def _agent(self, server: ServerProcess) -> int | None:
        """Send reports until the server is gone; return the number of the one that was not answered."""
        number: int | None = None
        try:
            async with connect(server.port) as [connection]:
                while True:
                    number = self._next()
                    await self.send(connection, number)
                    self._left -= 1
                    if self._left == 0:
                        server.signal(signal.SIGKILL)
        except GONE:
            return number

    def _next(self) -> int:
        if self.unanswered:
            return self.unanswered.pop()
        self.sent += 1
        return self.sent

    @staticmethod
    async def send(connection: Connection, number: int) -> None:
        headers = {"Idempotency-Key": f"report-{number}"}
        answer = await connection.ask("POST", f"{STATES}/inv-1/progress", report(number), headers)
        assert answer.status == 200, answer.body


async def test_a_report_that_is_sent_until_it_is_answered_is_applied_once_whenever_the_server_is_killed(
    config: Path, serve: Serve
) -> None:
    """The kill falls before, in and after commits; a lost answer says nothing, so the report is sent again."""
    chance, reports = random.Random(20261127), Reports()
    server = serve(config)
    async with connect(server.port) as [connection]:
        await make_running(connection, "inv-1")
    for _ in range(ROUNDS):
        await reports.send_until_killed(server, chance.randint(1, 60))
        assert server.wait() == -signal.SIGKILL
        assert not server.complaints, server.stderr
        server = serve(config)
    async with connect(server.port) as [connection]:
        for number in reports.unanswered:
            await reports.send(connection, number)
        state = (await connection.ask("GET", f"{STATES}/inv-1")).json()
    sent = reports.sent
    assert sorted(state["progress"]["logs"]) == sorted(f"line-{number}" for number in range(1, sent + 1))
    assert state["version"] == sent + 2
    with closing(sqlite3.connect(config.parent / "investigations.db")) as database:
        [(entries, keys)] = database.execute(
            "SELECT (SELECT count(*) FROM investigation_audit_log WHERE mutation_id IS NOT NULL),"
            " (SELECT count(*) FROM idempotency_keys)"
        )
    assert (entries, keys) == (sent, sent)


@pytest.fixture
def other_config(config: Path) -> Path:
    """The configuration of another server on the same database; what it says goes elsewhere."""
    folder = config.parent / "other"
    folder.mkdir()
    return Path(shutil.copy(config, folder / "config.toml"))


async def test_two_servers_on_one_database_carry_each_request_out_once(
    config: Path, other_config: Path, serve: Serve
) -> None:
    ports = [serve(config).port, serve(other_config).port]
    async with connect(ports[0]) as [first], connect(ports[1]) as [second]:
        await make_running(first, "inv-1")
        for number in range(1, 31):
            headers = {"Idempotency-Key": f"report-{number}"}
            asked = [each.ask("POST", f"{STATES}/inv-1/progress", report(number), headers) for each in (first, second)]
            one, two_ = await asyncio.gather(*asked)
            assert kept(one) == kept(two_)
            assert one.json()["version"] == number + 2
        state = (await second.ask("GET", f"{STATES}/inv-1")).json()
    assert state["progress"]["logs"] == [f"line-{number}" for number in range(1, 31)]
