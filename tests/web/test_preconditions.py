from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    JSON_PATCH,
    MERGE,
    Answer,
    as_operator,
    but_access,
    create,
    parked,
    patch,
    polling,
    read,
    send,
    soon,
    start,
    stored,
    url,
)


async def reported(client: Client) -> None:
    """Bring inv-1 to version 3, which changed its progress only."""
    await start(client)
    await patch(client, {"progress": factories.progress()})


async def try_patch(client: Client, fields: Any, **headers: str) -> Answer:
    return await send(client, "PATCH", url(), json=fields, headers=headers)


@pytest.mark.parametrize("tags", ['"version-1"', 'W/"version-1"', "*", '"version-7", "version-1"'])
async def test_a_change_based_on_the_current_tag_goes_through(client: Client, tags: str) -> None:
    await create(client)
    assert (await try_patch(client, {"status": "ERROR"}, **{"If-Match": tags})).body["version"] == 2


@pytest.mark.parametrize("headers", [{}, MERGE])
async def test_a_change_based_on_the_current_version_goes_through(client: Client, headers: dict[str, str]) -> None:
    await create(client)
    assert (await try_patch(client, {"status": "ERROR", "version": 1}, **headers)).body["version"] == 2


async def test_header_and_body_may_both_name_the_version(client: Client) -> None:
    await create(client)
    assert (await try_patch(client, {"status": "ERROR", "version": 1}, **{"If-Match": '"version-1"'})).status == 200


@pytest.mark.parametrize("tags", ['"version-2"', 'W/"version-2"', '"version-4"', '"other"', ""])
async def test_another_tag_is_a_412_and_changes_nothing(client: Client, database: str, tags: str) -> None:
    await reported(client)
    before = stored(database)
    waiting = polling(client, since_version=3)
    await parked(client)
    answer = await try_patch(client, {"status": "ERROR"}, **{"If-Match": tags})
    assert (answer.status, answer.body["code"]) == (412, "precondition-failed")
    assert stored(database) == before
    assert not waiting.done()
    await patch(client, {"status": "ERROR"}, **{"If-Match": '"version-3"'})
    assert (await soon(waiting)).body["version"] == 4


@pytest.mark.parametrize("headers", [{}, MERGE, {"If-Match": '"version-3"'}, {"If-Match": "*"}])
@pytest.mark.parametrize("version", [2, 4])
async def test_another_version_in_the_body_is_a_409(client: Client, version: int, headers: dict[str, str]) -> None:
    await reported(client)
    answer = await try_patch(client, {"status": "ERROR", "version": version}, **headers)
    assert (answer.status, answer.body["code"], answer.body["version"]) == (409, "version-conflict", 3)


async def test_a_conflict_carries_the_whole_current_state_and_its_tag(client: Client) -> None:
    await reported(client)
    answer = await try_patch(client, {"status": "ERROR"}, **{"If-Match": '"version-2"'})
    assert but_access(answer.body["current"]) == but_access(await read(client))
    assert set(answer.body["current"]) == set(await read(client))
    assert answer.headers["ETag"] == '"version-3"'


@pytest.mark.parametrize(
    ("fields", "headers", "mergeable"),
    [
        ({"status": "ERROR"}, {}, True),
        ({"status": "ERROR", "wizard_step": "RESULTS"}, {}, True),
        ({"progress": factories.progress(overall_progress=50)}, {}, False),
        ({"status": "ERROR", "progress": factories.progress()}, {}, False),
        ({"progress": {"overall_progress": 50}}, MERGE, False),
        ({"status": "ERROR"}, MERGE, True),
        ([{"op": "replace", "path": "/status", "value": "ERROR"}], JSON_PATCH, True),
        ([{"op": "add", "path": "/progress/logs/-", "value": "x"}], JSON_PATCH, False),
    ],
)
async def test_a_conflict_says_what_changed_who_did_it_and_whether_it_merges(
    client: Client, fields: Any, headers: dict[str, str], mergeable: bool
) -> None:
    await reported(client)
    told = (await try_patch(client, fields, **{"If-Match": '"version-2"'}, **headers)).body
    assert (told["version"], told["changed_fields"], told["changed_by"]) == (3, ["progress"], "dev")
    assert told["mergeable"] is mergeable


async def test_a_conflict_in_the_body_says_the_same(client: Client) -> None:
    await reported(client)
    told = (await try_patch(client, {"status": "ERROR", "version": 1})).body
    assert told["changed_fields"] == ["wizard_step", "progress"]
    assert (told["version"], told["changed_by"], told["mergeable"]) == (3, "dev", True)
    told = (await try_patch(client, {"wizard_step": "SETTINGS", "version": 1})).body
    assert told["mergeable"] is False


async def test_an_operators_edit_is_named_as_such(client: Client, database: str) -> None:
    await start(client)
    as_operator(database, "UPDATE investigation_states SET status = 'ERROR'")
    told = (await try_patch(client, {"status": "CANCELLED"}, **{"If-Match": '"version-2"'})).body
    assert (told["version"], told["changed_fields"], told["changed_by"]) == (3, ["status"], "operator")


async def test_a_version_after_a_recreation_has_nothing_in_common_with_one_before(client: Client) -> None:
    await create(client)
    await send(client, "DELETE", url())
    await create(client)
    told = (await try_patch(client, {"status": "ERROR"}, **{"If-Match": '"version-1"'})).body
    assert told["changed_fields"] == ["wizard_step", "status", "settings", "progress", "results"]
    assert told["mergeable"] is False


async def test_a_stale_change_that_would_change_nothing_is_stale_all_the_same(client: Client) -> None:
    await reported(client)
    assert (await try_patch(client, {}, **{"If-Match": '"version-2"'})).status == 412


@pytest.mark.parametrize(("method", "body"), [("PATCH", {}), ("PUT", {"status": "ERROR"}), ("DELETE", None)])
async def test_where_a_precondition_is_required_its_absence_is_a_428(
    start_server: StartServer, database: str, method: str, body: Any
) -> None:
    client = await start_server(state={"require_precondition": True})
    await create(client)
    before = stored(database)
    answer = await send(client, method, url(), **({"json": body} if body is not None else {}))
    assert (answer.status, answer.body["code"]) == (428, "precondition-required")
    assert stored(database) == before


async def test_where_a_precondition_is_required_each_form_will_do(start_server: StartServer) -> None:
    client = await start_server(state={"require_precondition": True})
    await create(client)
    assert (await try_patch(client, {"status": "ERROR"}, **{"If-Match": '"version-1"'})).status == 200
    assert (await try_patch(client, {"status": "IN_PROGRESS", "version": 2})).status == 200
    assert (await try_patch(client, {"status": "ERROR"}, **{"If-Match": "*"})).status == 200
    assert (await send(client, "DELETE", url(), headers={"If-Match": '"version-4"'})).status == 204


@pytest.mark.parametrize("tags", ['"version-2"', 'W/"version-2"', "*"])
async def test_a_deletion_of_the_current_version_goes_through(client: Client, tags: str) -> None:
    await start(client)
    assert (await send(client, "DELETE", url(), headers={"If-Match": tags})).status == 204


async def test_a_deletion_of_another_version_is_a_412_and_deletes_nothing(client: Client, database: str) -> None:
    await start(client)
    before = stored(database)
    answer = await send(client, "DELETE", url(), headers={"If-Match": '"version-1"'})
    assert (answer.status, answer.body["version"], answer.body["mergeable"]) == (412, 2, False)
    assert answer.body["changed_fields"] == ["wizard_step"]
    assert stored(database) == before


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_an_absent_state_is_a_404_whatever_is_required(start_server: StartServer, method: str) -> None:
    client = await start_server(state={"require_precondition": True})
    body = {} if method == "DELETE" else {"json": {"status": "ERROR"}}
    assert (await send(client, method, url(), headers={"If-Match": "*"}, **body)).status == 404
    assert (await send(client, method, url(), **body)).status == 404
