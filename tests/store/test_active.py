"""What dashboards ask of the store: pages, what changed since a place in the order, what fell silent."""

import asyncio
from typing import Any

import pytest

from tests.store.conftest import Kit
from tests.store.steps import by_hand, change, creation, deletion
from wizard_server.domain.filters import ActiveFilter

EVERYBODY = ActiveFilter(user_id=None, status=(), wizard_step=(), limit=100, offset=0)
FOREVER = "9999-12-31T23:59:59.999Z"
# How many of a kind are told at once.
MOST = 2000


def wanted(**overrides: Any) -> ActiveFilter:
    values = {"user_id": "dev", "status": None, "wizard_step": None, "limit": 100, "offset": 0, **overrides}
    return ActiveFilter(**values)


def many(count: int) -> tuple[str, str]:
    """Return statements that make states ``many-1`` and so on."""
    numbers = f"WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})"
    return (
        f"{numbers} INSERT INTO investigations (id) SELECT 'many-' || n FROM numbers",
        "INSERT INTO investigation_states (investigation_id, user_id, wizard_step, status)"
        " SELECT id, 'dev', 'SETTINGS', 'IN_PROGRESS' FROM investigations WHERE id LIKE 'many-%'",
    )


def ids(rows: Any) -> list[str]:
    return [row["investigation_id"] for row in rows]


def at(second: int) -> str:
    return f"2026-01-01T12:00:{second:02}.000Z"


async def test_a_page_shows_the_last_changed_first(kit: Kit) -> None:
    for number in range(3):
        await kit.store.transact(creation(f"inv-{number}", at=at(number)))
    await kit.store.transact(change("inv-0", at=at(9), status="ERROR"))
    page = await kit.store.active(wanted(limit=2))
    assert (ids(page.rows), page.total, page.removed) == (["inv-0", "inv-2"], 3, [])
    assert ids((await kit.store.active(wanted(limit=2, offset=2))).rows) == ["inv-1"]


async def test_the_place_of_a_page_leaves_nothing_out(kit: Kit) -> None:
    await kit.store.transact(creation("a"))
    page = await kit.store.active(wanted())
    assert ids((await kit.store.active_since(wanted(), page.cursor)).rows) == []
    await kit.store.transact(creation("b"))
    assert ids((await kit.store.active_since(wanted(), page.cursor)).rows) == ["b"]


async def test_changes_come_in_their_order_whatever_the_filter(kit: Kit) -> None:
    for name in ("a", "b", "c"):
        await kit.store.transact(creation(name))
    await kit.store.transact(change("a", status="ERROR"))
    found = await kit.store.active_since(wanted(status=("COMPLETED",)), 0)
    assert ids(found.rows) == ["b", "c", "a"]


async def test_a_deletion_is_removed_until_it_is_created_anew(kit: Kit) -> None:
    await kit.store.transact(creation("a"))
    place = (await kit.store.active(wanted())).cursor
    await kit.store.transact(deletion("a"))
    found = await kit.store.active_since(wanted(), place)
    assert (ids(found.rows), found.removed) == ([], ["a"])
    await kit.store.transact(creation("a"))
    again = await kit.store.active_since(wanted(), place)
    assert (ids(again.rows), again.removed) == (["a"], [])
    assert again.cursor > found.cursor > place


@pytest.mark.parametrize("scope", [wanted(), EVERYBODY])
async def test_a_user_is_told_of_their_own_and_everybody_of_all(kit: Kit, scope: ActiveFilter) -> None:
    await kit.store.transact(creation("mine"))
    await kit.store.transact(creation("yours", user_id="eve"))
    await kit.store.transact(creation("gone", user_id="eve"))
    await kit.store.transact(deletion("gone"))
    found = await kit.store.active_since(scope, 0)
    everything = scope.user_id is None
    assert ids(found.rows) == (["mine", "yours"] if everything else ["mine"])
    assert found.removed == (["gone"] if everything else [])
    assert ids((await kit.store.active(scope)).rows) == (["mine", "yours"] if everything else ["mine"])


@pytest.mark.parametrize("most", [1, 2, 3])
async def test_an_answer_that_is_cut_goes_on_where_it_ended(kit: Kit, most: int) -> None:
    for number in range(4):
        await kit.store.transact(creation(f"old-{number}"))
    place = (await kit.store.active(wanted())).cursor
    for number in range(4):
        await kit.store.transact(deletion(f"old-{number}"))
        await kit.store.transact(creation(f"new-{number}"))
    rows: list[str] = []
    removed: list[str] = []
    for _ in range(10):
        found = await kit.store.active_since(wanted(limit=most), place)
        assert len(found.rows) <= most
        rows += ids(found.rows)
        removed += found.removed
        place = found.cursor
    assert rows == [f"new-{number}" for number in range(4)]
    assert removed == [f"old-{number}" for number in range(4)]


async def test_an_answer_of_too_many_that_are_gone_goes_on_where_it_ended(kit: Kit) -> None:
    by_hand(kit.path, *many(MOST + 100))
    await kit.noticed()
    place = (await kit.store.active(wanted())).cursor
    by_hand(kit.path, "DELETE FROM investigation_states")
    await kit.noticed()
    await kit.store.transact(creation("a"))
    first = await kit.store.active_since(wanted(), place)
    rest = await kit.store.active_since(wanted(), first.cursor)
    assert (first.has_more, rest.has_more, ids(rest.rows)) == (True, False, ["a"])
    assert sorted([*first.removed, *rest.removed]) == sorted(f"many-{number}" for number in range(1, MOST + 101))


async def test_edits_by_hand_take_places_of_their_own(kit: Kit) -> None:
    for name in ("a", "b", "c"):
        await kit.store.transact(creation(name))
    place = (await kit.store.active(wanted())).cursor
    by_hand(
        kit.path,
        "UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = 'a'",
        "DELETE FROM investigation_states WHERE investigation_id = 'b'",
        "INSERT INTO investigations (id) VALUES ('d')",
        "INSERT INTO investigation_states (investigation_id, user_id, wizard_step, status)"
        " VALUES ('d', 'dev', 'SETTINGS', 'IN_PROGRESS')",
    )
    await kit.noticed()
    found = await kit.store.active_since(wanted(), place)
    assert (ids(found.rows), found.removed) == (["a", "d"], ["b"])
    await kit.store.transact(change("c", status="ERROR"))
    assert ids((await kit.store.active_since(wanted(), found.cursor)).rows) == ["c"]


async def test_the_newly_stalled_are_those_that_run_and_reported_within_the_bounds(kit: Kit) -> None:
    for second, name in enumerate(("a", "b", "c")):
        await kit.store.transact(creation(name, at=at(second), wizard_step="PROGRESS"))
    await kit.store.transact(creation("settings", at=at(1)))
    await kit.store.transact(creation("ended", at=at(1), wizard_step="PROGRESS", status="ERROR"))

    async def stalled(after: str, until: str, limit: int = 10) -> list[str]:
        return ids(await kit.store.newly_stalled(wanted(), after=after, until=until, limit=limit))

    assert await stalled(at(0), at(2)) == ["b", "c"]
    assert await stalled(at(0), at(1)) == ["b"]
    assert await stalled("2000-01-01T00:00:00.000Z", FOREVER) == ["a", "b", "c"]
    assert await stalled(at(0), FOREVER, limit=1) == ["b"]
    assert await kit.store.oldest_report(wanted(), at(0)) == at(1)
    assert await kit.store.oldest_report(wanted(), at(2)) is None
    assert await stalled(at(2), FOREVER) == []


@pytest.mark.parametrize("statement", ["active.count_user", "active.removed_user"])
async def test_others_run_while_the_rows_of_a_page_are_decoded(kit: Kit, statement: str) -> None:
    by_hand(kit.path, *many(MOST))
    await kit.noticed()
    turns = decoding_begins = 0
    stop = asyncio.Event()

    async def take_turns() -> None:
        nonlocal turns
        while not stop.is_set():
            turns += 1
            await asyncio.sleep(0)

    async def noting(*asked: Any) -> Any:
        nonlocal decoding_begins
        found = await kit.engine.ask(*asked)
        decoding_begins = turns
        return found

    kit.engine.statements[statement] = noting
    others = asyncio.create_task(take_turns())
    page = wanted(limit=MOST)
    try:
        found = await (kit.store.active(page) if statement == "active.count_user" else kit.store.active_since(page, 0))
        turns_taken = turns - decoding_begins
    finally:
        stop.set()
        await others
    assert turns_taken >= 2, "more than once"
    assert len(found.rows) >= MOST - 1
