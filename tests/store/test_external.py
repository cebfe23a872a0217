"""Other processes and operators write too: the store notices, forgets, and wakes who is concerned."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.store.conftest import Kit, OpenStore
from tests.store.steps import Gate, by_hand, change, creation, deletion
from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.engine import Row

EDIT = "UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = 'inv-1'"
DELETE = "DELETE FROM investigation_states WHERE investigation_id = 'inv-1'"
NEW = (
    "INSERT INTO investigations (id) VALUES ('new')",
    "INSERT INTO investigation_states (investigation_id, user_id, wizard_step, status)"
    " VALUES ('new', 'dev', 'SETTINGS', 'IN_PROGRESS')",
)


@pytest.fixture
async def seen(kit: Kit) -> Kit:
    """A store that knows inv-1 and inv-2 at version 1, both watched, and has told of nothing since."""
    for key in ("inv-1", "inv-2"):
        await kit.store.transact(creation(key))
    kit.watched.update(("inv-1", "inv-2"))
    kit.events.clear()
    return kit


async def test_an_edit_by_hand_is_told_and_read_anew(seen: Kit) -> None:
    by_hand(seen.path, EDIT)
    await seen.noticed()
    assert seen.told == [("inv-1", 2)]
    (event,) = seen.events
    assert event.record is not None
    assert (event.record.status, event.record.updated_by) == ("ERROR", "operator")
    assert await seen.store.state("inv-1") == event.record


async def test_a_deletion_by_hand_is_told(seen: Kit) -> None:
    by_hand(seen.path, DELETE)
    await seen.noticed()
    assert (seen.told, await seen.store.state("inv-1")) == ([("inv-1", None)], None)


async def test_an_insertion_by_hand_is_told(seen: Kit) -> None:
    seen.watched.add("new")
    by_hand(seen.path, *NEW)
    await seen.noticed()
    assert seen.told == [("new", 1)]


async def test_a_version_that_was_set_back_by_hand_is_told(seen: Kit) -> None:
    await seen.store.transact(change(status="ERROR"))
    seen.events.clear()
    by_hand(seen.path, "UPDATE investigation_states SET version = 1 WHERE investigation_id = 'inv-1'")
    await seen.noticed()
    assert seen.told == [("inv-1", 1)]


async def test_what_another_server_commits_is_told(seen: Kit, open_store: OpenStore) -> None:
    other = await open_store()
    record = await other.store.transact(change(progress={"logs": ["from another"]}))
    await seen.noticed()
    assert seen.told == [("inv-1", 2)]
    assert await seen.store.state("inv-1") == record


async def test_nothing_is_told_of_what_did_not_change(seen: Kit) -> None:
    by_hand(seen.path, "INSERT INTO investigations (id) VALUES ('unrelated')")
    await seen.noticed()
    assert seen.events == []


async def test_what_nobody_watches_is_read_anew_and_not_told(seen: Kit) -> None:
    seen.watched.clear()
    by_hand(seen.path, EDIT)
    await seen.noticed()
    found = await seen.store.state("inv-1")
    assert found is not None
    assert (seen.events, found.version) == ([], 2)


async def test_the_store_s_own_commits_are_not_taken_for_foreign_ones(seen: Kit) -> None:
    cached = seen.store.cached("inv-2")
    for use_case in (change(status="ERROR"), change(status="IN_PROGRESS"), deletion()):
        await seen.store.transact(use_case)
        seen.events.clear()
        await seen.noticed()
        assert seen.events == []
    assert seen.store.cached("inv-2") is cached


async def test_each_edit_is_told_in_its_turn(seen: Kit) -> None:
    for status in ("ERROR", "CANCELLED", "COMPLETED"):
        by_hand(seen.path, f"UPDATE investigation_states SET status = '{status}' WHERE investigation_id = 'inv-1'")
        await seen.noticed()
        told = len(seen.events)
        await seen.noticed()
        assert len(seen.events) == told, "no commit, no news"
    assert [version for key, version in seen.told if key == "inv-1"] == [2, 3, 4]


async def test_hundreds_of_watched_states_are_told_of(kit: Kit) -> None:
    keys = [f"inv-{number}" for number in range(1203)]
    for begin in range(0, len(keys), 200):  # each is told within 5 s, also where all cores are busy
        await asyncio.gather(*(kit.store.transact(creation(key)) for key in keys[begin : begin + 200]))
    kit.watched.update(keys)
    kit.events.clear()
    by_hand(kit.path, "UPDATE investigation_states SET status = 'ERROR'")
    await kit.noticed()
    assert sorted(kit.told) == sorted((key, 2) for key in keys)


@pytest.mark.needs("files")
@pytest.mark.parametrize("statement", ["states.versions", "states.get"])
async def test_an_edit_that_could_not_be_read_is_told_when_it_can_be(
    seen: Kit, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    by_hand(seen.path, EDIT)

    async def broken(*_: Any) -> Sequence[Row]:
        raise StorageUnavailableError("no reader became free")

    with monkeypatch.context() as patch:
        patch.setitem(seen.engine.statements, statement, broken)
        with pytest.raises(StorageUnavailableError):
            await seen.noticed()
    await seen.noticed()
    assert ("inv-1", 2) in seen.told


async def test_a_few_states_are_read_at_a_time(seen: Kit) -> None:
    seen.engine.statements["states.get"] = reads = Gate(seen.engine.ask, callers=2)
    by_hand(seen.path, EDIT, EDIT.replace("inv-1", "inv-2"))
    noticing = asyncio.create_task(seen.noticed())
    await reads.entered.wait()
    reads.open()
    await noticing
    assert sorted(seen.told) == [("inv-1", 2), ("inv-2", 2)]


async def test_one_that_cannot_be_read_keeps_no_other_back(seen: Kit) -> None:
    async def broken(reader: Any, query: Any, parameters: Any) -> Sequence[Row]:
        if parameters["investigation_id"] == "inv-1":
            raise StorageUnavailableError("the disk is away")
        return await seen.engine.ask(reader, query, parameters)

    by_hand(seen.path, EDIT, EDIT.replace("inv-1", "inv-2"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(seen.engine.statements, "states.get", broken)
        with pytest.raises(StorageUnavailableError, match="the disk is away"):
            await seen.noticed()
    assert seen.told == [("inv-2", 2)]
    await seen.noticed()
    assert seen.told == [("inv-2", 2), ("inv-1", 2)]


def _evict(kit: Kit) -> None:
    kit.store.forget("inv-1")


def _forget(kit: Kit) -> None:
    kit.store.forget()


@pytest.mark.parametrize("lose", [_evict, _forget])
async def test_an_edit_that_somebody_read_before_it_was_noticed_is_told_all_the_same(
    seen: Kit, lose: Callable[[Kit], None]
) -> None:
    """A waiter is parked on version 1; memory loses that, and a reader brings version 2 in before the notice."""
    by_hand(seen.path, EDIT)
    lose(seen)
    found = await seen.store.state("inv-1")
    assert found is not None
    assert found.version == 2
    await seen.noticed()
    assert ("inv-1", 2) in seen.told


@pytest.mark.needs("files")  # row locks keep an operator out meanwhile
async def test_an_edit_is_not_told_after_the_commit_that_overtook_its_reading(
    seen: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that has the commit's version would take what is told last for a backup that was restored."""
    writes = Gate(seen.engine.commit)
    seen.engine.commit = writes
    committing = asyncio.create_task(seen.store.transact(change(progress={"logs": ["line"]})))
    await writes.entered.wait()
    by_hand(seen.path, EDIT)
    reads = Gate(seen.engine.ask, after=True)
    with monkeypatch.context() as patch:
        patch.setitem(seen.engine.statements, "states.get", reads)
        noticing = asyncio.create_task(seen.noticed())
        await reads.entered.wait()
    writes.open()  # what the commit rests on is the same reading
    reads.open()
    newest = await committing
    await noticing
    assert newest.version == 3
    assert [version for key, version in seen.told if key == "inv-1"][-1] == 3
