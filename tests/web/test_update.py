import json
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    INV,
    JSON_PATCH,
    MERGE,
    Answer,
    as_operator,
    but_access,
    create,
    fields_named,
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

JSON = {"Content-Type": "application/json"}


async def send_text(client: Client, text: bytes, headers: dict[str, str]) -> Answer:
    return await send(client, "PATCH", url(), data=text, headers=headers)


async def test_a_change_answers_the_next_version_and_its_tag(client: Client) -> None:
    before = await create(client)
    answer = await send(client, "PATCH", url(), json={"settings": factories.settings(name="New name")})
    assert (answer.status, answer.headers["ETag"]) == (200, '"version-2"')
    assert answer.body["settings"]["name"] == "New name"
    assert (answer.body["version"], answer.body["created_at"]) == (2, before["created_at"])
    assert but_access(await read(client)) == but_access(answer.body)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_fields_that_are_present_replace_and_the_others_stay(client: Client, method: str) -> None:
    await start(client)
    await patch(client, {"progress": factories.progress()})
    report = factories.progress(phases=[], agents=[], logs=["only this"])
    answer = await send(client, method, url(), json={"progress": report})
    assert answer.body["progress"] == report
    assert (answer.body["wizard_step"], answer.body["settings"]["name"]) == ("PROGRESS", "Card testing ring")


async def test_a_merge_patch_changes_inside_and_a_null_removes(client: Client) -> None:
    before = await create(client)
    change = {"settings": {"name": "Merged", "description": None, "tools": [{"tool_name": "other"}]}}
    after = await patch(client, change, **MERGE)
    assert after["settings"]["description"] is None
    assert after["settings"]["tools"] == [{"tool_name": "other", "enabled": True, "parameters": None}]
    untouched = ("entities", "time_range", "correlation_mode")
    assert {key: after["settings"][key] for key in untouched} == {key: before["settings"][key] for key in untouched}


async def test_a_merge_patch_removes_a_whole_part_but_no_step_or_status(client: Client) -> None:
    await create(client)
    assert (await patch(client, {"settings": None}, **MERGE))["settings"] is None
    answer = await send(client, "PATCH", url(), json={"status": None, "wizard_step": None}, headers=MERGE)
    assert (answer.status, fields_named(answer)) == (422, {"status", "wizard_step"})


async def test_a_json_patch_changes_what_its_operations_name(client: Client) -> None:
    await create(client)
    operations = [
        {"op": "test", "path": "/settings/name", "value": "Card testing ring"},
        {"op": "replace", "path": "/settings/name", "value": "Patched"},
        {"op": "remove", "path": "/settings/entities/0"},
        {"op": "add", "path": "/settings/tools/-", "value": {"tool_name": "second"}},
    ]
    after = (await patch(client, operations, **JSON_PATCH))["settings"]
    assert (after["name"], [entity["entity_id"] for entity in after["entities"]]) == ("Patched", ["d-9"])
    assert [tool["tool_name"] for tool in after["tools"]] == ["device_graph", "second"]


async def test_a_json_patch_that_does_not_apply_changes_nothing(client: Client, database: str) -> None:
    await create(client)
    before = stored(database)
    operations = [
        {"op": "replace", "path": "/settings/name", "value": "Patched"},
        {"op": "test", "path": "/version", "value": 7},
    ]
    answer = await send(client, "PATCH", url(), json=operations, headers=JSON_PATCH)
    assert (answer.status, answer.body["code"], answer.body["operation"]) == (409, "patch-conflict", 1)
    assert stored(database) == before


@pytest.mark.parametrize("path", ["/version", "/user_id", "/investigation_id", "/created_at", "/updated_at"])
async def test_a_json_patch_cannot_change_what_the_server_keeps(client: Client, path: str) -> None:
    await create(client)
    operations = [{"op": "replace", "path": path, "value": "x"}]
    answer = await send(client, "PATCH", url(), json=operations, headers=JSON_PATCH)
    assert (answer.status, fields_named(answer)) == (422, {path[1:]})


async def test_a_json_patch_that_has_to_run_again_is_applied_once(client: Client, database: str) -> None:
    """An operator's edit that the server has not noticed yet makes it run the same patch a second time."""
    await create(client)
    as_operator(database, "UPDATE investigation_states SET status = 'ERROR'")
    entities = [{"entity_type": "user_id", "entity_id": "first"}]
    operations = [
        {"op": "replace", "path": "/settings", "value": factories.settings(entities=entities)},
        {"op": "add", "path": "/settings/entities/-", "value": {"entity_type": "user_id", "entity_id": "second"}},
    ]
    after = await patch(client, operations, **JSON_PATCH)
    assert (after["version"], after["status"]) == (3, "ERROR")
    assert [entity["entity_id"] for entity in after["settings"]["entities"]] == ["first", "second"]


NO_OPS: list[tuple[dict[str, str], Any]] = [
    (JSON, {}),
    (JSON, {"wizard_step": "PROGRESS", "status": "IN_PROGRESS"}),
    (JSON, {"settings": factories.settings()}),
    (JSON, {"status": None, "progress": None, "settings": None, "version": None}),
    (MERGE, {"settings": {"name": "Card testing ring"}}),
    (JSON_PATCH, []),
    (JSON_PATCH, [{"op": "replace", "path": "/status", "value": "IN_PROGRESS"}]),
]


@pytest.mark.parametrize(("headers", "body"), NO_OPS)
async def test_content_that_is_there_already_makes_no_version_no_entry_and_no_wake(
    client: Client, database: str, headers: dict[str, str], body: Any
) -> None:
    await start(client)
    before = stored(database)
    waiting = polling(client, since_version=2)
    await parked(client)
    answer = await send_text(client, json.dumps(body).encode(), headers)
    assert (answer.status, answer.body["version"], answer.headers["ETag"]) == (200, 2, '"version-2"')
    assert stored(database) == before
    assert not waiting.done()
    await patch(client, {"status": "ERROR"})
    assert (await soon(waiting)).body["version"] == 3


async def test_a_null_counts_as_absent_also_deep_inside(client: Client) -> None:
    await create(client)
    settings = factories.settings(description=None, correlation_mode=None)
    after = await patch(client, {"settings": settings, "status": None})
    assert (after["settings"]["correlation_mode"], after["settings"]["description"]) == ("OR", None)
    answer = await send(client, "PATCH", url(), json={"settings": factories.settings(name=None)})
    assert (answer.status, fields_named(answer)) == (422, {"settings.name"})


UNKNOWN: list[tuple[dict[str, str], Any, str]] = [
    (JSON, {"statsu": "ERROR"}, "statsu"),
    (JSON, {"statsu": None}, "statsu"),
    (JSON, {"owner": "dev"}, "owner"),
    (JSON, {"settings": factories.settings(nmae="x")}, "settings.nmae"),
    (MERGE, {"statsu": "ERROR"}, "statsu"),
    (MERGE, {"settings": {"nmae": "x"}}, "settings.nmae"),
    (JSON_PATCH, [{"op": "add", "path": "/statsu", "value": 1}], "statsu"),
    (JSON_PATCH, [{"op": "add", "path": "/settings/nmae", "value": 1}], "settings.nmae"),
]


@pytest.mark.parametrize(("headers", "body", "field"), UNKNOWN)
async def test_an_unknown_field_is_refused_by_its_name(
    client: Client, database: str, headers: dict[str, str], body: Any, field: str
) -> None:
    await create(client)
    before = stored(database)
    answer = await send_text(client, json.dumps(body).encode(), headers)
    assert (answer.status, answer.body["code"]) == (422, "validation-failed")
    assert fields_named(answer) == {field}
    assert stored(database) == before


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data", "json"])
async def test_another_media_type_is_a_415(client: Client, media_type: str) -> None:
    await create(client)
    answer = await send_text(client, b"{}", {"Content-Type": media_type})
    assert (answer.status, answer.body["code"]) == (415, "unsupported-media-type")


@pytest.mark.parametrize("headers", [MERGE, JSON_PATCH])
async def test_put_takes_no_patches(client: Client, headers: dict[str, str]) -> None:
    await create(client)
    assert (await send(client, "PUT", url(), data=b"[]", headers=headers)).status == 415


@pytest.mark.parametrize(
    "text", [b"", b"{", b"{]", b'{"a": NaN}', b"\xff", b'{"a": "\\ud800"}', b"[" * 65 + b"]" * 65, b"{'a': 1}"]
)
async def test_what_is_no_json_is_a_400(client: Client, text: bytes) -> None:
    await create(client)
    for headers in (JSON, MERGE, JSON_PATCH):
        answer = await send_text(client, text, headers)
        assert (answer.status, answer.body["code"]) == (400, "malformed-json")


@pytest.mark.parametrize("text", [b"null", b"[]", b'"x"', b"1"])
async def test_json_that_is_no_object_is_a_422(client: Client, text: bytes) -> None:
    await create(client)
    assert (await send_text(client, text, JSON)).status == 422


async def test_a_state_over_its_limit_is_refused_with_both_sizes(start_server: StartServer, database: str) -> None:
    client = await start_server(state={"max_size_kb": 100})
    await create(client)
    before = stored(database)
    answer = await send(client, "PATCH", url(), json={"settings": factories.settings(description="x" * 110 * 1024)})
    assert (answer.status, answer.body["code"]) == (413, "state-too-large")
    assert answer.body["limit_bytes"] == 100 * 1024
    assert 110 * 1024 < answer.body["size_bytes"] < 112 * 1024
    assert "111 KB" in answer.body["detail"]
    assert "100 KB" in answer.body["detail"]
    assert stored(database) == before


async def test_a_state_at_its_limit_is_taken(start_server: StartServer) -> None:
    client = await start_server(state={"max_size_kb": 100})
    await create(client)
    text = {"settings": factories.settings(description="x" * 98 * 1024)}
    assert len((await patch(client, text))["settings"]["description"]) == 98 * 1024


async def test_an_absent_state_is_a_404(client: Client) -> None:
    assert (await send(client, "PATCH", url(INV), json={})).status == 404
    assert (await send(client, "PUT", url(INV), json={"status": "ERROR"})).status == 404
