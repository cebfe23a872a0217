"""The write-ahead log is shortened when it is quiet or long, whatever the readers do."""

import asyncio
import logging
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests import factories
from tests.store.conftest import Kit, OpenStore
from tests.store.steps import change, creation
from wizard_server.domain.filters import HistoryFilter, StateFilter
from wizard_server.storage.sqlite.engine import SqliteEngine
from wizard_server.storage.sqlite.wal import LogBounds

pytestmark = pytest.mark.needs("files")

LARGE = 1 << 20
LINES = {"logs": ["x" * 50_000]}
EVERYTHING = StateFilter(factories.USER, (), (), None, None, "-updated_at", 1, 100)


BOUNDS = LogBounds(small=LARGE // 4, large=LARGE, alarming=2 * LARGE, pause=0.0)


@pytest.fixture
async def kit(open_store: OpenStore) -> Kit:
    """A store that keeps its log shorter than usual."""
    return await open_store(opening=partial(SqliteEngine.open, bounds=BOUNDS))


def size(kit: Kit) -> int:
    return Path(f"{kit.path}-wal").stat().st_size


async def grow(kit: Kit, to: int) -> None:
    """Write until the log has at least `to` bytes; nobody looks after it meanwhile."""
    number = 0
    while size(kit) < to:
        number += 1
        await kit.store.transact(change(progress={"logs": [f"{number} {LINES['logs'][0]}"]}))


async def test_a_long_log_is_shortened_although_readers_take_turns(kit: Kit) -> None:
    await kit.store.transact(creation())
    longest, stop = 0, asyncio.Event()

    async def read_on() -> None:
        while not stop.is_set():
            await kit.store.history(HistoryFilter("inv-1", (), (), None, None, 1, 20))

    readers = [asyncio.create_task(read_on()) for _ in range(3)]
    for number in range(60):
        await kit.store.transact(change(progress={"logs": [f"{number} {LINES['logs'][0]}"]}))
        longest = max(longest, size(kit))
        if number % 5 == 0:
            await kit.store.look_around()
    stop.set()
    await asyncio.gather(*readers)
    assert LARGE < longest < 3 * LARGE


async def test_a_shorter_one_is_emptied_when_nothing_was_written_between_two_looks(kit: Kit) -> None:
    await kit.store.transact(creation())
    await grow(kit, LARGE // 2)
    await kit.store.look_around()
    assert size(kit) >= LARGE // 2, "it has just been written to"
    await kit.store.look_around()
    assert (size(kit), kit.store.counts.log_bytes) == (0, 0)


async def test_a_log_that_another_process_keeps_long_is_told_once_and_when_it_is_over(
    kit: Kit, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wizard_server.storage.sqlite.wal")
    await kit.store.transact(creation())
    with closing(sqlite3.connect(kit.path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM investigations").fetchall()
        await grow(kit, 2 * LARGE + 1)
        for _ in range(3):
            await kit.store.look_around()
        assert kit.store.counts.log_bytes == size(kit) > 2 * LARGE
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        other.execute("ROLLBACK")
    await kit.store.look_around()
    assert size(kit) == 0
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_reader_that_stays_holds_up_nobody_for_long(kit: Kit) -> None:
    await kit.store.transact(creation())
    await grow(kit, LARGE + 1)
    async with kit.engine.reader():
        await kit.store.look_around()
        assert await kit.store.states(EVERYTHING)
    assert (await kit.store.transact(change(status="ERROR"))).status == "ERROR"


async def test_a_log_that_begins_anew_is_cut(kit: Kit) -> None:
    [(limit,)] = await kit.engine.inner.writer.raw.execute_fetchall("PRAGMA journal_size_limit")
    assert limit == 4 << 20
