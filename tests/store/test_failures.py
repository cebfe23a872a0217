"""When the database cannot serve: a 503 for whoever asked, nothing half done, and afterwards all is well."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.store.conftest import Kit, OpenStore
from tests.store.steps import Gate, audited, change, creation, rows, written
from tests.web.helpers import until
from wizard_server.domain.filters import HistoryFilter
from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.queries import Query
from wizard_server.storage.sqlite.opening import connect
from wizard_server.storage.sqlite.session import Session
from wizard_server.storage.statements.batches import PROBE

pytestmark = pytest.mark.needs("files")

LARGE = {"logs": ["x" * 200_000]}
# What the thread of a connection is called.
THREAD = "_connection_worker_thread"


def connections() -> set[threading.Thread]:
    """Return the threads of the connections that this process has open, those of earlier tests among them."""
    return {thread for thread in threading.enumerate() if THREAD in thread.name}


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold the write lock, as a backup tool or another server may."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def pragma(kit: Kit, text: str) -> list[Any]:
    return [row[0] for row in await kit.engine.inner.writer.raw.execute_fetchall(f"PRAGMA {text}")]


async def test_a_database_that_is_locked_is_unavailable_and_then_works_again(
    open_store: OpenStore,
) -> None:
    kit = await open_store(busy_timeout=0.3)
    before = await kit.store.transact(creation())
    with locked(kit.path):
        with pytest.raises(StorageUnavailableError, match="locked"):
            await kit.store.transact(change(status="ERROR"))
        assert await kit.store.state("inv-1") is before
    assert (written(kit.path), kit.told) == ({"inv-1": 1}, [("inv-1", 1)])
    assert (await kit.store.transact(change(status="ERROR"))).version == 2


async def test_a_full_disk_is_unavailable_and_leaves_nothing_half_done(kit: Kit) -> None:
    await kit.store.transact(creation())
    (pages,) = await pragma(kit, "page_count")
    await pragma(kit, f"max_page_count = {pages + 2}")
    with pytest.raises(StorageUnavailableError, match="full"):
        await kit.store.transact(creation("inv-2", progress=LARGE))
    assert (written(kit.path), audited(kit.path, "inv-2")) == ({"inv-1": 1}, [])
    assert rows(kit.path, "SELECT id FROM investigations") == [("inv-1",)]
    assert (await kit.store.state("inv-2"), kit.told) == (None, [("inv-1", 1)])
    await pragma(kit, "max_page_count = 1000000")
    assert (await kit.store.transact(creation("inv-2", progress=LARGE))).version == 1


async def test_a_database_that_became_read_only_is_unavailable(kit: Kit) -> None:
    await kit.store.transact(creation())
    await pragma(kit, "query_only = ON")
    with pytest.raises(StorageUnavailableError, match="readonly"):
        await kit.store.transact(change(status="ERROR"))
    await pragma(kit, "query_only = OFF")
    assert (await kit.store.transact(change(status="ERROR"))).version == 2


async def test_after_a_failure_a_small_write_is_tried_for_all_who_ask_and_changes_nothing(kit: Kit) -> None:
    await kit.store.transact(creation())
    await kit.store.try_writing()
    await pragma(kit, "query_only = ON")
    with pytest.raises(StorageUnavailableError):
        await kit.store.transact(change(status="ERROR"))
    probe = Gate(kit.engine.commit)
    with kit.engine.instead(commit=probe):
        asking = [asyncio.create_task(kit.store.try_writing()) for _ in range(10)]
        await probe.entered.wait()
        probe.open()
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == [
        "the database cannot be written: attempt to write a readonly database"
    ] * 10
    assert probe.calls == 2, "one for the first, and one for all who came while it was under way"
    await pragma(kit, "query_only = OFF")
    switch, entries = rows(kit.path, "SELECT * FROM audit_switch"), audited(kit.path)
    await kit.store.try_writing()
    assert (rows(kit.path, "SELECT * FROM audit_switch"), audited(kit.path)) == (switch, entries)
    assert (await kit.store.transact(change(status="ERROR"))).version == 2


async def test_a_probe_writes_to_the_disk(kit: Kit) -> None:
    log = Path(f"{kit.path}-wal")
    before = log.stat().st_size  # noqa: ASYNC240 - a local file, nobody else waits
    await kit.engine.commit(PROBE)
    assert log.stat().st_size > before  # noqa: ASYNC240 - a local file, nobody else waits


@pytest.mark.parametrize("name", ["connection.begin", "connection.commit"])
@pytest.mark.parametrize("message", ["disk I/O error", "database or disk is full"])
async def test_a_transaction_that_cannot_begin_or_end_is_given_up(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    await kit.store.transact(creation())
    original = Session.execute  # SQLite cannot be had to fail here

    def failing(self: Session, query: Query, parameters: Any = None) -> int:
        if query.name == name:
            raise sqlite3.OperationalError(message)
        return original(self, query, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "execute", failing)
        with pytest.raises(StorageUnavailableError, match=message):
            await kit.store.transact(change(status="ERROR"))
    assert (written(kit.path), len(audited(kit.path))) == ({"inv-1": 1}, 1)
    assert (await kit.store.transact(change(status="ERROR"))).version == 2


async def test_a_statement_that_fails_undoes_those_before_it(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Session.execute_many

    def failing(self: Session, query: Query, given: Any) -> int:
        if query.name == "states.insert":
            raise sqlite3.OperationalError("disk I/O error")
        return original(self, query, given)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "execute_many", failing)
        with pytest.raises(StorageUnavailableError):
            await kit.store.transact(creation())
    assert rows(kit.path, "SELECT id FROM investigations") == audited(kit.path) == []
    assert (await kit.store.transact(creation())).version == 1


READS: list[Callable[[Kit], Any]] = [
    lambda kit: kit.store.state("absent"),
    lambda kit: kit.store.investigation("inv-1"),
    lambda kit: kit.store.history(HistoryFilter("inv-1", (), (), None, None, 1, 10)),
    lambda kit: kit.store.trail("inv-1", down_to=0, below=9, limit=9),
    lambda kit: kit.store.ping(),
]


@pytest.mark.parametrize("read", READS)
async def test_a_read_for_which_no_reader_becomes_free_is_unavailable(
    open_store: OpenStore, read: Callable[[Kit], Any]
) -> None:
    kit = await open_store(pool_size=1, max_overflow=1, pool_timeout=0.001)
    gate = Gate(kit.engine.ask, callers=2)
    kit.engine.statements["states.get"] = gate
    holding = [asyncio.create_task(kit.store.state(f"held-{number}")) for number in range(2)]
    await gate.entered.wait()
    with pytest.raises(StorageUnavailableError, match="no database reader became free"):
        await read(kit)
    gate.open()
    await asyncio.gather(*holding)
    await read(kit)


async def test_readers_beyond_the_pool_are_closed_after_use(open_store: OpenStore) -> None:
    earlier = connections()
    kit = await open_store(pool_size=1, max_overflow=3)
    await kit.store.ping()
    before = len(connections() - earlier)
    gate = Gate(kit.engine.ask, callers=4)
    kit.engine.statements["states.get"] = gate
    reads = [asyncio.create_task(kit.store.state(f"inv-{number}")) for number in range(4)]
    await gate.entered.wait()
    gate.open()
    await asyncio.gather(*reads)
    await until(lambda: len(connections() - earlier) == before)


@pytest.mark.parametrize("read", READS)
async def test_a_read_that_the_database_refuses_is_unavailable_and_frees_its_reader(
    open_store: OpenStore, read: Callable[[Kit], Any]
) -> None:
    kit = await open_store(pool_size=1, max_overflow=0, pool_timeout=0.1)

    async def failing(*_: Any) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    with kit.engine.instead(any_statement=failing):
        for _ in range(3):
            with pytest.raises(StorageUnavailableError, match="malformed"):
                await read(kit)
    await read(kit)


async def test_closing_while_a_read_is_under_way_leaves_no_reader_open(open_store: OpenStore) -> None:
    before = connections()
    kit = await open_store()
    gate = Gate(kit.engine.ask)
    kit.engine.statements["states.get"] = gate
    asking = asyncio.create_task(kit.store.state("inv-1"))
    await gate.entered.wait()
    closing_ = asyncio.create_task(kit.store.close())
    gate.open()
    await asyncio.gather(closing_, asking, return_exceptions=True)
    await until(lambda: connections() <= before)


@pytest.fixture
async def ended() -> AsyncIterator[None]:
    """Wait for the threads of connections that failed to open: they end on their own, a moment later."""
    yield
    for thread in connections():
        await asyncio.to_thread(thread.join)


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize("read_only", [False, True])
async def test_a_file_that_is_not_there_is_an_error_and_is_not_made(tmp_path: Any, read_only: bool) -> None:
    path = tmp_path / "absent #1?.db"
    with pytest.raises(StorageUnavailableError, match="cannot open database"):
        await connect(str(path), read_only=read_only)
    assert not path.exists()


@pytest.mark.usefixtures("ended")
async def test_a_file_that_is_no_database_is_an_error(tmp_path: Any) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageUnavailableError, match="cannot use database"):
        await connect(str(path))


@pytest.mark.parametrize("name", ["with space.db", "per%25cent.db", "a#b.db", "a?b=c&d.db", "ünïcode.db"])
async def test_a_path_is_taken_as_it_is(tmp_path: Any, name: str) -> None:
    connection = await connect(str(tmp_path / name), create=True)
    await connection.close()
    assert (tmp_path / name).exists()


async def test_echo_logs_the_statements_and_never_their_data(
    open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wizard_server.storage.sqlite")
    kit = await open_store(echo=True)
    await kit.store.transact(creation("confidential"))
    await kit.store.trail("confidential", down_to=0, below=9, limit=9)
    logged = [vars(line) for line in caplog.records if line.getMessage() == "statement"]
    names = [line["query"] for line in logged]
    order = ["connection.begin", "investigations.claim", "audit.insert", "states.insert", "connection.commit"]
    assert [name for name in names if name in order][-len(order) :] == order
    assert "audit.trail" in names
    assert not any("confidential" in str(line) for line in logged)


async def test_without_echo_nothing_is_logged(kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wizard_server.storage.sqlite")
    await kit.store.transact(creation())
    assert caplog.records == []
