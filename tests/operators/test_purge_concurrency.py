import os
import signal
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing

import pytest

from tests import factories
from tests.conftest import StartServer
from tests.operators.rows import AGE, CUTOFF, NOW, OLD, YOUNG, Rows
from wizard_server.commands import purge as command
from wizard_server.commands.databases import opened
from wizard_server.domain.clock import to_wire
from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.engine import Parameters
from wizard_server.storage.queries import Query
from wizard_server.storage.sqlite.connection import Connection
from wizard_server.storage.sqlite.opening import connect
from wizard_server.storage.statements import retention
from wizard_server.storage.statements.retention import Portion, Removed

URL = "/api/v1/wizard-state"
STARTED = to_wire(NOW)


class Overtaken(Connection):
    """A connection before whose every transaction somebody else commits something."""

    def __init__(self, inner: Connection, commit: Callable[[], None]) -> None:
        super().__init__(inner.raw, echo=False)
        self._commit = commit

    async def execute(self, query: Query, parameters: Parameters | None = None) -> int:
        if query.name == "connection.begin":
            self._commit()
        return await super().execute(query, parameters)


# Small steps.
SMALL = Portion(entries=3, investigations=2)


def plant_all(rows: Rows) -> None:
    for number in range(5):
        rows.plant(f"inv-{number}", [(1, OLD), (2, OLD), (None, YOUNG)], updated_at=OLD, status="COMPLETED")
    rows.plant("inv-9", [(version, OLD) for version in range(1, 9)], updated_at=OLD)


async def test_each_transaction_is_small(database: str, rows: Rows) -> None:
    plant_all(rows)
    connection = await connect(database)
    steps = [step async for step in retention.purge(connection, cutoff=CUTOFF, purged_at=STARTED, portion=SMALL)]
    await connection.close()
    assert all(step.entries <= 3 and step.investigations <= 2 for step in steps)
    assert sum(steps, Removed()) == Removed(5, 5 * 3 + 7)


async def test_an_investigation_with_a_longer_trail_than_a_transaction_takes_goes_alone(
    database: str, rows: Rows
) -> None:
    rows.plant("inv-1", [(1, OLD)] + [(None, YOUNG)] * 5, updated_at=OLD, status="COMPLETED")
    rows.plant("inv-2", [(1, OLD)], updated_at=OLD, status="COMPLETED")
    connection = await connect(database)
    steps = [step async for step in retention.purge(connection, cutoff=CUTOFF, purged_at=STARTED, portion=SMALL)]
    await connection.close()
    assert steps == [Removed(1, 6), Removed(1, 1)]


async def test_a_writer_that_waits_for_nothing_gets_through_between_any_two_transactions(
    database: str, rows: Rows
) -> None:
    plant_all(rows)
    connection = await connect(database)
    commits = 0
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as writer:
        async for _ in retention.purge(connection, cutoff=CUTOFF, purged_at=STARTED, portion=SMALL):
            writer.execute("UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = 'inv-9'")
            writer.execute("UPDATE investigation_states SET status = 'IN_PROGRESS' WHERE investigation_id = 'inv-9'")
            commits += 2
    await connection.close()
    assert commits > 6
    assert [version for version, _ in rows.trail("inv-9")] == list(range(8, 9 + commits))[-len(rows.trail("inv-9")) :]
    assert rows.trail("inv-9")[-1][0] == 8 + commits


async def test_the_server_commits_and_answers_while_a_purge_goes_on(
    database: str, rows: Rows, start_server: StartServer
) -> None:
    plant_all(rows)
    client = await start_server()
    await client.post(URL, json=factories.creation("live"))
    connection = await connect(database)
    version = 1
    async for _ in retention.purge(connection, cutoff=CUTOFF, purged_at=STARTED, portion=SMALL):
        answer = await client.patch(f"{URL}/live", json={"settings": factories.settings(name=f"Name {version}")})
        version += 1
        assert (answer.status, (await answer.json())["version"]) == (200, version)
    await connection.close()
    assert version > 5
    assert [number for number, _ in rows.trail("live")] == list(range(1, version + 1))


async def test_a_state_that_is_touched_after_it_was_chosen_is_kept(database: str, rows: Rows) -> None:
    rows.plant("inv-1", [(1, OLD)], updated_at=OLD, status="COMPLETED")
    rows.plant("inv-2", [(1, OLD)], updated_at=OLD, status="COMPLETED")

    def reset() -> None:
        rows.connection.execute(
            "UPDATE investigation_states SET status = 'IN_PROGRESS' WHERE investigation_id = 'inv-1'"
        )

    connection = Overtaken(await connect(database), reset)
    steps = [step async for step in retention.purge(connection, cutoff=CUTOFF, purged_at=STARTED)]
    await connection.close()
    assert steps == [Removed(1, 1)]
    assert rows.ids() == ["inv-1"]
    assert [version for version, _ in rows.trail("inv-1")] == [1, 2]


async def test_an_entry_that_becomes_the_newest_change_after_it_was_chosen_is_kept(database: str, rows: Rows) -> None:
    rows.plant("inv-1", [(1, OLD), (2, OLD), (3, OLD)], updated_at=OLD)

    def take_back() -> None:
        rows.connection.execute("DELETE FROM investigation_audit_log WHERE version = 3")

    connection = Overtaken(await connect(database), take_back)
    steps = [step async for step in retention.purge(connection, cutoff=CUTOFF, purged_at=STARTED)]
    await connection.close()
    assert steps == [Removed(0, 1)]
    assert rows.trail("inv-1") == [(2, OLD)]


async def test_stopped_after_any_transaction_the_database_is_sound_and_the_next_purge_ends_the_same(
    database: str, rows: Rows
) -> None:
    plant_all(rows)
    rounds = 0
    connection = await connect(database)
    while True:
        async with aclosing(retention.purge(connection, cutoff=CUTOFF, purged_at=STARTED, portion=SMALL)) as steps:
            step = await anext(steps, None)
        if step is None:
            break
        rounds += 1
        assert rows.switch() == 1
        assert rows.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    await connection.close()
    assert rounds > 5
    assert rows.ids() == ["inv-9"]
    assert rows.trail("inv-9") == [(8, OLD)]
    assert all(rows.investigation(f"inv-{number}")["purged_at"] == STARTED for number in range(5))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_between_transactions_and_it_says_what_is_done(
    database: str,
    rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    plant_all(rows)
    purge, signals = retention.purge, [number]  # the command offers no door between its transactions

    async def signalled(connection: Connection, *, cutoff: str, purged_at: str) -> AsyncGenerator[Removed, None]:
        async for step in purge(connection, cutoff=cutoff, purged_at=purged_at, portion=SMALL):
            if signals:
                os.kill(os.getpid(), signals.pop())
            yield step

    monkeypatch.setattr(retention, "purge", signalled)
    assert await command.purge(database, max_age_days=AGE, dry_run=False, now=NOW) == 130
    said = capsys.readouterr()
    assert said.out.startswith("removed 0 investigations and 3 audit entries")
    assert "interrupted; run it again" in said.err
    assert await command.purge(database, max_age_days=AGE, dry_run=False, now=NOW) == 0
    assert rows.ids() == ["inv-9"]


async def test_a_database_that_somebody_keeps_locked_is_named_and_nothing_is_removed(database: str, rows: Rows) -> None:
    plant_all(rows)
    before = rows.everything()
    rows.connection.execute("BEGIN IMMEDIATE")

    async def purge() -> None:
        async with opened(database, "config.toml", read_only=False) as connection:
            assert isinstance(connection, Connection)
            await connection.wait_briefly()
            await anext(retention.purge(connection, cutoff=CUTOFF, purged_at=STARTED))

    with pytest.raises(StorageUnavailableError, match="another process keeps writing to it; try again"):
        await purge()
    rows.connection.execute("ROLLBACK")
    assert rows.everything() == before
