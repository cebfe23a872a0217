"""Group commit: many use cases, few transactions, and no word before it is on disk."""

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.conftest import Kit, OpenStore
from tests.store.steps import Gate, audited, change, creation, deletion, entry, written
from wizard_server.domain.events import StateEvent
from wizard_server.domain.ports import Transaction
from wizard_server.domain.record import StateRecord
from wizard_server.errors import NotFoundError, StateExistsError, StorageUnavailableError
from wizard_server.storage import groupcommit
from wizard_server.storage.groupcommit import MAX_BATCH

if TYPE_CHECKING:
    from collections.abc import Coroutine


def gate_writes(kit: Kit, *, is_open: bool = False) -> Gate:
    """Stand before every commit of `kit`."""
    gate = Gate(kit.engine.commit, is_open=is_open)
    kit.engine.commit = gate
    return gate


async def queued(kit: Kit, *use_cases: Any) -> list[asyncio.Task[Any]]:
    """Submit `use_cases`, in this order, and return once all of them are in the queue."""
    started = asyncio.Event()

    async def submit(use_case: Any, last: bool) -> Any:
        work: Coroutine[Any, Any, Any] = kit.store.transact(use_case)
        if last:
            started.set()
        return await work

    tasks = [asyncio.create_task(submit(use_case, use_case is use_cases[-1])) for use_case in use_cases]
    await started.wait()
    return tasks


@pytest.mark.needs("files")
async def test_use_cases_that_queue_behind_a_commit_are_committed_together(kit: Kit) -> None:
    gate = gate_writes(kit)
    first = await queued(kit, creation("first"))
    await gate.entered.wait()
    count = 2 * MAX_BATCH + 10
    others = await queued(kit, *(creation(f"inv-{number}") for number in range(count)))
    gate.open()
    await asyncio.gather(*first, *others)
    assert gate.calls == 1 + math.ceil(count / MAX_BATCH)
    assert len(written(kit.path)) == len(kit.events) == count + 1


@pytest.mark.needs("files")
async def test_use_cases_that_come_one_after_the_other_are_committed_together(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groupcommit, "_GATHER_SECONDS", 3600.0)  # however busy the machine is
    gate = gate_writes(kit, is_open=True)
    tasks = []
    for number in range(20):
        tasks += await queued(kit, creation(f"inv-{number}"))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert gate.calls == 1


async def test_use_cases_that_never_cease_to_come_keep_nobody_waiting(kit: Kit) -> None:
    ran = asyncio.Event()

    async def first(transaction: Transaction) -> None:
        ran.set()

    tasks = await queued(kit, first)
    while not ran.is_set() and len(tasks) < 10 * MAX_BATCH:
        tasks += await queued(kit, creation(f"inv-{len(tasks)}"))
    assert ran.is_set()
    await asyncio.gather(*tasks)


async def test_changes_of_one_state_in_one_commit_are_one_wake_up_and_an_entry_each(kit: Kit) -> None:
    await kit.store.transact(creation())
    gate = gate_writes(kit)
    blocker = await queued(kit, creation("other"))
    await gate.entered.wait()
    tasks = await queued(kit, *(change(progress={"logs": [str(number)]}) for number in range(5)))
    gate.open()
    await asyncio.gather(*blocker)
    assert [(await task).version for task in tasks] == [2, 3, 4, 5, 6]
    assert kit.told == [("inv-1", 1), ("other", 1), ("inv-1", 6)]
    assert [told.version for told in kit.events[-1].entries] == [2, 3, 4, 5, 6]
    assert [version for version, _ in audited(kit.path)] == [1, 2, 3, 4, 5, 6]


async def test_nobody_hears_of_a_change_before_it_is_on_disk(kit: Kit) -> None:
    before = await kit.store.transact(creation())
    gate = gate_writes(kit)
    (task,) = await queued(kit, change(status="ERROR"))
    await gate.entered.wait()
    assert not task.done()
    assert kit.told == [("inv-1", 1)]
    assert kit.store.cached("inv-1") is await kit.store.state("inv-1") is before
    assert written(kit.path) == {"inv-1": 1}
    gate.open()
    record = await task
    assert (kit.store.cached("inv-1"), kit.told[-1]) == (record, ("inv-1", 2))
    assert written(kit.path) == {"inv-1": 2}


async def test_whoever_is_told_of_a_commit_finds_it_in_memory_and_on_disk(open_store: OpenStore, engine: str) -> None:
    kit = await open_store()
    found: list[tuple[Any, ...]] = []

    def hear(event: StateEvent) -> None:
        found.append((event.record, kit.store.cached(event.investigation_id), written(kit.path)))

    kit.audience.hears = hear
    record = await kit.store.transact(creation())
    assert found == [(record, record, {"inv-1": 1})]


async def test_a_use_case_sees_what_earlier_ones_of_its_batch_wrote(kit: Kit) -> None:
    gate = gate_writes(kit)
    blocker = await queued(kit, creation("other"))
    await gate.entered.wait()
    tasks = await queued(
        kit, change(), creation(), creation(), change(status="ERROR"), deletion(), deletion(), creation()
    )
    gate.open()
    await asyncio.gather(*blocker)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [outcome.version if isinstance(outcome, StateRecord) else type(outcome) for outcome in outcomes] == [
        NotFoundError,
        1,
        StateExistsError,
        2,
        2,
        NotFoundError,
        4,
    ]
    assert (written(kit.path)["inv-1"], gate.calls) == (4, 2)


async def test_a_refusal_that_rests_on_a_write_is_told_after_the_commit(kit: Kit) -> None:
    gate = gate_writes(kit)
    made, refused = await queued(kit, creation(), creation())
    await gate.entered.wait()
    assert not refused.done()
    gate.open()
    await made
    with pytest.raises(StateExistsError):
        await refused


async def _poisoned(transaction: Transaction) -> None:
    transaction.append(entry("nobody-has-this", action_type="X"))


async def _unbindable(transaction: Transaction) -> None:
    transaction.append(entry("other", source=object()))


async def _refused_by_the_database(transaction: Transaction) -> None:
    transaction.append(entry("other", source="CARRIER_PIGEON"))


async def _buggy(transaction: Transaction) -> None:
    raise LookupError("a bug")


@pytest.mark.parametrize("poison", [_poisoned, _unbindable, _refused_by_the_database, _buggy])
async def test_one_use_case_that_fails_does_not_take_the_others_with_it(kit: Kit, poison: Any) -> None:
    gate = gate_writes(kit)
    blocker = await queued(kit, creation("other"))
    await gate.entered.wait()
    tasks = await queued(kit, creation("a"), poison, creation("b"), change("other", status="ERROR"))
    gate.open()
    outcomes = await asyncio.gather(*blocker, *tasks, return_exceptions=True)
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, False, True, False, False]
    assert written(kit.path) == {"a": 1, "b": 1, "other": 2}
    assert audited(kit.path, "other") == [(1, "STATE_CREATED"), (2, "STATE_CHANGE")]
    assert sorted(kit.told, key=str) == [("a", 1), ("b", 1), ("other", 1), ("other", 2)]


async def test_a_commit_that_the_database_refuses_is_told_to_all_and_writes_nothing(kit: Kit) -> None:
    await kit.store.transact(creation("other"))

    async def full(*_: Any) -> None:
        raise StorageUnavailableError("the disk is full")

    with kit.engine.instead(commit=full):
        outcomes = await asyncio.gather(
            *await queued(kit, creation(), change("other", status="ERROR")), return_exceptions=True
        )
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailableError] * 2
    assert (written(kit.path), kit.told) == ({"other": 1}, [("other", 1)])
    assert (await kit.store.transact(change("other", status="ERROR"))).version == 2


async def test_whoever_goes_away_before_the_turn_changes_nothing(kit: Kit) -> None:
    gate = gate_writes(kit)
    first = await queued(kit, creation("first"))
    await gate.entered.wait()
    gone, kept = await queued(kit, creation("gone"), creation("kept"))
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    gate.open()
    await asyncio.gather(*first, kept)
    assert written(kit.path) == {"first": 1, "kept": 1}


async def test_whoever_goes_away_during_the_commit_has_changed_the_state(kit: Kit) -> None:
    gate = gate_writes(kit)
    gone, other = await queued(kit, creation("gone"), creation("other"))
    await gate.entered.wait()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    gate.open()
    await other
    assert written(kit.path) == {"gone": 1, "other": 1}
    assert kit.told == [("gone", 1), ("other", 1)]


async def test_closing_commits_the_queue_and_refuses_what_comes_later(open_store: OpenStore) -> None:
    kit = await open_store()
    gate = gate_writes(kit)
    tasks = await queued(kit, creation("a"), creation("b"))
    await gate.entered.wait()
    tasks += await queued(kit, creation("c"))
    closing = asyncio.create_task(kit.store.close())
    await asyncio.sleep(0)
    with pytest.raises(StorageUnavailableError, match="shutting down"):
        await kit.store.transact(creation("late"))
    gate.open()
    await closing
    await asyncio.gather(*tasks)
    assert written(kit.path) == {"a": 1, "b": 1, "c": 1}


async def test_a_listener_that_breaks_does_not_break_the_commit(kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: StateEvent) -> None:
        raise LookupError(event.investigation_id)

    kit.audience.hears = broken
    assert (await kit.store.transact(creation())).version == 1
    assert (await kit.store.transact(change(status="ERROR"))).version == 2
    assert written(kit.path) == {"inv-1": 2}
    assert caplog.records
