"""Every write is answered by its deadline, whatever another process does with the lock."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from time import perf_counter
from typing import Any

import pytest

from tests.store.conftest import Kit, OpenStore
from tests.store.steps import Gate, UseCase, by_hand, change, creation, entry, written
from wizard_server.domain.ports import Transaction
from wizard_server.errors import StorageUnavailableError

pytestmark = pytest.mark.needs("files")

PATIENCE = 0.5
SLACK = 3
ALL_WAIT = 20


@pytest.fixture
async def kit(open_store: OpenStore) -> Kit:
    """A store that waits less than usual."""
    return await open_store(busy_timeout=PATIENCE)


@pytest.fixture
def rival(kit: Kit) -> Iterator[sqlite3.Connection]:
    """Another process that may commit and lock."""
    with closing(sqlite3.connect(kit.path, isolation_level=None, check_same_thread=False)) as connection:
        yield connection


def submit(kit: Kit, *use_cases: UseCase) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(kit.store.transact(use_case)) for use_case in use_cases]


async def together(kit: Kit, *use_cases: Any) -> list[asyncio.Task[Any]]:
    """Submit `use_cases` so that one batch takes them all: they queue behind a commit that has begun."""
    gate = Gate(kit.engine.commit)
    with kit.engine.instead(commit=gate):
        (blocker,) = submit(kit, creation("blocker"))
        await gate.entered.wait()
    tasks = submit(kit, *use_cases)
    await asyncio.sleep(0)
    gate.open()
    await blocker
    return tasks


def after_each_try(kit: Kit, act: Callable[[], None]) -> None:
    """Have `act` called after each try to commit that has met the lock, and been waited for a tenth of a second."""
    commit = kit.engine.commit

    async def trying(writes: Any, locked: Any, may_wait: Callable[[], bool]) -> int:
        def told() -> bool:
            act()
            return may_wait()

        return await commit(writes, locked, told)

    kit.engine.commit = trying


async def _unknown_parent(transaction: Transaction) -> None:
    transaction.append(entry("nobody-has-this", action_type="X"))


async def test_writes_are_refused_in_time_while_another_process_commits_and_locks_in_turns(
    kit: Kit, rival: sqlite3.Connection
) -> None:
    write, turns = kit.engine.commit, iter(range(2))

    async def after_the_rival(*arguments: Any) -> int:
        turn = next(turns, None)
        if turn == 0:
            by_hand(kit.path, "INSERT INTO investigations (id) VALUES ('of-the-rival')")
        elif turn == 1:
            rival.execute("BEGIN IMMEDIATE")
        return await write(*arguments)

    tasks = await together(kit, *(creation(f"inv-{number}") for number in range(ALL_WAIT)))
    kit.engine.commit = after_the_rival
    begun = perf_counter()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert perf_counter() - begun < SLACK * PATIENCE
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailableError] * ALL_WAIT
    assert next(turns, None) is None
    rival.execute("COMMIT")
    assert (await kit.store.transact(creation("later"))).version == 1
    assert written(kit.path) == {"blocker": 1, "later": 1}


async def test_a_lock_that_is_given_back_in_time_costs_nobody_the_change(kit: Kit, rival: sqlite3.Connection) -> None:
    tries = 0

    def give_back() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            rival.execute("COMMIT")

    tasks = await together(kit, creation("a"), creation("b"))
    rival.execute("BEGIN IMMEDIATE")
    after_each_try(kit, give_back)
    assert [(await task).version for task in tasks] == [1, 1]
    assert tries >= 1


async def test_each_is_told_before_the_next_one_has_its_turn(kit: Kit) -> None:
    write, gate, calls = kit.engine.commit, asyncio.Event(), 0
    reached = asyncio.Event()

    async def holding_the_fourth(*arguments: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 4:
            reached.set()
            await gate.wait()
        return await write(*arguments)

    first, poison, last = await together(kit, creation("first"), _unknown_parent, creation("last"))
    kit.engine.commit = holding_the_fourth
    await asyncio.wait_for(reached.wait(), SLACK)
    assert (first.done(), poison.done(), last.done()) == (True, True, False)
    gate.set()
    assert (first.result().version, (await last).version) == (1, 1)
    assert isinstance(poison.exception(), StorageUnavailableError)


async def test_one_whose_turn_does_not_come_in_time_is_refused_and_not_tried(kit: Kit) -> None:
    gate, runs = Gate(kit.engine.commit), 0

    async def counted(transaction: Transaction) -> None:
        nonlocal runs
        runs += 1
        await creation("late")(transaction)

    kit.engine.commit = gate
    (slow,) = submit(kit, creation("slow"))
    await gate.entered.wait()
    with pytest.raises(StorageUnavailableError, match=r"within 0\.5 s; nothing was written"):
        await kit.store.transact(counted)
    assert not slow.done(), "what is being written is told when it is known"
    gate.open()
    assert (await slow).version == 1
    assert (await kit.store.transact(creation("next"))).version == 1
    assert (runs, written(kit.path)) == (0, {"slow": 1, "next": 1})


async def test_one_that_is_refused_while_it_runs_writes_nothing_afterwards(kit: Kit) -> None:
    going_on = asyncio.Event()

    async def slow(transaction: Transaction) -> None:
        await going_on.wait()
        await creation("slow")(transaction)

    refused, made = await together(kit, slow, creation("made"))
    with pytest.raises(StorageUnavailableError):
        await refused
    with pytest.raises(StorageUnavailableError):
        await made
    (next_one,) = submit(kit, creation("next"))
    going_on.set()
    assert (await next_one).version == 1
    assert written(kit.path) == {"blocker": 1, "next": 1}


async def test_the_late_are_refused_and_the_others_go_on_waiting(open_store: OpenStore) -> None:
    """The patient one comes after the early one has met the lock for a while."""
    kit = await open_store(busy_timeout=3 * PATIENCE)
    await kit.store.transact(creation())
    rival = sqlite3.connect(kit.path, isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    tried, tries = asyncio.Event(), iter(range(3))
    after_each_try(kit, lambda: None if next(tries, None) is not None else tried.set())
    (early,) = submit(kit, creation("early"))
    await asyncio.wait_for(tried.wait(), SLACK * PATIENCE)
    (patient,) = submit(kit, change(status="ERROR"))
    with pytest.raises(StorageUnavailableError, match="locked"):
        await early
    assert not patient.done()
    rival.close()
    assert (await patient).version == 2
    assert written(kit.path) == {"inv-1": 2}
