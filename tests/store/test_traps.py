"""Traps of databases, into each of which one engine or another leads: the answers are the same on every engine."""

import asyncio
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from tests.store.conftest import Kit, OpenStore
from tests.store.steps import Gate, change, creation
from tests.store.test_lists import EVERYTHING, at, listed, named
from tests.store.test_pages_beside_writers import shown
from wizard_server.storage.engine import Write

# More than the packets of some engines hold where nobody has said otherwise.
LARGE = 17 << 20
HANGS_AFTER_SECONDS = 30.0
# In the order of Python's str.casefold() and code points, which no locale has.
SIGMAS = "\u03a3\u0391\u03a3"
NAMES = ["STRASSE 1", "straße 2", "Strasse 3", "ÄRGER 1", "ärger 2", "Ärger 3", f"{SIGMAS} 1", f"{SIGMAS.lower()} 2"]


async def test_what_commits_behind_a_look_is_read_by_the_next(open_store: OpenStore) -> None:
    """Moved on to the newest place that there is, instead of the newest that was read, it would never be."""
    reading, writing = await open_store(), await open_store()
    for key in ("a", "b"):
        await writing.store.transact(creation(key))
    await reading.noticed()
    for key in ("a", "b"):
        assert await reading.store.state(key)
    look = Gate(reading.engine.ask, after=True)
    reading.engine.statements["changes.after"] = look
    await writing.store.transact(change("a", status="ERROR"))
    looking = asyncio.create_task(reading.store.notice_external_commits())
    await look.entered.wait()  # what has changed is read
    await writing.store.transact(change("b", status="ERROR"))
    look.open()
    await looking
    assert await reading.noticed()
    for key in ("a", "b"):
        found = await reading.store.state(key)
        assert found is not None
        assert (found.version, found.status) == (2, "ERROR")


@pytest.mark.parametrize(("one", "other"), [("Inv-1", "inv-1"), ("inv_1", "inv-1"), ("1", "01")])
async def test_ids_are_compared_to_the_letter(kit: Kit, one: str, other: str) -> None:
    for key in (one, other):
        await kit.store.transact(creation(key))
    await kit.store.transact(change(one, status="ERROR"))
    for key, version, status in ((one, 2, "ERROR"), (other, 1, "IN_PROGRESS")):
        kit.store.forget(key)
        found = await kit.store.state(key)
        assert found is not None
        assert (found.investigation_id, found.version, found.status) == (key, version, status)


@pytest.mark.parametrize("other", ["ANN", "ann ", "an", "änn"])
async def test_users_are_compared_to_the_letter_and_the_space(kit: Kit, other: str) -> None:
    for key, user in (("a", "ann"), ("b", other)):
        await kit.store.transact(creation(key, user_id=user))
    assert await listed(kit, user_id="ann") == "a"
    assert await listed(kit, user_id=other) == "b"


async def test_a_row_that_is_given_what_it_has_is_met(kit: Kit) -> None:
    """Where changed rows are counted and not those that were met, this would look like a lost update."""
    await kit.store.transact(creation("a"))
    sign = Write("states.revive", [{"investigation_id": "a", "version": 1, "heard_at": at(1)}])
    for _ in range(2):
        await kit.engine.commit([sign])


async def test_a_document_may_be_larger_than_packets_are(kit: Kit) -> None:
    progress = {"logs": ["x" * LARGE]}
    await kit.store.transact(creation("a", wizard_step="PROGRESS", progress=progress))
    kit.store.forget("a")
    found = await kit.store.state("a")
    assert found is not None
    assert found.document()["progress"] == progress


@pytest.fixture
async def streets(open_store: OpenStore) -> Kit:
    """States whose names differ by more than ASCII's case."""
    kit = await open_store()
    for number, name in enumerate(NAMES):
        await kit.store.transact(creation(f"inv-{number}", at=at(number), settings=named(name)))
    return kit


def ordered(names: list[str]) -> list[str]:
    return [f"inv-{NAMES.index(name)}" for name in sorted(names, key=str.casefold)]


@pytest.mark.parametrize("sort", ["name", "-name"])
async def test_names_are_sorted_by_casefold(streets: Kit, sort: str) -> None:
    found = ordered(NAMES)
    page = await streets.store.states(replace(EVERYTHING, sort=sort, limit=3))
    assert await shown(streets, replace(EVERYTHING, sort=sort, limit=3), page) == found[:: -1 if sort == "-name" else 1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("strasse", ["STRASSE 1", "straße 2", "Strasse 3"]),
        ("ÄRGER", ["ÄRGER 1", "ärger 2", "Ärger 3"]),
        ("\u03c3\u03b1\u03c3", NAMES[-2:]),
    ],
)
async def test_names_are_found_by_casefold(streets: Kit, text: str, found: list[str]) -> None:
    page = await streets.store.states(replace(EVERYTHING, sort="name", name_contains=text))
    assert [row["investigation_id"] for row in page.items] == ordered(found)


@pytest.mark.parametrize("sort", ["name", "-name"])
async def test_what_is_renamed_between_two_pages_stands_where_its_old_name_stood(streets: Kit, sort: str) -> None:
    wanted = replace(EVERYTHING, sort=sort, limit=1)
    first = await streets.store.states(wanted)
    for number in range(len(NAMES)):
        for name in ("M", "M again"):
            await streets.store.transact(change(f"inv-{number}", at=at(30), settings=named(f"{name} {number}")))
    assert await shown(streets, wanted, first) == ordered(NAMES)[:: -1 if sort == "-name" else 1]


@pytest.mark.needs("row locks")
async def test_a_read_that_is_cancelled_leaves_no_answer_to_the_next(open_store: OpenStore) -> None:
    """Nor does it leave a connection of which there is but one that cannot be asked any more."""
    kit = await open_store(pool_size=1, max_overflow=0)
    for user in ("ann", "bob"):
        await kit.store.transact(creation(user, user_id=user))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with await psycopg.AsyncConnection.connect(kit.path, autocommit=True) as session:
        for _ in range(3):
            async with session.transaction():
                await session.execute("LOCK TABLE investigation_states IN ACCESS EXCLUSIVE MODE")
                reading = asyncio.create_task(kit.store.states(replace(EVERYTHING, user_id="ann")))
                async with asyncio.timeout(HANGS_AFTER_SECONDS):
                    while await (await session.execute(waiting)).fetchone() != (1,):
                        pass
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
            found: Any = await kit.store.states(replace(EVERYTHING, user_id="bob"))
            assert [row["investigation_id"] for row in found.items] == ["bob"]
