"""What the store keeps in memory: bounded, read once, and never older than what is committed."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.records import record
from tests.store.conftest import Kit, OpenStore
from tests.store.steps import Gate, change, creation
from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.cache import StateCache
from wizard_server.storage.engine import Row


async def test_a_load_that_a_commit_overtakes_is_not_kept(kit: Kit) -> None:
    await kit.store.transact(creation())
    writes = Gate(kit.engine.commit)
    kit.engine.commit = writes
    commit = asyncio.create_task(kit.store.transact(change(status="ERROR")))
    await writes.entered.wait()
    kit.store.forget()
    reads = Gate(kit.engine.ask, after=True)
    kit.engine.statements["states.get"] = reads
    load = asyncio.create_task(kit.store.state("inv-1"))
    await reads.entered.wait()
    writes.open()
    newest = await commit
    reads.open()
    old = await load
    assert old is not None
    assert (old.version, newest.version) == (1, 2)
    assert kit.store.cached("inv-1") is await kit.store.state("inv-1") is newest


async def test_a_load_that_a_foreign_commit_overtakes_is_not_kept(kit: Kit) -> None:
    await kit.store.transact(creation())
    kit.store.forget()
    reads = Gate(kit.engine.ask, after=True)
    kit.engine.statements["states.get"] = reads
    load = asyncio.create_task(kit.store.state("inv-1"))
    await reads.entered.wait()
    kit.store.forget()
    reads.open()
    assert await load is not None
    assert kit.store.cached("inv-1") is None


async def test_a_state_is_read_once_for_all_who_ask_at_the_same_time(open_store: OpenStore) -> None:
    await (await open_store()).store.transact(creation())
    kit = await open_store()
    reads = Gate(kit.engine.ask)
    kit.engine.statements["states.get"] = reads
    asking = [asyncio.create_task(kit.store.state("inv-1")) for _ in range(20)]
    await reads.entered.wait()
    asking[0].cancel()
    await asyncio.gather(asking[0], return_exceptions=True)
    reads.open()
    found = await asyncio.gather(*asking[1:])
    assert len({id(state) for state in found}) == 1
    assert (reads.calls, kit.store.cached("inv-1")) == (1, found[0])
    assert await kit.store.state("inv-1") is found[0]
    assert reads.calls == 1


async def test_a_read_that_fails_fails_for_all_who_ask_and_is_tried_again(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await open_store()).store.transact(creation())
    kit = await open_store()

    async def broken(*_: object) -> Sequence[Row]:
        raise StorageUnavailableError("no")

    with monkeypatch.context() as patch:
        patch.setitem(kit.engine.statements, "states.get", broken)
        outcomes = await asyncio.gather(*(kit.store.state("inv-1") for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailableError] * 3
    assert await kit.store.state("inv-1") is not None


async def test_a_reading_of_what_is_in_memory_leaves_it_there(kit: Kit) -> None:
    """Strangers are answered after such a reading, and it takes nothing from the owner."""
    await kit.store.transact(creation())
    known = kit.store.cached("inv-1")
    assert known is not None
    assert await kit.store.loaded("inv-1") == known
    assert kit.store.cached("inv-1") is known


async def test_what_is_not_there_is_asked_for_each_time(kit: Kit) -> None:
    assert await kit.store.state("inv-1") is None
    await kit.store.transact(creation())
    assert await kit.store.state("inv-1") is not None


async def test_memory_is_bounded_and_what_left_is_read_again(open_store: OpenStore) -> None:
    kit = await open_store(cache_max_bytes=10_000)
    made = [await kit.store.transact(creation(f"inv-{number}")) for number in range(20)]
    assert 0 < kit.store.counts.cache.size_bytes <= 10_000
    assert kit.store.cached("inv-0") is None
    assert kit.store.cached("inv-19") is made[19]
    for state in made:
        assert await kit.store.state(state.investigation_id) == state
        assert kit.store.counts.cache.size_bytes <= 10_000
    changed = await kit.store.transact(change("inv-0", status="ERROR"))
    assert (changed.version, await kit.store.state("inv-0")) == (2, changed)


async def test_a_store_without_memory_works(open_store: OpenStore) -> None:
    kit = await open_store(cache_max_bytes=0)
    await kit.store.transact(creation())
    assert (await kit.store.transact(change(status="ERROR"))).version == 2
    assert kit.store.cached("inv-1") is None
    found = await kit.store.state("inv-1")
    assert found is not None
    assert found.version == 2


def test_the_least_recently_used_state_leaves_first() -> None:
    one, two, three = (record(investigation_id=key, opened=b"x" * 1000) for key in ("one", "two", "three"))
    cache = StateCache(6000)
    cache.put(one)
    cache.put(two)
    assert cache.get("one") is one
    cache.put(three)
    assert [cache.get(key) for key in ("one", "two", "three")] == [one, None, three]


def test_the_size_is_what_is_held() -> None:
    cache = StateCache(100_000)
    cache.put(record(1, opened=b"x" * 1000))
    small = cache.size_bytes
    newer = record(2, opened=b"x" * 5000)
    cache.put(newer)
    assert cache.size_bytes == small + 4000
    assert cache.stamps() == {"inv-1": newer.stamp}
    cache.drop("inv-1")
    cache.drop("inv-1")
    assert (cache.size_bytes, cache.stamps()) == (0, {})
    cache.put(record())
    cache.clear()
    assert (cache.size_bytes, cache.get("inv-1")) == (0, None)


def test_a_state_larger_than_the_memory_does_not_drive_the_others_out() -> None:
    cache = StateCache(10_000)
    cache.put(record(investigation_id="small", opened=b"x" * 100))
    cache.put(record(investigation_id="large", opened=b"x" * 20_000))
    assert (cache.get("large"), cache.get("small") is not None) == (None, True)
