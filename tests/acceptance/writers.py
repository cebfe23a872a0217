"""Many writers at once, who remember what they were told: whatever was acknowledged has to be on disk afterwards."""

import asyncio
import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tests import factories
from tests.acceptance.client import GONE, STATES, Connection, connect

WRITERS = 32
SHARED = ("shared-0", "shared-1", "shared-2")
# What each writer does again and again: most of it changes what others change too.
_HABITS = ("patch own", "patch shared", "patch shared", "patch own", "create", "delete")


class Ledger:
    """Every acknowledgement: which investigation got which version, and the mark or action its audit entry shows."""

    def __init__(self) -> None:
        self.acknowledged: dict[tuple[str, int], str] = {}
        self.refused: dict[int, int] = {}
        self._told: list[Callable[[int], None]] = []
        self._marks = 0

    def mark(self) -> str:
        """Return a name that no other write has."""
        self._marks += 1
        return f"mark-{self._marks}"

    def acknowledge(self, investigation_id: str, version: int, evidence: str) -> None:
        """Remember an acknowledgement; one version cannot be acknowledged twice."""
        assert (investigation_id, version) not in self.acknowledged
        self.acknowledged[investigation_id, version] = evidence
        for tell in self._told:
            tell(len(self.acknowledged))

    def after(self, count: int, act: Callable[[], None]) -> None:
        """Call `act` once, at the moment when `count` more acknowledgements have come."""
        target = len(self.acknowledged) + count

        def tell(total: int) -> None:
            if total == target:
                act()

        self._told = [tell]


class Writer:
    """One client that writes until its server is gone."""

    def __init__(self, name: str, ledger: Ledger, chance: random.Random) -> None:
        self._name = name
        self._ledger = ledger
        self._chance = chance
        self._made = 0
        self._own: list[tuple[str, int]] = []

    async def run(self, connection: Connection) -> None:
        """Write without a pause; return when the connection ends."""
        try:
            while True:
                await self._write(connection)
        except GONE:
            self._own.clear()  # what became of the last write is unknown

    async def _write(self, connection: Connection) -> None:
        habit = self._chance.choice(_HABITS) if self._own else "create"
        mark = self._ledger.mark()
        settings = factories.settings(name=mark)
        if habit == "create":
            self._made += 1
            key = f"{self._name}-{self._made}"
            answer = await connection.ask("POST", STATES, factories.creation(key, settings=settings))
            if self._accepted(answer.status, 201):
                self._own.append((key, answer.json()["version"]))
                self._ledger.acknowledge(key, answer.json()["version"], mark)
        elif habit == "delete":
            key, version = self._own.pop()
            answer = await connection.ask("DELETE", f"{STATES}/{key}")
            if self._accepted(answer.status, 204):
                self._ledger.acknowledge(key, version + 1, "STATE_DELETED")
        else:
            key = self._own[-1][0] if habit == "patch own" else self._chance.choice(SHARED)
            answer = await connection.ask("PATCH", f"{STATES}/{key}", {"settings": settings})
            if self._accepted(answer.status, 200):
                version = answer.json()["version"]
                assert answer.json()["settings"]["name"] == mark
                self._ledger.acknowledge(key, version, mark)
                if habit == "patch own":
                    self._own[-1] = (key, version)

    def _accepted(self, status: int, expected: int) -> bool:
        """Whether the write was acknowledged; 503 is the only refusal that a sound writer may meet."""
        if status == expected:
            return True
        assert status == 503
        self._ledger.refused[status] = self._ledger.refused.get(status, 0) + 1
        return False


async def write_until_gone(port: int, ledger: Ledger, seed: str) -> None:
    """Let `WRITERS` writers loose on a server; return when it has gone and all have noticed."""
    writers = [Writer(f"{seed}-w{number}", ledger, random.Random(f"{seed}-{number}")) for number in range(WRITERS)]
    async with connect(port, WRITERS) as connections, asyncio.TaskGroup() as group:
        for writer, connection in zip(writers, connections, strict=True):
            group.create_task(writer.run(connection))


async def make_shared(port: int, ledger: Ledger) -> None:
    """Create the investigations that all writers change."""
    async with connect(port) as [connection]:
        for key in SHARED:
            mark = ledger.mark()
            answer = await connection.ask(
                "POST", STATES, factories.creation(key, settings=factories.settings(name=mark))
            )
            assert answer.status == 201
            ledger.acknowledge(key, 1, mark)


def faults(database: Path, ledger: Ledger) -> list[str]:
    """Return everything that is wrong in a database whose server has ended, however it did."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return [*_damage(connection), *_losses(connection, ledger), *_torn(connection)]


def _damage(connection: sqlite3.Connection) -> Iterator[str]:
    (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
    if integrity != "ok":
        yield f"integrity_check: {integrity}"
    yield from (f"foreign_key_check: {tuple(row)}" for row in connection.execute("PRAGMA foreign_key_check"))


def _losses(connection: sqlite3.Connection, ledger: Ledger) -> Iterator[str]:
    """Yield each acknowledged version that the trail lacks, or has with other content."""
    rows = connection.execute(
        """
        SELECT investigation_id, version, action_type, new_state
        FROM investigation_audit_log
        WHERE version IS NOT NULL
        """
    )
    trail = {(row["investigation_id"], row["version"]): _evidence(row) for row in rows}
    for (key, version), evidence in ledger.acknowledged.items():
        if trail.get((key, version)) != evidence:
            yield f"{key} version {version}: acknowledged {evidence}, on disk {trail.get((key, version))}"


def _evidence(row: sqlite3.Row) -> Any:
    if row["new_state"] is None:
        return row["action_type"]
    return json.loads(row["new_state"])["settings"]["name"]


def _torn(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield each state that is not what its trail says, and each trail that has a gap."""
    rows = connection.execute(
        """
        SELECT a.investigation_id AS key, min(a.version) AS oldest, max(a.version) AS newest, count(*) AS entries,
               s.version, s.name,
               (SELECT n.new_state FROM investigation_audit_log AS n
                WHERE n.investigation_id = a.investigation_id ORDER BY n.version DESC LIMIT 1) AS new_state,
               (SELECT n.action_type FROM investigation_audit_log AS n
                WHERE n.investigation_id = a.investigation_id ORDER BY n.version DESC LIMIT 1) AS action_type
        FROM investigation_audit_log AS a LEFT JOIN investigation_states AS s USING (investigation_id)
        GROUP BY a.investigation_id
        """
    ).fetchall()
    for row in rows:
        if (row["oldest"], row["entries"]) != (1, row["newest"]):
            yield f"{row['key']}: {row['entries']} entries for versions {row['oldest']} to {row['newest']}"
        expected = (None, None) if row["new_state"] is None else (row["newest"], _evidence(row))
        if (row["version"], row["name"]) != expected:
            yield f"{row['key']}: state {(row['version'], row['name'])}, trail {expected}"
    audited = {row["key"] for row in rows}
    states = connection.execute("SELECT investigation_id FROM investigation_states")
    yield from (f"{key}: a state without a trail" for (key,) in states if key not in audited)
