"""A connection that is lost while a commit is under way: the outcome is found out, nothing is lost or done twice."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from tests import shell
from tests.store.conftest import Kit, OpenStore
from tests.store.steps import audited, change, creation, written
from wizard_server.errors import UnknownOutcomeError
from wizard_server.storage.postgresql import writer
from wizard_server.storage.postgresql.connection import Connection

pytestmark = pytest.mark.needs("row locks")

WAITS = "wait_event = 'SyncRep' AND datname = current_database()"


def cut(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, *, before: bool, meanwhile: Callable[[], Awaitable[object]] | None = None
) -> list[int]:
    """Cut the writer's connection once: `before` the statements of a commit are run, or after all were, unheard.

    `meanwhile` is done before anybody looks what became of the commit. Returns the steps of each commit that is tried.
    """
    original, cuts, commits = Connection.run, [True], list[int]()

    async def run(self: Connection, steps: Any) -> Any:
        is_commit = steps[-1].query.name == "connection.commit"
        if is_commit:
            commits.append(len(steps))
        is_commit = is_commit and bool(cuts)
        if is_commit and before:
            cuts.clear()
            await terminated(self)
            if meanwhile is not None:
                await meanwhile()
        answers = await original(self, steps)
        if is_commit and not before:
            cuts.clear()
            await self.close()
            if meanwhile is not None:
                await meanwhile()
            raise psycopg.OperationalError("the connection was lost")
        return answers

    async def terminated(connection: Connection) -> None:
        pid = connection.raw.info.backend_pid
        with psycopg.connect(kit.path, autocommit=True) as operator:
            operator.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    monkeypatch.setattr(Connection, "run", run)
    return commits


@pytest.mark.parametrize("before", [True, False], ids=["before the commit", "after it"])
async def test_a_change_is_made_exactly_once(kit: Kit, monkeypatch: pytest.MonkeyPatch, before: bool) -> None:
    await kit.store.transact(creation())
    kit.watched.add("inv-1")
    cut(kit, monkeypatch, before=before)
    assert (await kit.store.transact(change(status="ERROR"))).version == 2
    await kit.noticed()
    assert written(kit.path) == {"inv-1": 2}
    assert audited(kit.path) == [(1, "STATE_CREATED"), (2, "STATE_CHANGE")]
    assert kit.told == [("inv-1", 1), ("inv-1", 2)]


@pytest.mark.parametrize("before", [True, False], ids=["before the commit", "after it"])
async def test_so_is_a_creation(kit: Kit, monkeypatch: pytest.MonkeyPatch, before: bool) -> None:
    cut(kit, monkeypatch, before=before)
    await kit.store.transact(creation())
    assert (written(kit.path), audited(kit.path)) == ({"inv-1": 1}, [(1, "STATE_CREATED")])


async def test_another_node_may_go_on_before_it_is_found_out(
    kit: Kit, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kit.store.transact(creation())
    other = await open_store()
    cut(kit, monkeypatch, before=False, meanwhile=lambda: other.store.transact(change(status="CANCELLED")))
    assert (await kit.store.transact(change(status="ERROR"))).version == 2
    await kit.noticed()
    found = await kit.store.state("inv-1")
    assert found is not None
    assert (found.version, found.status) == (3, "CANCELLED")


async def test_whoever_lost_their_locks_together_go_on_together(
    kit: Kit, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one they would hold up everybody else: another node has written, and none of them is to blame."""
    await kit.store.transact(creation())
    other = await open_store()
    commits = cut(kit, monkeypatch, before=True, meanwhile=lambda: other.store.transact(change(status="CANCELLED")))
    statuses = ["ERROR", "IN_PROGRESS"] * 10
    found = await asyncio.gather(*(kit.store.transact(change(status=status)) for status in statuses))
    assert [state.version for state in found] == list(range(3, 3 + len(statuses)))
    assert len(commits) == len(["cut", "of the other", "stale", "together"])
    assert [version for version, _ in audited(kit.path)] == list(range(1, 3 + len(statuses)))


async def test_a_commit_goes_on_to_its_end_when_who_asked_has_gone(kit: Kit) -> None:
    reached, ends = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        reached.set()
        await asyncio.sleep(0)
        ends.set()

    asked = asyncio.create_task(writer.to_its_end(work()))
    await reached.wait()
    asked.cancel()
    await asyncio.wait([asked])
    await ends.wait()
    assert asked.cancelled()


async def test_a_commit_that_did_not_wait_for_its_standby_is_not_known_to_be_one(kit: Kit) -> None:
    await kit.store.transact(creation())
    setting = "ALTER SYSTEM SET synchronous_standby_names = '{}'"
    shell.run(kit.path, setting.format("nobody"))
    shell.run(kit.path, "SELECT pg_reload_conf()")
    try:
        commit = asyncio.create_task(kit.store.transact(change(status="ERROR")))
        while not shell.ask(kit.path, f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {WAITS}"):
            assert not commit.done()
            await asyncio.sleep(0)
        with pytest.raises(UnknownOutcomeError, match="canceling wait for synchronous replication"):
            await commit
    finally:
        shell.run(kit.path, setting.format(""))
        shell.run(kit.path, "SELECT pg_reload_conf()")


async def test_the_first_change_after_all_connections_were_lost_is_made(kit: Kit) -> None:
    await kit.store.transact(creation())
    others = "pid <> pg_backend_pid() AND datname = current_database()"
    shell.run(kit.path, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")
    assert (await kit.store.transact(change(status="ERROR"))).version == 2
