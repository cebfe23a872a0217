"""Another process writes between a use case's reading and its commit: it runs again on what is there now."""

import asyncio
from typing import Any

import pytest

from tests.store.conftest import Kit
from tests.store.steps import Gate, UseCase, appended, audited, by_hand, change, creation, deletion, written
from wizard_server.domain.ports import Transaction
from wizard_server.domain.record import StateRecord
from wizard_server.errors import NotFoundError, StateExistsError, StorageUnavailableError

EDIT = "UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = 'inv-1'"
DELETE = "DELETE FROM investigation_states WHERE investigation_id = 'inv-1'"
INSERT = (
    "INSERT INTO investigations (id) VALUES ('inv-1')",
    "INSERT INTO investigation_states (investigation_id, user_id, wizard_step, status)"
    " VALUES ('inv-1', 'dev', 'SETTINGS', 'IN_PROGRESS')",
)


class Counted:
    """A use case that counts its runs."""

    def __init__(self, use_case: UseCase) -> None:
        self._use_case = use_case
        self.runs = 0

    async def __call__(self, transaction: Transaction) -> StateRecord:
        self.runs += 1
        return await self._use_case(transaction)


def overtake(kit: Kit, *statements: str, times: int = 1) -> None:
    """Let an operator run `statements` at the last moment before each of the next commits: row locks end it earlier."""
    at_commit = kit.engine.dialect == "sqlite"
    original: Any = kit.engine.commit if at_commit else kit.engine.begin
    left = iter(range(times))

    async def overtaken(*arguments: Any) -> Any:
        if next(left, None) is not None:
            await asyncio.to_thread(by_hand, kit.path, *statements)
        return await original(*arguments)

    if at_commit:
        kit.engine.commit = overtaken
    else:
        kit.engine.begin = overtaken


async def test_a_change_that_was_overtaken_is_made_on_the_fresh_state(kit: Kit) -> None:
    await kit.store.transact(creation())
    overtake(kit, EDIT)
    use_case = Counted(change(progress=appended("line")))
    record = await kit.store.transact(use_case)
    assert (use_case.runs, record.version, record.status) == (2, 3, "ERROR")
    assert record.document()["progress"] == {"logs": ["line"]}
    assert [version for version, _ in audited(kit.path)] == [1, 2, 3]
    assert (kit.told, kit.store.cached("inv-1")) == ([("inv-1", 1), ("inv-1", 3)], record)


async def test_a_creation_that_was_overtaken_finds_the_state_of_the_other(kit: Kit) -> None:
    overtake(kit, *INSERT)
    with pytest.raises(StateExistsError):
        await kit.store.transact(creation())
    assert (written(kit.path), audited(kit.path), kit.events) == ({"inv-1": 1}, [(1, "STATE_CREATED")], [])


async def test_a_change_whose_state_was_deleted_meanwhile_finds_nothing(kit: Kit) -> None:
    await kit.store.transact(creation())
    overtake(kit, DELETE)
    with pytest.raises(NotFoundError):
        await kit.store.transact(change(status="ERROR"))
    assert (written(kit.path), await kit.store.state("inv-1")) == ({}, None)
    assert audited(kit.path) == [(1, "STATE_CREATED"), (2, "STATE_DELETED")]


async def test_a_deletion_that_was_overtaken_deletes_the_newest_version(kit: Kit) -> None:
    await kit.store.transact(creation())
    overtake(kit, EDIT)
    assert (await kit.store.transact(deletion())).version == 2
    assert audited(kit.path) == [(1, "STATE_CREATED"), (2, "STATE_CHANGE"), (3, "STATE_DELETED")]


async def test_an_edit_of_one_state_does_not_take_the_others_of_the_batch(kit: Kit) -> None:
    for key in ("inv-1", "inv-2"):
        await kit.store.transact(creation(key))
    gate = Gate(kit.engine.commit)
    with kit.engine.instead(commit=gate):
        blocker = asyncio.create_task(kit.store.transact(creation("other")))
        await gate.entered.wait()
    use_cases = [Counted(change(key, status="CANCELLED")) for key in ("inv-1", "inv-2")]
    tasks = [asyncio.create_task(kit.store.transact(use_case)) for use_case in use_cases]
    await asyncio.sleep(0)
    overtake(kit, EDIT)
    gate.open()
    await blocker
    assert [(await task).version for task in tasks] == [3, 2]
    assert [use_case.runs for use_case in use_cases] == [2, 1], "only what rests on the edit is run again"
    assert written(kit.path) == {"inv-1": 3, "inv-2": 2, "other": 1}


@pytest.mark.needs("files")  # with row locks the second attempt is the last
async def test_a_state_that_changes_under_every_attempt_is_given_up_for_now(kit: Kit) -> None:
    await kit.store.transact(creation())
    toggle = "UPDATE investigation_states SET status = CASE status WHEN 'ERROR' THEN 'CANCELLED' ELSE 'ERROR' END"
    use_case = Counted(change(progress=appended("line")))
    with kit.engine.instead(commit=kit.engine.commit, begin=kit.engine.begin):
        overtake(kit, toggle, times=1000)
        with pytest.raises(StorageUnavailableError):
            await kit.store.transact(use_case)
    assert use_case.runs < 50
    versions = [version for version, _ in audited(kit.path)]
    assert versions == list(range(1, len(versions) + 1))
    assert (await kit.store.transact(use_case)).version == len(versions) + 1


async def test_an_edit_that_memory_has_not_noticed_yet_is_not_overwritten(kit: Kit) -> None:
    await kit.store.transact(creation())
    by_hand(kit.path, EDIT)
    record = await kit.store.transact(change(progress=appended("line")))
    assert (record.version, record.status) == (3, "ERROR")


def _noticed_once(kit: Kit, use_case: UseCase) -> Counted:
    """Return `use_case`, overtaken in its first run by an edit that the background work notices before its end."""

    async def run(transaction: Transaction) -> StateRecord:
        record = await use_case(transaction)
        if counted.runs == 1:
            await asyncio.to_thread(by_hand, kit.path, EDIT)
            await kit.noticed()
        return record

    counted = Counted(run)
    return counted


async def _reading(transaction: Transaction) -> StateRecord:
    record = await transaction.state("inv-1")
    assert record is not None
    return record


async def test_what_rests_on_an_edited_state_is_not_told_because_the_edit_was_noticed_meanwhile(kit: Kit) -> None:
    await kit.store.transact(creation())
    use_case = _noticed_once(kit, _reading)
    record = await kit.store.transact(use_case)
    assert (use_case.runs, record.version, record.status) == (2, 2, "ERROR")


async def test_nor_when_others_of_the_batch_write(kit: Kit) -> None:
    for key in ("inv-1", "inv-2"):
        await kit.store.transact(creation(key))
    gate = Gate(kit.engine.commit)
    with kit.engine.instead(commit=gate):
        blocker = asyncio.create_task(kit.store.transact(creation("other")))
        await gate.entered.wait()
    use_case = _noticed_once(kit, _reading)
    tasks = [asyncio.create_task(kit.store.transact(each)) for each in (use_case, change("inv-2", status="CANCELLED"))]
    await asyncio.sleep(0)
    gate.open()
    await blocker
    assert [((record := await task).version, record.status) for task in tasks] == [(2, "ERROR"), (2, "CANCELLED")]
    assert use_case.runs == 2
