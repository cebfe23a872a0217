"""The order of all changes: every commit takes a place, and its event says which."""

import asyncio

from tests.store.conftest import Kit
from tests.store.steps import Gate, change, creation, deletion
from tests.store.test_active import EVERYBODY


async def test_every_commit_takes_a_higher_place_and_its_event_names_it(kit: Kit) -> None:
    await kit.store.transact(creation("a"))
    await kit.store.transact(change("a", status="ERROR"))
    await kit.store.transact(deletion("a"))
    await kit.store.transact(creation("a"))
    places = [event.sequence for event in kit.events]
    assert places == sorted(set(places))
    newest = await kit.store.active_since(EVERYBODY, places[-1] - 1)
    assert ([row["investigation_id"] for row in newest.rows], newest.cursor) == (["a"], places[-1])
    assert (await kit.store.active_since(EVERYBODY, places[-1])).rows == []


async def test_all_of_a_commit_lies_up_to_the_place_that_its_events_name(kit: Kit) -> None:
    for name in ("a", "b", "c"):
        await kit.store.transact(creation(name))
    gate = Gate(kit.engine.commit)
    kit.engine.commit = gate
    tasks = [asyncio.create_task(kit.store.transact(change("a", status="ERROR")))]
    await gate.entered.wait()
    told = len(kit.events)
    use_cases = (change("a", status="IN_PROGRESS"), deletion("b"), deletion("c"), creation("d"))
    tasks += [asyncio.create_task(kit.store.transact(use_case)) for use_case in use_cases]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(*tasks)
    [first, *others] = kit.events[told:]
    assert {event.investigation_id for event in others} == {"a", "b", "c", "d"}
    [place] = {event.sequence for event in others}
    found = await kit.store.active_since(EVERYBODY, first.sequence)
    assert {row["investigation_id"] for row in found.rows} == {"a", "d"}
    assert (sorted(found.removed), found.cursor) == (["b", "c"], place)
    assert (await kit.store.active_since(EVERYBODY, place)).rows == []


async def test_an_event_names_the_owner_of_what_is_there_and_of_what_went(kit: Kit) -> None:
    await kit.store.transact(creation("a", user_id="eve"))
    await kit.store.transact(deletion("a"))
    assert [(event.owner, event.record is None) for event in kit.events] == [("eve", False), ("eve", True)]


async def test_the_entries_of_an_event_are_those_of_its_commit_in_order(kit: Kit) -> None:
    await kit.store.transact(creation("a"))
    gate = Gate(kit.engine.commit)
    kit.engine.commit = gate
    tasks = [asyncio.create_task(kit.store.transact(change("a", status="ERROR")))]
    await gate.entered.wait()
    tasks += [
        asyncio.create_task(kit.store.transact(change("a", status=status))) for status in ("IN_PROGRESS", "CANCELLED")
    ]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(*tasks)
    assert [[entry.version for entry in event.entries] for event in kit.events] == [[1], [2], [3, 4]]
