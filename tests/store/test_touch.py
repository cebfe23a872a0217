"""``last_accessed``: noted at once, written later and together; no version, no entry, no wake-up."""

import asyncio
import logging
from typing import Any

import pytest

from tests.store.conftest import Kit, OpenStore
from tests.store.steps import Gate, audited, change, creation, deletion, rows
from tests.store.test_lists import EVERYTHING
from wizard_server.domain.ports import Transaction
from wizard_server.domain.record import StateRecord
from wizard_server.errors import StorageUnavailableError

EARLY, LATE = "2026-01-02T00:00:00.000Z", "2026-01-02T00:00:01.000Z"


def looked_at(kit: Kit) -> dict[str, str | None]:
    return dict(rows(kit.path, "SELECT investigation_id, last_accessed FROM investigation_states"))


@pytest.fixture
async def two(kit: Kit) -> Kit:
    for key in ("inv-1", "inv-2"):
        await kit.store.transact(creation(key))
    kit.events.clear()
    return kit


async def test_looks_are_written_together_the_last_of_each_state(two: Kit) -> None:
    writes = Gate(two.engine.commit, is_open=True)
    two.engine.commit = writes
    for instant in (EARLY, LATE):
        for key in ("inv-1", "inv-2", "gone"):
            two.store.touch(key, instant)
    assert looked_at(two) == {"inv-1": None, "inv-2": None}
    await two.store.flush_touched()
    assert (looked_at(two), writes.calls) == ({"inv-1": LATE, "inv-2": LATE}, 1)
    await two.store.flush_touched()
    assert writes.calls == 1, "nothing new, nothing written"


async def test_a_look_is_no_version_no_entry_and_no_wake_up(two: Kit) -> None:
    before = two.store.cached("inv-1")
    two.store.touch("inv-1", LATE)
    await two.store.flush_touched()
    await two.noticed()
    assert (two.events, audited(two.path)) == ([], [(1, "STATE_CREATED")])
    assert two.store.cached("inv-1") is before
    assert rows(two.path, "SELECT version, updated_at, updated_by FROM investigation_states")[0][0] == 1


async def test_a_look_shows_in_the_list_before_it_is_written(two: Kit) -> None:
    two.store.touch("inv-2", LATE)
    found, _, _, _ = await two.store.states(EVERYTHING)
    assert {row["investigation_id"]: row["last_accessed"] for row in found} == {"inv-1": None, "inv-2": LATE}


async def test_a_look_survives_changes_and_a_change_survives_a_look(two: Kit, open_store: OpenStore) -> None:
    two.store.touch("inv-1", LATE)
    await two.store.flush_touched()
    await two.store.transact(change(status="ERROR"))
    found = await (await open_store()).store.state("inv-1")
    assert found is not None
    assert (found.last_accessed, found.version, found.status) == (LATE, 2, "ERROR")


async def test_looks_that_cannot_be_written_are_kept_and_newer_ones_win(
    two: Kit, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(*_: Any) -> None:
        two.store.touch("inv-1", LATE)
        raise StorageUnavailableError("the disk is full")

    caplog.set_level(logging.WARNING)
    two.store.touch("inv-1", EARLY)
    two.store.touch("inv-2", EARLY)
    with two.engine.instead(commit=failing):
        await two.store.flush_touched()
    assert [line.getMessage() for line in caplog.records] == ["last_accessed not written"]
    assert looked_at(two) == {"inv-1": None, "inv-2": None}
    await two.store.flush_touched()
    assert looked_at(two) == {"inv-1": LATE, "inv-2": EARLY}


async def test_a_look_at_what_was_deleted_is_no_error(two: Kit) -> None:
    two.store.touch("inv-1", LATE)
    await two.store.transact(deletion())
    await two.store.flush_touched()
    assert looked_at(two) == {"inv-2": None}


async def test_closing_writes_the_looks(open_store: OpenStore) -> None:
    kit = await open_store()
    await kit.store.transact(creation())
    kit.store.touch("inv-1", LATE)
    await kit.store.close()
    assert looked_at(kit) == {"inv-1": LATE}


async def test_a_commit_that_meets_the_writing_of_looks_is_not_refused(two: Kit) -> None:
    looks = Gate(two.engine.commit)
    with two.engine.instead(commit=looks):
        two.store.touch("inv-1", LATE)
        flush = asyncio.create_task(two.store.flush_touched())
        await looks.entered.wait()
    ran = asyncio.Event()

    async def changing(transaction: Transaction) -> StateRecord:
        record = await change("inv-2", status="ERROR")(transaction)
        ran.set()
        return record

    commit = asyncio.create_task(two.store.transact(changing))
    await ran.wait()  # by now the commit is on its way
    looks.open()
    assert (await commit).version == 2
    await flush
    assert looked_at(two)["inv-1"] == LATE


async def test_looks_that_meet_a_commit_are_written(two: Kit) -> None:
    commits = Gate(two.engine.commit)
    with two.engine.instead(commit=commits):
        commit = asyncio.create_task(two.store.transact(change("inv-2", status="ERROR")))
        await commits.entered.wait()
    two.store.touch("inv-1", LATE)
    flush = asyncio.create_task(two.store.flush_touched())
    await asyncio.sleep(0)
    commits.open()
    assert (await commit).version == 2
    await flush
    assert looked_at(two)["inv-1"] == LATE
