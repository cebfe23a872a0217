"""What every `Store` does with states: create, read, change, delete, and tell of it."""

from typing import Any

import pytest

from tests.store.conftest import Kit, OpenStore
from tests.store.steps import INSTANT, NOW, appended, audited, by_hand, change, creation, deletion, entry, rows, written
from wizard_server.domain.ports import Transaction
from wizard_server.domain.record import FIELDS, StateRecord
from wizard_server.domain.trail import Investigation
from wizard_server.errors import NotFoundError, StateExistsError


async def test_what_is_not_there_is_none(kit: Kit) -> None:
    assert await kit.store.state("inv-1") is None
    assert await kit.store.investigation("inv-1") is None
    assert kit.store.cached("inv-1") is None
    assert await kit.store.trail("inv-1", down_to=0, below=9, limit=9) == []


async def test_a_created_state_is_there_with_its_parent_and_its_entry(kit: Kit) -> None:
    made = await kit.store.transact(creation())
    assert (made.version, made.newest_version, made.updated_by) == (1, 1, "dev")
    assert await kit.store.state("inv-1") == made
    assert await kit.store.investigation("inv-1") == Investigation("inv-1", "dev", 1)
    (told,) = await kit.store.trail("inv-1", down_to=0, below=9, limit=9)
    assert (told.version, told.action_type, told.parts.previous) == (1, "STATE_CREATED", None)
    assert told.parts.current == made.document()


async def test_what_is_in_memory_is_what_is_on_disk(kit: Kit, open_store: OpenStore) -> None:
    odd = {"logs": ["\x00", "ä€😀", "\\u0041"], "one": 1, "float": 1.0, "tiny": 5e-324, "big": 2**53 + 1, "yes": True}
    await kit.store.transact(creation())
    await kit.store.transact(change(progress=odd, status="ERROR", at="2026-01-01T12:00:01.500Z"))
    await kit.store.transact(change(progress=appended("more")))
    in_memory = kit.store.cached("inv-1")
    assert in_memory is not None
    fresh = await open_store()
    on_disk = await fresh.store.state("inv-1")
    assert on_disk == in_memory
    assert on_disk.opened == in_memory.opened
    assert on_disk.field_versions == {**dict.fromkeys(FIELDS, 1), "status": 2, "progress": 3}


async def test_a_change_is_the_next_version(kit: Kit) -> None:
    await kit.store.transact(creation())
    changed = await kit.store.transact(change(status="ERROR"))
    assert (changed.version, changed.status) == (2, "ERROR")
    assert await kit.store.state("inv-1") is changed
    assert audited(kit.path) == [(1, "STATE_CREATED"), (2, "STATE_CHANGE")]


async def test_a_deleted_state_is_gone_and_its_trail_stays(kit: Kit) -> None:
    await kit.store.transact(creation())
    await kit.store.transact(deletion())
    assert await kit.store.state("inv-1") is None
    assert await kit.store.investigation("inv-1") == Investigation("inv-1", "dev", 2)
    assert audited(kit.path) == [(1, "STATE_CREATED"), (2, "STATE_DELETED")]
    with pytest.raises(NotFoundError):
        await kit.store.transact(change(status="ERROR"))


async def test_a_state_that_is_created_again_has_a_version_above_its_whole_trail(kit: Kit) -> None:
    for use_case in (creation(), change(status="ERROR"), deletion()):
        await kit.store.transact(use_case)
    again = await kit.store.transact(creation())
    assert again.version == 4
    assert set(again.field_versions.values()) == {4}
    assert written(kit.path) == {"inv-1": 4}


async def test_a_row_that_was_set_back_by_hand_goes_on_above_its_trail(open_store: OpenStore) -> None:
    kit = await open_store()
    for use_case in (creation(), change(status="ERROR"), change(status="IN_PROGRESS")):
        await kit.store.transact(use_case)
    by_hand(kit.path, "UPDATE investigation_states SET version = 1")
    fresh = await open_store()
    found = await fresh.store.state("inv-1")
    assert found is not None
    assert (found.version, found.newest_version) == (1, 3)
    assert (await fresh.store.transact(change(status="CANCELLED"))).version == 4


async def test_what_a_use_case_raises_is_raised_and_nothing_is_written(kit: Kit) -> None:
    await kit.store.transact(creation())
    with pytest.raises(StateExistsError):
        await kit.store.transact(creation())

    async def broken(transaction: Transaction) -> StateRecord:
        await transaction.state("inv-1")
        raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        await kit.store.transact(broken)
    assert (written(kit.path), len(audited(kit.path)), len(kit.events)) == ({"inv-1": 1}, 1, 1)


async def test_a_use_case_that_writes_nothing_commits_nothing_and_tells_nobody(kit: Kit) -> None:
    await kit.store.transact(creation())

    async def looking(transaction: Transaction) -> StateRecord | None:
        return await transaction.state("inv-1")

    assert await kit.store.transact(looking) is kit.store.cached("inv-1")
    assert (len(kit.events), len(audited(kit.path))) == (1, 1)


async def test_an_entry_that_is_no_version_stands_in_the_trail_and_wakes_nobody(kit: Kit) -> None:
    await kit.store.transact(creation())

    async def noting(transaction: Transaction) -> None:
        transaction.append(entry())

    await kit.store.transact(noting)
    assert audited(kit.path) == [(1, "STATE_CREATED"), (None, "NOTE")]
    assert kit.told == [("inv-1", 1)]
    assert await kit.store.investigation("inv-1") == Investigation("inv-1", "dev", 1)
    assert [told.version for told in await kit.store.trail("inv-1", down_to=0, below=9, limit=9)] == [1]


async def test_every_commit_is_told_with_its_version_and_its_entries(kit: Kit) -> None:
    for use_case in (creation(), change(status="ERROR"), deletion()):
        await kit.store.transact(use_case)
    assert kit.told == [("inv-1", 1), ("inv-1", 2), ("inv-1", None)]
    assert [[told.version for told in event.entries] for event in kit.events] == [[1], [2], [3]]
    assert {event.instant for event in kit.events} == {NOW}


async def test_within_one_use_case_a_state_may_change_several_times(kit: Kit) -> None:
    async def all_at_once(transaction: Transaction) -> StateRecord:
        for use_case in (creation(), change(status="ERROR"), deletion(), creation(), change(status="CANCELLED")):
            record = await use_case(transaction)
        return record

    record = await kit.store.transact(all_at_once)
    assert (record.version, written(kit.path), kit.told) == (5, {"inv-1": 5}, [("inv-1", 5)])
    assert [version for version, _ in audited(kit.path)] == [1, 2, 3, 4, 5]
    assert await kit.store.state("inv-1") == record


async def test_a_state_that_comes_and_goes_at_once_leaves_its_parent_and_its_trail(kit: Kit) -> None:
    async def all_at_once(transaction: Transaction) -> None:
        await creation()(transaction)
        await deletion()(transaction)

    await kit.store.transact(all_at_once)
    assert (written(kit.path), kit.told) == ({}, [("inv-1", None)])
    assert await kit.store.investigation("inv-1") == Investigation("inv-1", "dev", 2)


async def test_a_state_that_goes_and_comes_at_once_is_the_new_one_on_disk(kit: Kit, open_store: OpenStore) -> None:
    await kit.store.transact(creation())

    async def all_at_once(transaction: Transaction) -> StateRecord:
        await deletion()(transaction)
        return await creation(at="2026-02-02T00:00:00.000Z", settings=None)(transaction)

    record = await kit.store.transact(all_at_once)
    fresh = await open_store()
    assert await fresh.store.state("inv-1") == record
    assert record.document()["created_at"] == "2026-02-02T00:00:00.000Z"


LONG_AGO = "2020-01-01T00:00:00.000Z"


@pytest.mark.parametrize(("owner", "kept"), [("NULL", "dev"), ("'bob'", "bob")])
async def test_creation_claims_an_investigation_that_nobody_owns(kit: Kit, owner: str, kept: str) -> None:
    by_hand(kit.path, f"INSERT INTO investigations (id, user_id, created_at) VALUES ('inv-1', {owner}, '{LONG_AGO}')")
    await kit.store.transact(creation())
    assert await kit.store.investigation("inv-1") == Investigation("inv-1", kept, 1)
    assert rows(kit.path, "SELECT user_id, created_at FROM investigations") == [(kept, LONG_AGO)]


@pytest.mark.parametrize("text", ["'; DROP TABLE investigations; --", ":name", '"', "%", "😀"])
async def test_text_is_data_and_never_part_of_a_statement(kit: Kit, text: str) -> None:
    progress: dict[str, Any] = {"logs": [text], text: text}
    await kit.store.transact(creation(progress=progress))
    await kit.store.transact(lambda transaction: _note(transaction, text))
    found = await kit.store.state("inv-1")
    assert found is not None
    assert found.document()["progress"] == progress
    assert rows(kit.path, "SELECT action_type, mutation_id FROM investigation_audit_log ORDER BY rowid")[1] == (
        text,
        text,
    )


async def _note(transaction: Transaction, text: str) -> None:
    transaction.append(entry(action_type=text, mutation_id=text, timestamp=INSTANT))
