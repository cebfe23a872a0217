"""What row locks give a batch: what it rests on cannot change, and a row that somebody holds blocks only itself."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.store.conftest import Kit, OpenStore
from tests.store.steps import INSTANT, by_hand, change, creation, rows, written
from wizard_server.errors import SchemaError
from wizard_server.storage.engine import BusyError, Keys, StaleError, Stored, Write

pytestmark = pytest.mark.needs("row locks")

HEARD = "2026-01-01T12:00:05.000Z"


def revival(*investigation_ids: str, version: int = 1) -> list[Write]:
    """A commit that changes states and takes a place, and that can be made without a use case."""
    signs = [{"investigation_id": each, "version": version, "heard_at": HEARD} for each in investigation_ids]
    return [Write("states.revive", signs)]


def states(*investigation_ids: str) -> Keys:
    return Keys(frozenset(investigation_ids))


@contextmanager
def held(kit: Kit, *investigation_ids: str) -> Iterator[None]:
    """Hold rows as an operator does who has forgotten to commit."""
    with psycopg.connect(kit.path) as operator:
        operator.execute(
            "SELECT 1 FROM investigation_states WHERE investigation_id = ANY (%s) FOR UPDATE", [[*investigation_ids]]
        )
        yield


async def made(kit: Kit, *investigation_ids: str) -> None:
    for each in investigation_ids:
        await kit.store.transact(creation(each))


def heard(kit: Kit) -> list[str]:
    statement = "SELECT investigation_id FROM investigation_states WHERE heard_at IS NOT NULL ORDER BY 1"
    return [row[0] for row in rows(kit.path, statement)]


async def test_a_batch_is_told_which_versions_its_states_have_and_nobody_changes_them_until_it_ends(kit: Kit) -> None:
    await made(kit, "a", "b")
    locked = await kit.engine.begin(states("b", "a", "absent"), None)
    entries = rows(kit.path, "SELECT investigation_id, last_entry FROM investigation_states")
    assert locked.states == {key: Stored(1, entry) for key, entry in entries}
    assert locked.held == Keys()
    with psycopg.connect(kit.path, autocommit=True) as operator:
        operator.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            operator.execute("UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = 'a'")
        place = await kit.engine.commit(revival("a", "b"), locked)
        operator.execute("UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = 'a'")
    assert heard(kit) == ["a", "b"]
    assert rows(kit.path, "SELECT change_seq FROM investigations ORDER BY id") == [(place,), (place,)]


async def test_what_was_locked_is_free_after_a_release(kit: Kit) -> None:
    await made(kit, "a")
    await kit.engine.begin(states("a"), None)
    await kit.engine.release()
    by_hand(kit.path, "UPDATE investigation_states SET status = 'ERROR'")
    assert written(kit.path) == {"a": 2}


async def test_a_row_that_an_operator_holds_is_left_out_and_the_others_are_locked(kit: Kit) -> None:
    await made(kit, "a", "b", "c")
    with held(kit, "b"):
        locked = await kit.engine.begin(states("a", "b", "c", "absent"), None)
        assert (sorted(locked.states or ()), locked.held) == (["a", "c"], states("b"))
        await kit.engine.commit(revival("a", "c"), locked)
    assert heard(kit) == ["a", "c"]


async def test_who_waits_for_a_held_row_goes_on_when_it_is_free(kit: Kit) -> None:
    await made(kit, "a", "b")
    with held(kit, "b"):
        waiting = asyncio.create_task(kit.engine.until_free(states("b")))
        await kit.engine.commit(revival("a"), await kit.engine.begin(states("a"), None))
        assert not waiting.done()
    assert await waiting == states("b")


async def test_who_needs_a_row_that_is_free_again_does_not_wait_for_the_others(kit: Kit) -> None:
    await made(kit, "a", "b")
    with held(kit, "b"):
        with held(kit, "a"):
            waiting = [asyncio.create_task(kit.store.transact(change(each, status="ERROR"))) for each in ("a", "b")]
            await asyncio.wait(waiting, timeout=0.2)
        assert (await waiting[0]).version == 2
        assert not waiting[1].done()
    assert (await waiting[1]).version == 2


async def test_a_row_that_stays_held_is_given_up_in_time(open_store: OpenStore) -> None:
    await made(await open_store(), "a")
    kit = await open_store(busy_timeout=0.1)
    with held(kit, "a"), pytest.raises(BusyError):
        await kit.engine.until_free(states("a"))


async def test_a_step_that_meets_too_few_rows_undoes_all_of_its_commit(kit: Kit) -> None:
    await made(kit, "a")
    with pytest.raises(StaleError, match=r"^states\.revive met 1 of 2 rows$"):
        await kit.engine.commit(revival("a", "absent"))
    assert heard(kit) == []


async def test_two_servers_that_write_at_once_give_every_change_a_place_of_its_own(open_store: OpenStore) -> None:
    one, two = await open_store(), await open_store()
    numbers = range(20)
    await asyncio.gather(
        *(one.store.transact(creation(f"one-{number}")) for number in numbers),
        *(two.store.transact(creation(f"two-{number}")) for number in numbers),
    )
    places = rows(one.path, "SELECT change_seq, count(DISTINCT left(id, 3)) FROM investigations GROUP BY 1 ORDER BY 1")
    assert [place for place, _ in places] == list(range(1, len(places) + 1)), "none is left out"
    assert {writers for _, writers in places} == {1}, "none is given twice"


async def test_a_trail_that_is_switched_otherwise_is_refused(kit: Kit, open_store: OpenStore) -> None:
    with pytest.raises(SchemaError, match="audit_logging is off, but the trail is switched on"):
        await open_store(audit=False)


async def test_another_history_that_came_to_the_same_version_at_the_same_instant_is_not_mixed_in(kit: Kit) -> None:
    """As after the promotion of a standby that lacked what was acknowledged; the feed has not looked yet."""
    await made(kit, "a")
    await kit.store.transact(change("a", status="ERROR"))
    with psycopg.connect(kit.path, autocommit=True, options="-c session_replication_role=replica") as operator:
        operator.execute(
            "UPDATE investigation_states SET status = 'IN_PROGRESS', wizard_step = 'PROGRESS', last_entry = 'theirs'"
        )
    known = kit.store.cached("a")
    assert (known.version, known.updated_at, known.status) == (2, INSTANT, "ERROR") if known else False
    record = await kit.store.transact(change("a", settings=None))
    assert (record.version, record.wizard_step, record.status) == (3, "PROGRESS", "IN_PROGRESS")
