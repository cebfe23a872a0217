"""What a store counts of how it follows others on its database, for ``/metrics``."""

import asyncio

import pytest

from tests.store.conftest import OpenStore
from tests.store.steps import change, creation, rows
from wizard_server.errors import StorageUnavailableError, UnknownOutcomeError
from wizard_server.storage.engine import Keys


async def test_looks_are_counted_by_what_asked_for_them_and_lead_to_a_place(open_store: OpenStore) -> None:
    one, two = await open_store(), await open_store()
    await one.store.transact(creation())
    asked, looks = two.store.counts.looks_asked["request"], two.store.counts.looks
    await asyncio.gather(*(two.store.caught_up() for _ in range(10)))
    assert two.store.counts.looks_asked["request"] == asked + 10
    assert looks < two.store.counts.looks < looks + 10
    assert two.store.counts.position == one.store.counts.position > 0


@pytest.mark.needs("row locks")
async def test_rows_that_somebody_holds_are_counted_and_connections_of_the_feed(open_store: OpenStore) -> None:
    holder, kit = await open_store(), await open_store()
    await kit.store.transact(creation())
    await holder.engine.begin(Keys(frozenset({"inv-1"})), None)
    changing = asyncio.create_task(kit.store.transact(change(status="ERROR")))
    await kit.store.transact(creation("inv-2"))
    while not kit.store.counts.set_aside:
        await kit.store.transact(change("inv-2"))
    await holder.engine.release()
    await changing
    assert (kit.store.counts.set_aside, kit.store.counts.feed_connections) == (1, 1)
    assert rows(kit.path, "SELECT status FROM investigation_states WHERE investigation_id = 'inv-1'") == [("ERROR",)]


async def test_commits_of_which_nobody_knows_are_counted(open_store: OpenStore) -> None:
    kit = await open_store()

    async def lost(*_: object) -> int:
        raise UnknownOutcomeError("the connection was lost")

    kit.engine.commit = lost
    with pytest.raises(StorageUnavailableError):
        await kit.store.transact(creation())
    assert kit.store.counts.unknown_outcomes == 1
