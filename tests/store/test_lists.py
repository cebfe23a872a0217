"""What every `Store` lists: states by filter and order, entries newest first, trails within bounds."""

from dataclasses import replace
from typing import Any

import pytest

from tests.store.conftest import Kit
from tests.store.steps import change, creation, deletion, entry
from wizard_server.domain.filters import HistoryFilter, StateFilter
from wizard_server.domain.models.settings import InvestigationSettings
from wizard_server.domain.ports import Transaction

EVERYTHING = StateFilter("dev", (), (), None, None, "-updated_at", 100)
HISTORY = HistoryFilter("inv-1", (), (), None, None, 100)


def named(name: str) -> dict[str, Any]:
    span = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
    entity = {"entity_type": "a", "entity_id": "b"}
    given = {"name": name, "entities": [entity], "time_range": span, "tools": [{"tool_name": "t"}]}
    return InvestigationSettings.model_validate(given).model_dump(mode="json")


def at(minute: int) -> str:
    return f"2026-01-01T12:{minute:02}:00.000Z"


@pytest.fixture
async def filled(kit: Kit) -> Kit:
    """Four states of dev and one of bob: a (oldest) to d (newest), b changed last of all."""
    for use_case in (
        creation("a", at=at(1), settings=named("Zeta ring")),
        creation("b", at=at(2), settings=named("alpha 100%")),
        creation("c", at=at(3), settings=None),
        creation("d", at=at(3), settings=named("Beta_ring")),
        creation("e", at=at(4), user_id="bob"),
        change("d", at=at(5), status="ERROR", wizard_step="PROGRESS"),
        change("b", at=at(6), status="CANCELLED"),
    ):
        await kit.store.transact(use_case)
    return kit


async def listed(kit: Kit, **wanted: Any) -> str:
    found, _, total, _ = await kit.store.states(replace(EVERYTHING, **wanted))
    assert total == len(found)
    return "".join(row["investigation_id"] for row in found)


async def test_a_row_of_the_list_is_the_summary_of_a_state(filled: Kit) -> None:
    found, _, total, _ = await filled.store.states(EVERYTHING)
    assert (total, found[0]) == (
        4,
        {
            "investigation_id": "b",
            "user_id": "dev",
            "name": "alpha 100%",
            "wizard_step": "SETTINGS",
            "status": "CANCELLED",
            "version": 2,
            "created_at": at(2),
            "updated_at": at(6),
            "last_accessed": None,
            "description": None,
            "entity_count": 1,
            "started_at": None,
            "completed_at": None,
            "risk_score": None,
            "heard_at": None,
        },
    )


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("-updated_at", "bdca"),
        ("updated_at", "acdb"),
        ("created_at", "abcd"),
        ("-created_at", "cdba"),
        ("name", "cbda"),
        ("-name", "adbc"),
    ],
)
async def test_the_list_is_sorted_as_asked_and_by_id_among_equals(filled: Kit, sort: str, order: str) -> None:
    assert await listed(filled, sort=sort) == order


@pytest.mark.parametrize("sort", ["-updated_at", "name"])
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"status": ("ERROR",)}, "d"),
        ({"status": ("COMPLETED",)}, ""),
        ({"status": ("ERROR", "CANCELLED", "COMPLETED")}, "bd"),
        ({"wizard_step": ("PROGRESS",)}, "d"),
        ({"wizard_step": ("SETTINGS",), "status": ("IN_PROGRESS",)}, "ac"),
        ({"name_contains": "RING"}, "ad"),
        ({"name_contains": "%"}, "b"),
        ({"name_contains": "_"}, "d"),
        ({"updated_since": at(5)}, "bd"),
        ({"updated_since": at(7)}, ""),
        ({"user_id": "bob"}, "e"),
        ({"user_id": "eve"}, ""),
    ],
)
async def test_the_list_holds_what_the_filter_asks_for(
    filled: Kit, wanted: dict[str, Any], found: str, sort: str
) -> None:
    assert "".join(sorted(await listed(filled, sort=sort, **wanted))) == found


@pytest.mark.parametrize("sort", ["-updated_at", "updated_at", "name"])
async def test_the_pages_of_the_list_make_the_whole_list(filled: Kit, sort: str) -> None:
    whole = await listed(filled, sort=sort)
    pages = [await filled.store.states(replace(EVERYTHING, sort=sort, offset=offset, limit=3)) for offset in (0, 3, 6)]
    assert [page.total for page in pages] == [4, 4, 4]
    assert [len(page.items) for page in pages] == [3, 1, 0]
    assert "".join(row["investigation_id"] for page in pages for row in page.items) == whole


async def test_a_deleted_state_is_in_no_list(filled: Kit) -> None:
    await filled.store.transact(deletion("a"))
    assert await listed(filled) == "bdc"


@pytest.fixture
async def noted(kit: Kit) -> Kit:
    """A trail: created, a note between, two changes, another note from elsewhere."""

    async def note(transaction: Transaction) -> None:
        transaction.append(entry(timestamp=at(2), source="POLLING"))

    await kit.store.transact(creation(at=at(1)))
    await kit.store.transact(note)
    await kit.store.transact(change(status="ERROR", at=at(3)))
    await kit.store.transact(change(status="IN_PROGRESS", at=at(3)))
    await kit.store.transact(creation("inv-2", at=at(4)))
    return kit


@pytest.mark.parametrize(
    ("wanted", "versions"),
    [
        ({}, [3, 2, None, 1]),
        ({"action_type": ("STATE_CHANGE",)}, [3, 2]),
        ({"action_type": ("state_change",)}, []),
        ({"action_type": ("STATE_CHANGE", "STATE_CREATED")}, [3, 2, 1]),
        ({"source": ("POLLING",)}, [None]),
        ({"source": ("POLLING", "USER")}, [3, 2, None, 1]),
        ({"since": at(2)}, [3, 2, None]),
        ({"until": at(2)}, [None, 1]),
        ({"since": at(2), "until": at(2)}, [None]),
        ({"since": at(4)}, []),
        ({"limit": 2, "offset": 2}, [None, 1]),
        ({"limit": 2, "offset": 4}, []),
        ({"investigation_id": "inv-2"}, [1]),
        ({"investigation_id": "inv-3"}, []),
    ],
)
async def test_a_history_holds_what_the_filter_asks_for_newest_first(
    noted: Kit, wanted: dict[str, Any], versions: list[int | None]
) -> None:
    found, _, total, _ = await noted.store.history(replace(HISTORY, **wanted))
    assert [told.version for told in found] == versions
    assert total == (4 if "offset" in wanted else len(versions))


async def test_an_entry_comes_back_as_it_was_written(kit: Kit) -> None:
    await kit.store.transact(creation())
    given = entry(mutation_id="k-1", action_type="X" * 100, source="WEBSOCKET")

    async def note(transaction: Transaction) -> None:
        transaction.append(given)

    await kit.store.transact(note)
    found, _, _, _ = await kit.store.history(HISTORY)
    assert found[0] == given


@pytest.mark.parametrize(
    ("bounds", "versions"),
    [
        ({"down_to": 0, "below": 99, "limit": 99}, [3, 2, 1]),
        ({"down_to": 1, "below": 3, "limit": 99}, [2]),
        ({"down_to": 0, "below": 99, "limit": 2}, [3, 2]),
        ({"down_to": 3, "below": 99, "limit": 99}, []),
        ({"down_to": 0, "below": 1, "limit": 99}, []),
    ],
)
async def test_a_trail_holds_the_versions_between_its_bounds_newest_first(
    noted: Kit, bounds: dict[str, int], versions: list[int]
) -> None:
    assert [told.version for told in await noted.store.trail("inv-1", **bounds)] == versions
