"""The feed corrects memory by what others committed after its place, and forgets nothing else."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.store.conftest import Kit, OpenStore
from tests.store.steps import Gate, by_hand, change, creation
from tests.web.helpers import HANGS_AFTER_SECONDS, until
from wizard_server.domain.ports import Transaction
from wizard_server.storage import feed

EDIT = "UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = 'inv-1'"
FLOOR = "DELETE FROM investigations WHERE id = 'other'"
SET_BACK = {
    "sqlite": "UPDATE change_sequence SET value = 0",
    "postgresql": "UPDATE investigations SET change_seq = 0",
}
UNREADABLE = "UPDATE change_sequence SET floor = 'low'"
# One more than the feed reads at a time.
_NUMBERS = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000)"
MANY = (
    f"{_NUMBERS} INSERT INTO investigations (id) SELECT 'new-' || n FROM numbers",
    "INSERT INTO investigation_states (investigation_id, user_id, wizard_step, status)"
    " SELECT id, 'dev', 'SETTINGS', 'IN_PROGRESS' FROM investigations WHERE id LIKE 'new-%'",
)


@pytest.fixture
async def seen(kit: Kit) -> Kit:
    """A store that has inv-1 and inv-2 in memory, at version 1; inv-1 is watched."""
    by_hand(kit.path, "INSERT INTO investigations (id) VALUES ('other')")
    for key in ("inv-1", "inv-2"):
        await kit.store.transact(creation(key))
    await kit.noticed()
    kit.watched.add("inv-1")
    kit.events.clear()
    kit.refreshed.clear()
    return kit


async def test_what_others_changed_is_dropped_and_nothing_else(seen: Kit) -> None:
    kept = seen.store.cached("inv-2")
    by_hand(seen.path, EDIT)
    assert await seen.noticed()
    assert (seen.store.cached("inv-2"), seen.told) == (kept, [("inv-1", 2)])
    assert kept is not None


async def test_only_the_dashboards_of_those_whom_it_concerns_look_again(seen: Kit) -> None:
    by_hand(seen.path, EDIT)
    await seen.noticed()
    assert seen.refreshed == [{"dev"}]


async def test_own_commits_between_others_are_not_read_again(seen: Kit) -> None:
    await seen.store.transact(change("inv-2", status="ERROR"))
    own = seen.store.cached("inv-2")
    by_hand(seen.path, EDIT)
    await seen.noticed()
    assert seen.store.cached("inv-2") is own
    assert seen.told == [("inv-2", 2), ("inv-1", 2)]


async def test_everything_is_forgotten_where_an_investigation_was_removed_whole(seen: Kit) -> None:
    by_hand(seen.path, FLOOR)
    await seen.noticed()
    assert (seen.store.cached("inv-2"), seen.refreshed, seen.told) == (None, [None], [])


@pytest.mark.needs("files")
async def test_everything_is_forgotten_where_the_order_cannot_be_read(seen: Kit) -> None:
    by_hand(seen.path, UNREADABLE, EDIT)
    await seen.noticed()
    assert (seen.store.cached("inv-2"), seen.refreshed, seen.told) == (None, [None], [("inv-1", 2)])


async def test_everything_is_forgotten_where_too_much_has_changed(seen: Kit) -> None:
    by_hand(seen.path, *MANY, EDIT)
    await seen.noticed()
    assert (seen.store.cached("inv-2"), seen.told, seen.refreshed) == (None, [("inv-1", 2)], [None])


async def test_everything_is_forgotten_where_a_backup_was_restored_and_the_feed_goes_on(seen: Kit) -> None:
    by_hand(seen.path, EDIT, SET_BACK[seen.engine.dialect])
    await seen.noticed()
    assert (seen.store.cached("inv-2"), seen.refreshed, seen.told) == (None, [None], [("inv-1", 2)])
    kept = await seen.store.state("inv-2")
    by_hand(seen.path, "UPDATE investigation_states SET status = 'CANCELLED' WHERE investigation_id = 'inv-1'")
    await seen.noticed()
    assert (seen.told[-1], seen.store.cached("inv-2")) == (("inv-1", 3), kept)


async def test_when_agents_were_heard_elsewhere_takes_no_place_and_is_known_all_the_same(
    seen: Kit, open_store: OpenStore
) -> None:
    other = await open_store()

    async def hear(transaction: Transaction) -> None:
        record = await transaction.state("inv-1")
        assert record is not None
        transaction.hear(replace(record, heard_at="2026-01-01T13:00:00.000Z"), revived=False)

    await other.store.transact(hear)
    await other.store.flush_touched()
    kept = seen.store.cached("inv-2")
    await seen.noticed()
    found = await seen.store.state("inv-1")
    assert found is not None
    assert found.heard_at == "2026-01-01T13:00:00.000Z"
    assert seen.store.cached("inv-2") is kept


async def test_catching_up_waits_for_a_look_that_begins_afterwards(seen: Kit, open_store: OpenStore) -> None:
    other = await open_store()
    newest = await other.store.transact(change(status="ERROR"))
    await asyncio.gather(*(seen.store.caught_up() for _ in range(20)))
    assert await seen.store.state("inv-1") == newest


async def test_a_commit_that_the_feed_has_passed_does_not_bring_back_what_it_wrote(
    kit: Kit, open_store: OpenStore
) -> None:
    """Another node writes the next version, and the feed reads both before the first one's answer arrives."""
    kit.engine.is_shared = True
    await kit.store.transact(creation())
    kit.watched.add("inv-1")
    other = await open_store()
    gate = Gate(kit.engine.commit, after=True)
    with kit.engine.instead(commit=gate):
        committing = asyncio.create_task(kit.store.transact(change(status="ERROR")))
        await gate.entered.wait()
    newest = await other.store.transact(change(status="CANCELLED"))
    await kit.store.notice_external_commits()
    gate.open()
    assert (await committing).version == 2
    assert await kit.store.state("inv-1") == newest
    assert [version for _, version in kit.told] == [1, 3]


class Told:
    """A signal that keeps how long each wait may last, and ends it by `hint`."""

    def __init__(self, seconds: float) -> None:
        self.busy_seconds = self.idle_seconds = seconds
        self.asked: list[float] = []
        self._hinted = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        self.asked.append(seconds)
        await self._hinted.wait()
        self._hinted.clear()
        return True

    def hint(self) -> None:
        self._hinted.set()

    def send(self) -> None:
        """Tell nobody."""


@contextmanager
def following(kit: Kit, seconds: float) -> Iterator[Told]:
    """Have the store follow hints, and others so many `seconds` after each other."""
    kit.engine.signal = signal = Told(seconds)
    task = asyncio.create_task(kit.store.follow())
    try:
        yield signal
    finally:
        task.cancel()


@pytest.mark.parametrize(("seconds", "most"), [(10.0, 9.95), (0.04, 0.02)])
async def test_a_wait_is_shorter_by_what_the_round_before_it_took_and_never_by_more_than_half(
    seen: Kit, seconds: float, most: float
) -> None:
    looks = Gate(seen.engine.ask)
    seen.engine.statements["changes.after"] = looks
    by_hand(seen.path, EDIT)
    loop = asyncio.get_running_loop()
    with following(seen, seconds) as signal:
        await until(lambda: len(signal.asked) == 1)
        signal.hint()
        await looks.entered.wait()
        entered = loop.time()
        await until(lambda: loop.time() > entered + 0.05)
        looks.open()
        await until(lambda: len(signal.asked) == 2)
    assert seconds / 2 <= signal.asked[1] <= most


async def test_hints_gather_while_nobody_waits(seen: Kit) -> None:
    seen.watched.clear()
    looks = Gate(seen.engine.ask, is_open=True)
    seen.engine.statements["changes.after"] = looks
    by_hand(seen.path, EDIT)
    loop = asyncio.get_running_loop()
    with following(seen, 10.0) as signal:
        await until(lambda: len(signal.asked) == 1)
        hinted = loop.time()
        signal.hint()
        await looks.entered.wait()
        assert loop.time() - hinted >= 0.1


async def test_whoever_begins_to_wait_ends_the_gathering(seen: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_GLANCES", 1_000_000)
    seen.watched.clear()
    looks = Gate(seen.engine.ask, is_open=True)
    seen.engine.statements["changes.after"] = looks
    by_hand(seen.path, EDIT)
    with following(seen, 10.0) as signal:
        await until(lambda: len(signal.asked) == 1)
        signal.hint()
        await asyncio.sleep(0)
        seen.watched.add("inv-1")
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            await looks.entered.wait()
