from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import STATES, TickingClock, create, fields_named, patch, send, url


@pytest.fixture
async def listed(start_server: StartServer) -> Client:
    """A server with four states of user dev and one of eve; inv-a is the oldest and the last changed."""
    client = await start_server(clock=TickingClock())
    for key, name in {"a": "Delta", "b": "alpha", "c": "Charlie 100%", "d": "bravo_x"}.items():
        await create(client, f"inv-{key}", settings=factories.settings(name=name))
    await create(client, "inv-eve", user_id="eve")
    await patch(client, {"wizard_step": "PROGRESS"}, "inv-c")
    await patch(client, {"status": "CANCELLED"}, "inv-b")
    await patch(client, {"wizard_step": "PROGRESS"}, "inv-a")
    return client


async def ids(client: Client, **parameters: object) -> list[str]:
    """Return the ids of a page, without their common beginning."""
    answer = await send(client, "GET", STATES, params={key: str(value) for key, value in parameters.items()})
    assert answer.status == 200, answer.body
    return [item["investigation_id"].removeprefix("inv-") for item in answer.body["items"]]


async def test_nobody_has_an_empty_page(client: Client) -> None:
    answer = await send(client, "GET", STATES)
    assert answer.body == {"items": [], "total": 0, "page": 1, "page_size": 20, "has_more": False}


async def test_a_summary_says_what_a_dashboard_shows(listed: Client) -> None:
    answer = await send(listed, "GET", STATES, params={"q": "Delta"})
    (item,) = answer.body["items"]
    assert set(item) == {
        "investigation_id",
        "user_id",
        "name",
        "wizard_step",
        "status",
        "version",
        "created_at",
        "updated_at",
        "last_accessed",
        "description",
        "entity_count",
        "started_at",
        "completed_at",
        "risk_score",
        "stale",
        "stalled",
    }
    assert (item["investigation_id"], item["name"], item["version"]) == ("inv-a", "Delta", 2)
    assert (item["wizard_step"], item["status"], item["user_id"]) == ("PROGRESS", "IN_PROGRESS", "dev")


async def test_only_the_callers_own_are_listed(listed: Client) -> None:
    answer = await send(listed, "GET", STATES, headers={"X-User-Id": "eve"})
    assert [item["investigation_id"] for item in answer.body["items"]] == ["inv-eve"]
    assert "eve" not in await ids(listed, page_size=100)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("-updated_at", "abcd"),
        ("updated_at", "dcba"),
        ("created_at", "abcd"),
        ("-created_at", "dcba"),
        ("name", "bdca"),
        ("-name", "acdb"),
    ],
)
async def test_the_order_is_the_one_asked_for_on_one_page_and_over_several(
    listed: Client, sort: str, order: str
) -> None:
    assert await ids(listed, sort=sort) == list(order)
    pages = [await ids(listed, sort=sort, page_size=3, page=page) for page in (1, 2, 3)]
    assert pages == [list(order[:3]), list(order[3:]), []]


async def test_the_last_changed_come_first_unless_told(listed: Client) -> None:
    assert await ids(listed) == ["a", "b", "c", "d"]


async def test_pages_say_how_many_there_are_and_whether_more_follow(listed: Client) -> None:
    pages = [(await send(listed, "GET", STATES, params={"page_size": "2", "page": page})).body for page in "123"]
    assert [len(page["items"]) for page in pages] == [2, 2, 0]
    assert [page["has_more"] for page in pages] == [True, False, False]
    assert {(page["total"], page["page_size"]) for page in pages} == {(4, 2)}


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"status": "CANCELLED"}, "b"),
        ({"status": "COMPLETED"}, ""),
        ({"wizard_step": "PROGRESS"}, "ac"),
        ({"wizard_step": "SETTINGS", "status": "IN_PROGRESS"}, "d"),
        ({"q": "ALPHA"}, "b"),
        ({"q": "l"}, "abc"),
        ({"q": "100%"}, "c"),
        ({"q": "%"}, "c"),
        ({"q": "_"}, "d"),
        ({"q": ""}, "abcd"),
        ({"q": "l", "wizard_step": "PROGRESS"}, "ac"),
    ],
)
async def test_filters_narrow_the_list_and_its_total(listed: Client, parameters: dict[str, str], found: str) -> None:
    assert await ids(listed, **parameters) == list(found)
    assert (await send(listed, "GET", STATES, params=parameters)).body["total"] == len(found)


async def test_updated_since_includes_its_instant(listed: Client) -> None:
    changed = (await send(listed, "GET", url("inv-b"))).body["updated_at"]
    assert await ids(listed, updated_since=changed) == ["a", "b"]
    assert await ids(listed, updated_since=changed.replace(".000Z", ".001Z")) == ["a"]
    assert await ids(listed, updated_since=changed.replace("Z", "+00:00")) == ["a", "b"]


WRONG: list[dict[str, Any]] = [
    {"page": "0"},
    {"page": "x"},
    {"page_size": "0"},
    {"page_size": "101"},
    {"status": "DONE"},
    {"wizard_step": "settings"},
    {"sort": "version"},
    {"updated_since": "yesterday"},
    {"q": "x" * 256},
    {"user_id": "eve"},
]


@pytest.mark.parametrize("parameters", WRONG)
async def test_a_wrong_parameter_is_named(client: Client, parameters: dict[str, str]) -> None:
    answer = await send(client, "GET", STATES, params=parameters)
    assert (answer.status, fields_named(answer)) == (422, set(parameters))


async def test_the_largest_page_is_100(client: Client) -> None:
    assert (await send(client, "GET", STATES, params={"page_size": "100"})).body["page_size"] == 100


async def test_a_state_without_settings_has_no_name_and_is_listed(client: Client) -> None:
    await create(client, settings=None)
    answer = await send(client, "GET", STATES, params={"sort": "name"})
    assert [item["name"] for item in answer.body["items"]] == [None]
    assert (await send(client, "GET", STATES, params={"q": "a"})).body["items"] == []
