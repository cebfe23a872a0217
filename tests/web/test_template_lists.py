"""``GET /api/v1/templates``: order, pages, search."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Client, StartServer
from tests.web.templates import ANN, TEMPLATES, ask, make


@pytest.fixture
async def shelf(start_server: StartServer) -> Client:
    """A client of a server with three templates that every order shows in another way."""
    instants = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute) for minute in range(10_000))
    client = await start_server(clock=lambda: next(instants))
    made = {name: await make(client, name, description=text) for name, text in SHELF.items()}
    await ask(client, "PATCH", f"{TEMPLATES}/{made['alpha']['template_id']}", {"description": "changed last"})
    for number, name in enumerate(("Beta", "Beta", "gamma")):
        body = {"investigation_id": f"inv-{number}"}
        assert (await ask(client, "POST", f"{TEMPLATES}/{made[name]['template_id']}/apply", body))[0] == 201
    return client


SHELF = {"gamma": "Cards", "alpha": "Mules", "Beta": "100% of_cards"}


async def listed(client: Client, query: str = "", **headers: str) -> dict[str, Any]:
    status, page, _ = await ask(client, "GET", f"{TEMPLATES}{query}", headers=headers)
    assert status == 200, page
    return page


def names(page: dict[str, Any]) -> list[str]:
    return [item["name"] for item in page["items"]]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["alpha", "Beta", "gamma"]),
        ("created_at", ["gamma", "alpha", "Beta"]),
        ("updated_at", ["gamma", "Beta", "alpha"]),
        ("usage_count", ["alpha", "gamma", "Beta"]),
    ],
)
async def test_a_list_sorts_both_ways(shelf: Client, sort: str, expected: list[str]) -> None:
    assert names(await listed(shelf, f"?sort={sort}")) == expected
    assert names(await listed(shelf, f"?sort=-{sort}")) == expected[::-1]


async def test_the_last_changed_comes_first_unless_asked_otherwise(shelf: Client) -> None:
    assert await listed(shelf) == await listed(shelf, "?sort=-updated_at")


async def test_a_use_is_counted_and_is_no_change(shelf: Client) -> None:
    beta = (await listed(shelf, "?sort=-usage_count"))["items"][0]
    assert (beta["usage_count"], beta["updated_at"]) == (2, beta["created_at"])


async def test_a_list_holds_whole_templates(shelf: Client) -> None:
    for item in (await listed(shelf))["items"]:
        assert (await ask(shelf, "GET", f"{TEMPLATES}/{item['template_id']}"))[1] == item


async def test_pages_follow_each_other_without_gap_or_overlap(shelf: Client) -> None:
    first = await listed(shelf, "?sort=name&page_size=2")
    second = await listed(shelf, "?sort=name&page_size=2&page=2")
    third = await listed(shelf, "?sort=name&page_size=2&page=3")
    assert [names(page) for page in (first, second, third)] == [["alpha", "Beta"], ["gamma"], []]
    assert [page["has_more"] for page in (first, second, third)] == [True, False, False]
    assert {(page["total"], page["page_size"]) for page in (first, second, third)} == {(3, 2)}
    assert [page["page"] for page in (first, second, third)] == [1, 2, 3]


async def test_equals_have_one_order_on_every_page(start_server: StartServer) -> None:
    client = await start_server(clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    for number in range(6):
        await make(client, f"t{number}")
    for sort in ("usage_count", "-created_at", "updated_at"):
        whole = names(await listed(client, f"?sort={sort}"))
        paged = [names(await listed(client, f"?sort={sort}&page_size=1&page={page}"))[0] for page in range(1, 7)]
        assert paged == whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ALPH", ["alpha"]),
        ("cards", ["Beta", "gamma"]),
        ("100%25", ["Beta"]),
        ("f_c", ["Beta"]),
        ("%25", ["Beta"]),
        ("nothing", []),
        ("", ["alpha", "Beta", "gamma"]),
    ],
)
async def test_a_search_looks_into_name_and_description(shelf: Client, text: str, expected: list[str]) -> None:
    page = await listed(shelf, f"?sort=name&q={text}")
    assert (names(page), page["total"]) == (expected, len(expected))


@pytest.mark.parametrize("text", ["größe", "GRÖSSE", "Größe", "GRÖßE"])
async def test_a_search_ignores_case_in_every_alphabet(client: Client, text: str) -> None:
    await make(client, "Größe" if "ß" in text else "Grösse")
    assert (await listed(client, f"?q={text}"))["total"] == 1


async def test_nobody_sees_the_templates_of_others(shelf: Client) -> None:
    assert (await listed(shelf, **ANN))["total"] == 0
    await make(shelf, "alpha", headers=ANN)
    assert names(await listed(shelf, **ANN)) == ["alpha"]
    assert (await listed(shelf))["total"] == 3


@pytest.mark.parametrize("query", ["sort=colour", "page=0", "page_size=0", "page_size=101", "page=x", "colour=red"])
async def test_a_parameter_that_is_none_is_named(client: Client, query: str) -> None:
    status, problem, _ = await ask(client, "GET", f"{TEMPLATES}?{query}")
    assert (status, problem["errors"][0]["field"]) == (422, query.split("=")[0])
