"""One poll for a whole dashboard: the first page, then only what changed and what went."""

import asyncio
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.dashboards import ask, cursor, ids
from tests.web.helpers import (
    COMPLETE,
    STATES,
    as_operator,
    create,
    fields_named,
    hold_commits,
    noticed,
    parked,
    patch,
    queued,
    send,
    sending,
    soon,
    start,
    until,
    url,
)
from tests.web.tokens import SECRET, bearer
from wizard_server.app import DATABASE
from wizard_server.web.http.context import HUB


async def test_a_first_answer_is_a_page_of_what_the_list_shows_too(client: Client) -> None:
    for name in ("a", "b", "c"):
        await start(client, name)
    await send(client, "POST", url("b", "/progress"), json={"overall_progress": 40, "current_phase": "score"})
    answer = await ask(client)
    body = answer.body
    assert (answer.status, body["total"], body["limit"], body["offset"]) == (200, 3, 100, 0)
    assert answer.headers["ETag"] == f'"list-{body["cursor"]}"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert int(answer.headers["X-Recommended-Interval"]) > 0
    assert "removed" not in body
    items = {item["investigation_id"]: item for item in (await send(client, "GET", STATES)).body["items"]}
    for row in body["investigations"]:
        known = items[row["investigation_id"]]
        assert {name: row[name] for name in known} == known
    [row] = [row for row in body["investigations"] if row["investigation_id"] == "b"]
    assert (row["overall_progress"], row["current_phase"], row["name"]) == (40.0, "score", "Card testing ring")
    assert (row["stale"], row["stalled"]) == (False, False)


async def test_nothing_is_an_empty_page_with_a_cursor(client: Client) -> None:
    body = (await ask(client)).body
    assert (body["investigations"], body["total"], body["cursor"]) == ([], 0, 0)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"status": "COMPLETED"}, ["done"]),
        ({"status": "IN_PROGRESS"}, ["running", "settings"]),
        ({"wizard_step": "PROGRESS"}, ["running"]),
        ({"wizard_step": "RESULTS", "status": "ERROR"}, []),
    ],
)
async def test_a_filter_chooses_and_counts(client: Client, parameters: dict[str, Any], expected: list[str]) -> None:
    await create(client, "settings")
    await start(client, "running")
    await start(client, "done")
    await patch(client, COMPLETE, "done")
    answer = await ask(client, **parameters)
    assert sorted(ids(answer)) == expected
    assert answer.body["total"] == len(expected)


async def test_pages_hold_everything_once(client: Client) -> None:
    for number in range(7):
        await create(client, f"inv-{number}")
    pages = [await ask(client, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [len(ids(page)) for page in pages] == [3, 3, 1, 0]
    assert sorted(key for page in pages for key in ids(page)) == [f"inv-{number}" for number in range(7)]
    assert {page.body["total"] for page in pages} == {7}
    assert [(page.body["limit"], page.body["offset"]) for page in pages] == [(3, 0), (3, 3), (3, 6), (3, 9)]


async def test_a_user_sees_only_their_own(client: Client) -> None:
    await create(client, "mine")
    await create(client, "yours", user_id="eve")
    assert ids(await ask(client)) == ["mine"]
    assert ids(await ask(client, headers={"X-User-Id": "eve"})) == ["yours"]
    assert ids(await ask(client, cursor=0)) == ["mine"]


@pytest.mark.parametrize("scope", ["wizard:agent", "wizard:admin"])
async def test_an_agent_and_an_admin_see_everybodys(start_server: StartServer, scope: str) -> None:
    client = await start_server(auth={"mode": "jwt", "jwt_secret": SECRET})
    for user in ("ann", "bob"):
        body = factories.creation(f"inv-{user}", user_id=user)
        assert (await send(client, "POST", STATES, json=body, headers=bearer(user))).status == 201
    seer = bearer("root", scope)
    answer = await ask(client, headers=seer)
    assert sorted(ids(answer)) == ["inv-ann", "inv-bob"]
    assert answer.body["total"] == 2
    assert sorted(ids(await ask(client, headers=seer, cursor=0))) == ["inv-ann", "inv-bob"]
    await send(client, "DELETE", url("inv-bob"), headers=bearer("bob"))
    assert (await ask(client, headers=seer, cursor=answer.body["cursor"])).body["removed"] == ["inv-bob"]
    assert ids(await ask(client, headers=bearer("ann"))) == ["inv-ann"]


async def test_a_cursor_gives_only_what_changed_since(client: Client) -> None:
    for name in ("a", "b", "c"):
        await start(client, name)
    place = await cursor(client)
    assert ids(await ask(client, cursor=place)) == []
    await patch(client, {"status": "ERROR"}, "b")
    answer = await ask(client, cursor=place)
    assert (ids(answer), answer.body["removed"]) == (["b"], [])
    assert answer.body["investigations"][0]["status"] == "ERROR"
    assert answer.body["cursor"] > place
    assert ids(await ask(client, cursor=answer.body["cursor"])) == []


async def test_several_changes_of_one_investigation_are_told_as_its_newest(client: Client) -> None:
    await start(client)
    place = await cursor(client)
    for percent in (1, 2, 3):
        await send(client, "POST", url(suffix="/progress"), json={"overall_progress": percent})
    [row] = (await ask(client, cursor=place)).body["investigations"]
    assert (row["version"], row["overall_progress"]) == (5, 3.0)


async def test_a_deletion_is_told_as_removed_once(client: Client) -> None:
    await create(client, "a")
    await create(client, "b")
    place = await cursor(client)
    await send(client, "DELETE", url("a"))
    answer = await ask(client, cursor=place)
    assert (ids(answer), answer.body["removed"]) == ([], ["a"])
    assert (await ask(client, cursor=answer.body["cursor"])).body["removed"] == []


async def test_what_was_created_anew_is_not_removed(client: Client) -> None:
    await create(client, "a")
    place = await cursor(client)
    await send(client, "DELETE", url("a"))
    await create(client, "a")
    answer = await ask(client, cursor=place)
    assert (ids(answer), answer.body["removed"]) == (["a"], [])


@pytest.mark.parametrize("parameters", [{"status": "IN_PROGRESS"}, {"wizard_step": "PROGRESS"}])
async def test_what_no_longer_matches_the_filter_is_removed(client: Client, parameters: dict[str, Any]) -> None:
    await start(client)
    place = (await ask(client, **parameters)).body["cursor"]
    await patch(client, COMPLETE)
    answer = await ask(client, cursor=place, **parameters)
    assert (ids(answer), answer.body["removed"]) == ([], ["inv-1"])


async def test_what_comes_to_match_the_filter_is_told(client: Client) -> None:
    await start(client)
    place = (await ask(client, status="COMPLETED")).body["cursor"]
    await patch(client, COMPLETE)
    assert ids(await ask(client, cursor=place, status="COMPLETED")) == ["inv-1"]


@pytest.mark.parametrize("tag", ['"list-{}"', 'W/"list-{}"'])
async def test_a_tag_is_a_cursor_and_nothing_new_a_304(client: Client, tag: str) -> None:
    await create(client, "a")
    headers = {"If-None-Match": tag.format(await cursor(client))}
    answer = await ask(client, headers=headers)
    assert (answer.status, answer.text) == (304, b"")
    assert answer.headers["ETag"] == headers["If-None-Match"].removeprefix("W/")
    await create(client, "b")
    assert ids(await ask(client, headers=headers)) == ["b"]


async def test_the_changes_of_others_are_no_news(client: Client) -> None:
    await create(client, "mine")
    headers = {"If-None-Match": f'"list-{await cursor(client)}"'}
    await create(client, "yours", user_id="eve")
    await send(client, "DELETE", url("yours"), headers={"X-User-Id": "eve"})
    assert (await ask(client, headers=headers)).status == 304


async def test_a_tag_of_something_else_is_no_cursor(client: Client) -> None:
    await create(client)
    for tag in ('"version-1"', '"list-x"', '"list--1"'):
        answer = await ask(client, headers={"If-None-Match": tag})
        assert (ids(answer), "removed" in answer.body) == (["inv-1"], False)


async def test_any_tag_names_the_list_as_it_is_and_waits_for_whatever_comes_next(client: Client) -> None:
    await create(client)
    place = await cursor(client)
    headers = {"If-None-Match": "*"}
    answer = await ask(client, headers=headers)
    assert (answer.status, answer.headers["ETag"]) == (304, f'"list-{place}"')
    waiting = asyncio.create_task(ask(client, headers=headers, wait=30))
    await parked(client)
    await create(client, "inv-2")
    assert ids(await soon(waiting)) == ["inv-2"]


async def test_a_cursor_ahead_of_the_server_gives_everything_anew(client: Client) -> None:
    """A backup was restored: what the client has may be anything."""
    await create(client)
    place = await cursor(client)
    for answer in (
        await ask(client, cursor=place + 5),
        await ask(client, cursor=place + 5, wait=30),
        await ask(client, headers={"If-None-Match": f'"list-{place + 5}"'}),
    ):
        assert (ids(answer), answer.body["reset"], answer.body["cursor"]) == (["inv-1"], True, place)
        assert (answer.body["total"], answer.body["removed"]) == (1, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("cursor", "-1"), ("cursor", "x"), ("cursor", str(10**30)), ("wait", "-1"), ("limit", "0")),
        *(("limit", "1001"), ("offset", "-1"), ("status", "DONE"), ("wizard_step", "x"), ("page", "1")),
    ],
)
async def test_a_parameter_that_is_wrong_is_named(client: Client, name: str, value: str) -> None:
    answer = await ask(client, **dict[str, Any]({name: value}))
    assert (answer.status, fields_named(answer)) == (422, {name})


async def test_without_polling_it_is_a_404(start_server: StartServer) -> None:
    client = await start_server(features={"polling_enabled": False})
    answer = await ask(client)
    assert (answer.status, answer.body["code"]) == (404, "feature-disabled")


async def test_without_a_trail_it_works_all_the_same(start_server: StartServer) -> None:
    client = await start_server(features={"audit_logging": False})
    await create(client, "a")
    await create(client, "b")
    place = await cursor(client)
    await patch(client, {"wizard_step": "PROGRESS"}, "a")
    await send(client, "DELETE", url("b"))
    answer = await ask(client, cursor=place)
    assert (ids(answer), answer.body["removed"]) == (["a"], ["b"])


EDITS = [
    ("UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = 'a'", ["a"], []),
    ("UPDATE investigation_states SET version = 9 WHERE investigation_id = 'a'", ["a"], []),
    ("UPDATE investigation_states SET version = 1 WHERE investigation_id = 'a'", ["a"], []),
    ("DELETE FROM investigation_states WHERE investigation_id = 'a'", [], ["a"]),
    ("DELETE FROM investigations WHERE id = 'a'", [], ["a"]),
    ("UPDATE investigation_states SET user_id = 'eve' WHERE investigation_id = 'a'", [], ["a"]),
]


@pytest.mark.parametrize(("statement", "changed", "removed"), EDITS)
async def test_an_edit_by_hand_is_told(
    client: Client, database: str, statement: str, changed: list[str], removed: list[str]
) -> None:
    await start(client, "a")
    await start(client, "b")
    place = await cursor(client)
    as_operator(database, statement)
    await client.app[DATABASE].look_around()
    await noticed(client)
    answer = await ask(client, cursor=place)
    if not answer.body.get("reset"):
        assert (ids(answer), answer.body["removed"]) == (changed, removed)
    else:
        assert sorted(ids(answer)) == sorted({"a", "b"} - set(removed))


async def test_a_row_told_by_an_event_equals_the_row_that_is_read(client: Client) -> None:
    await start(client, "a")
    place = await cursor(client)
    waiting = asyncio.create_task(ask(client, cursor=place, wait=30))
    await parked(client)
    await patch(client, {"progress": factories.progress(overall_progress=33.3)}, "a")
    [told] = (await soon(waiting)).body["investigations"]
    [read] = (await ask(client, cursor=place)).body["investigations"]
    assert {**told, "last_accessed": None} == {**read, "last_accessed": None}


async def test_over_the_limits_it_answers_at_once_with_a_longer_interval(start_server: StartServer) -> None:
    client = await start_server(polling={"max_waiters_per_user": 1, "max_waiters": 100})
    place = await cursor(client)
    usual = int((await ask(client, cursor=place)).headers["X-Recommended-Interval"])
    with client.app[HUB].counted("dev"):
        answer = await ask(client, cursor=place, headers={"Prefer": "wait=30"})
    assert answer.status == 200
    assert int(answer.headers["X-Recommended-Interval"]) > usual
    assert "Preference-Applied" not in answer.headers


async def test_with_a_cursor_the_limit_bounds_what_changed_and_the_rest_follows(client: Client) -> None:
    place = await cursor(client)
    for name in "abcdefg":
        await create(client, name)
    seen: list[str] = []
    for expected in (3, 3, 1):
        answer = await ask(client, cursor=place, limit=3)
        assert (len(ids(answer)), answer.body.get("has_more", False)) == (expected, expected == 3)
        seen += ids(answer)
        place = answer.body["cursor"]
    assert seen == list("abcdefg")
    assert ids(await ask(client, cursor=place, limit=3)) == []


async def test_changes_of_one_commit_are_never_cut(client: Client) -> None:
    place = await cursor(client)
    door = hold_commits(client)
    first = sending(client, "POST", STATES, json=factories.creation("first"))
    await door.reached.wait()
    others = [sending(client, "POST", STATES, json=factories.creation(name)) for name in "abcd"]
    await until(lambda: queued(client) == 4)
    door.open()
    assert [(await soon(task)).status for task in (first, *others)] == [201] * 5
    answer = await ask(client, cursor=place, limit=2)
    assert (ids(answer), answer.body["has_more"]) == (["first"], True)
    answer = await ask(client, cursor=answer.body["cursor"], limit=2)
    assert (sorted(ids(answer)), "has_more" in answer.body) == (list("abcd"), False)


async def test_an_offset_beside_a_cursor_is_refused(client: Client) -> None:
    answer = await ask(client, cursor=await cursor(client), offset=5)
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, ["offset"])
