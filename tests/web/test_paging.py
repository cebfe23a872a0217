"""Pages by ``page``, ``offset`` or ``after``; with the last no change between two pages repeats or skips a row."""

import base64
from typing import Any

import orjson
import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import INV, STATES, as_operator, create, noticed, patch, send, url
from tests.web.templates import TEMPLATES

Json = dict[str, Any]
HISTORY = url(suffix="/history")
STATE_SORTS = ["updated_at", "-updated_at", "created_at", "-created_at", "name", "-name"]
TEMPLATE_SORTS = [*STATE_SORTS, "usage_count", "-usage_count"]


async def page(client: Client, path: str, **parameters: object) -> Json:
    answer = await send(client, "GET", path, params={name: str(value) for name, value in parameters.items()})
    assert answer.status == 200, answer.body
    body: Json = answer.body
    return body


def ids(body: Json, key: str = "investigation_id") -> list[str]:
    return [item[key] for item in body["items"]]


async def rest(client: Client, path: str, body: Json, key: str = "investigation_id", **asked: object) -> list[str]:
    """Return the ids of all pages that follow, by `next` alone."""
    return [item[key] for item in await rest_of(client, path, body, **asked)]


async def rest_of(client: Client, path: str, body: Json, **asked: object) -> list[Json]:
    found: list[Json] = []
    while "next" in body:
        assert body["has_more"]
        body = await page(client, path, after=body["next"], **asked)
        found += body["items"]
    assert not body["has_more"]
    return found


async def fill(client: Client, names: str = "hgfedcba") -> list[str]:
    """Make one state for each letter, named by it; return their ids in the order in which they were made."""
    for name in names:
        await create(client, f"inv-{name}", settings=factories.settings(name=name))
    return [f"inv-{name}" for name in names]


# --- limit and offset


@pytest.mark.parametrize("path", [STATES, TEMPLATES, HISTORY])
async def test_limit_and_offset_stand_in_place_of_page_and_page_size(client: Client, path: str) -> None:
    await create(client)
    for number in range(4):
        await patch(client, {"settings": factories.settings(name=f"n{number}")})
        await create(client, f"inv-x{number}")
        body = {"name": f"t{number}", "settings": factories.settings()}
        assert (await send(client, "POST", TEMPLATES, json=body)).status == 201
    for limit, offset, number in ((2, 2, 2), (1, 3, 4)):
        by_offset = await page(client, path, limit=limit, offset=offset)
        by_page = await page(client, path, page_size=limit, page=number)
        assert by_offset == by_page
        assert len(by_offset["items"]) == limit
    uneven = await page(client, path, limit=3, offset=1)
    assert uneven["items"] == (await page(client, path))["items"][1:4]


@pytest.mark.parametrize("path", [STATES, TEMPLATES, HISTORY])
@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ({"page": "1", "offset": "0"}, {"offset"}),
        ({"page_size": "5", "limit": "5"}, {"limit"}),
        ({"page": "2", "limit": "5", "offset": "5"}, {"limit", "offset"}),
        ({"after": "x", "page": "1"}, {"page"}),
        ({"after": "x", "offset": "1"}, {"offset"}),
        ({"limit": "0"}, {"limit"}),
        ({"limit": "101"}, {"limit"}),
        ({"offset": "-1"}, {"offset"}),
    ],
)
async def test_what_is_asked_in_two_ways_or_beyond_bounds_is_refused(
    client: Client, path: str, parameters: Json, fields: set[str]
) -> None:
    await create(client)
    answer = await send(client, "GET", path, params=parameters)
    assert (answer.status, {error["field"] for error in answer.body["errors"]}) == (422, fields)


@pytest.mark.parametrize("path", [STATES, TEMPLATES, HISTORY])
async def test_a_text_that_no_page_gave_is_refused(client: Client, path: str) -> None:
    await fill(client)
    token = (await page(client, STATES, limit=1, sort="name"))["next"]
    forged = [
        orjson.dumps(value)
        for value in (
            1,
            [],
            [["StatesEnd", "-updated_at"], {"value": 1}],
            [["EntriesEnd", ""], {}],
            [["EntriesEnd", ""], {"place": 2**63}],
        )
    ]
    texts = [token, "", "x", "☃", "=", token[:-3], *(base64.urlsafe_b64encode(each).decode() for each in forged)]
    path = path.replace(INV, "inv-a")
    for text in texts:
        answer = await send(client, "GET", path, params={"after": text})
        assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, ["after"]), text


# --- after


@pytest.mark.parametrize("sort", STATE_SORTS)
@pytest.mark.parametrize("size", [1, 3, 8])
async def test_pages_of_a_list_at_rest_make_the_whole_list(client: Client, sort: str, size: int) -> None:
    await fill(client)
    await create(client, "inv-nameless", settings=None)
    whole = await page(client, STATES, sort=sort)
    first = await page(client, STATES, sort=sort, limit=size)
    assert first["items"] + await rest_of(client, STATES, first, sort=sort, limit=size) == whole["items"]
    assert (first["total"], "next" in whole, whole["has_more"]) == (9, False, False)
    second = await page(client, STATES, sort=sort, page_size=size, page=2)
    assert ids(first) + ids(second) + await rest(client, STATES, second, sort=sort, page_size=size) == ids(whole)


@pytest.mark.parametrize("sort", STATE_SORTS)
async def test_a_list_that_changes_between_pages_repeats_and_skips_nothing(client: Client, sort: str) -> None:
    """Rows are created, deleted, changed and renamed, those shown and those to come, once and more often."""
    made = await fill(client)
    body = await page(client, STATES, sort=sort, limit=2)
    seen = ids(body)
    unseen = [key for key in made if key not in seen]
    gone = unseen.pop(2)
    await send(client, "DELETE", url(gone))
    await create(client, "inv-new", settings=factories.settings(name="dd"))
    for key in (seen[0], unseen[-1], unseen[0]):
        await patch(client, {"settings": factories.settings(name="zz" if key < "inv-d" else "A")}, key)
    body = await page(client, STATES, sort=sort, limit=2, after=body["next"])
    seen += ids(body)
    for key in (seen[-1], seen[1], *unseen):
        await patch(client, {"settings": factories.settings(name="m", description=key)}, key)
    await patch(client, {"wizard_step": "PROGRESS"}, unseen[1])
    seen += await rest(client, STATES, body, sort=sort, limit=2)
    assert sorted(key for key in seen if key != "inv-new") == sorted(key for key in made if key != gone)
    assert len(seen) == len(set(seen))


async def test_what_a_hand_changes_between_pages_is_shown_once(client: Client, database: str) -> None:
    made = await fill(client)
    body = await page(client, STATES, limit=3)
    for key in (ids(body)[0], made[0], made[2]):
        as_operator(database, "UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = ?", key)
    await noticed(client)
    assert sorted(ids(body) + await rest(client, STATES, body, limit=3)) == sorted(made)


async def test_without_a_trail_pages_follow_each_other_all_the_same(start_server: StartServer) -> None:
    client = await start_server(features={"audit_logging": False})
    made = await fill(client)
    for sort in STATE_SORTS:
        body = await page(client, STATES, sort=sort, limit=3)
        assert sorted(ids(body) + await rest(client, STATES, body, sort=sort, limit=3)) == sorted(made)


async def test_a_filter_holds_for_all_pages(client: Client) -> None:
    await fill(client)
    await patch(client, {"status": "ERROR"}, "inv-c")
    asked: Json = {"status": "IN_PROGRESS", "limit": 3}
    body = await page(client, STATES, **asked)
    assert sorted(ids(body) + await rest(client, STATES, body, **asked)) == [f"inv-{name}" for name in "abdefgh"]


async def test_a_trail_that_grows_between_pages_repeats_and_skips_nothing(client: Client) -> None:
    await create(client)
    for number in range(8):
        await patch(client, {"settings": factories.settings(name=f"n{number}")})
    made = ids(await page(client, HISTORY), "entry_id")
    body = await page(client, HISTORY, limit=2)
    seen = ids(body, "entry_id")
    while "next" in body:
        note = {"investigation_id": INV, "user_id": "dev", "action_type": "NOTE", "source": "USER"}
        assert (await send(client, "POST", HISTORY, json=note)).status == 201
        await patch(client, {"settings": factories.settings(name=body["next"])})
        body = await page(client, HISTORY, limit=2, after=body["next"])
        seen += ids(body, "entry_id")
    assert seen == made


async def test_of_a_filtered_trail_there_is_no_next_where_nothing_that_matches_follows(client: Client) -> None:
    await create(client)
    for number in range(3):
        await patch(client, {"settings": factories.settings(name=f"n{number}")})
    body = await page(client, HISTORY, limit=3, action_type="STATE_CHANGE")
    assert (len(body["items"]), body["has_more"], "next" in body) == (3, False, False)


@pytest.mark.parametrize("sort", TEMPLATE_SORTS)
@pytest.mark.parametrize("first", [{"limit": 2}, {"limit": 2, "offset": 1}, {"page": 2, "page_size": 2}])
async def test_templates_that_change_between_pages_are_shown_once(client: Client, sort: str, first: Json) -> None:
    for name in "hgfedcba":
        body = {"name": name, "settings": factories.settings()}
        assert (await send(client, "POST", TEMPLATES, json=body)).status == 201
    made = ids(await page(client, TEMPLATES, sort=sort), "template_id")
    answer = await page(client, TEMPLATES, sort=sort, **first)
    offset = first.get("offset", 2 if "page" in first else 0)
    seen = ids(answer, "template_id")
    for key in (seen[0], made[-1], made[-2]):
        assert (await send(client, "PUT", f"{TEMPLATES}/{key}", json={"name": f"z{key}"})).status == 200
        assert (await send(client, "POST", f"{TEMPLATES}/{key}/apply", json={})).status == 201
    assert (await send(client, "DELETE", f"{TEMPLATES}/{made[-3]}")).status == 204
    seen += await rest(client, TEMPLATES, answer, "template_id", sort=sort, limit=2)
    assert sorted(seen) == sorted([*made[offset:-3], *made[-2:]])
