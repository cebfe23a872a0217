"""The changes after a version: patches that lead exactly to the state, or a clear word that there are none."""

from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.deltas import CHANGES, applied, changes, content
from tests.web.helpers import (
    COMPLETE,
    INV,
    as_operator,
    create,
    fields_named,
    noticed,
    patch,
    poll_url,
    read,
    send,
    start,
    url,
)
from wizard_server.web.http.context import HUB

PROGRESS = url(suffix="/progress")


async def report(client: Client, **fields: Any) -> Any:
    answer = await send(client, "POST", PROGRESS, json=fields)
    assert answer.status == 200, answer.body
    return answer.body


async def test_an_answer_says_from_where_to_where_and_what_happened(client: Client) -> None:
    await start(client)
    await patch(client, {"status": "ERROR"}, **{"Idempotency-Key": "edit-1"})
    answer = await changes(client, 2)
    assert (answer.status, answer.headers["ETag"], answer.headers["Cache-Control"]) == (200, '"version-3"', "no-store")
    assert int(answer.headers["X-Recommended-Interval"]) == answer.body["next_poll_interval"]
    body = answer.body
    assert {name: body[name] for name in ("investigation_id", "from_version", "to_version", "has_more")} == {
        "investigation_id": INV,
        "from_version": 2,
        "to_version": 3,
        "has_more": False,
    }
    [change] = body["changes"]
    assert set(change) == {
        *("version", "timestamp", "action_type", "source", "user_id", "mutation_id", "fields_changed", "patch")
    }
    assert (change["version"], change["action_type"], change["source"]) == (3, "STATE_CHANGE", "USER")
    assert (change["user_id"], change["mutation_id"], change["fields_changed"]) == ("dev", "edit-1", ["status"])
    assert change["timestamp"] == (await read(client))["updated_at"]
    assert {"op": "replace", "path": "/status", "value": "ERROR"} in change["patch"]


async def test_the_patches_lead_exactly_to_the_state(client: Client) -> None:
    state = content(await start(client))
    await report(client, overall_progress=5, logs=["a"], agents=[{"agent_name": "x/y~z", "logs": ["b"]}])
    await report(client, logs=["c"], phases=[{"phase_name": "collect"}])
    await patch(client, {**COMPLETE, "results": factories.results()})
    answer = await changes(client, 2)
    assert [change["version"] for change in answer.body["changes"]] == [3, 4, 5]
    assert applied(state, answer.body) == content(await read(client))


async def test_everything_from_nothing_is_the_creation_and_what_followed(client: Client) -> None:
    await start(client)
    answer = await changes(client, 0)
    assert [change["action_type"] for change in answer.body["changes"]] == ["STATE_CREATED", "STATE_CHANGE"]
    assert applied(None, answer.body) == content(await read(client))


async def test_a_line_more_is_one_added_element(client: Client) -> None:
    await start(client)
    await report(client, logs=[f"line {number}" for number in range(500)])
    await report(client, logs=["one more"], agents=[{"agent_name": "a", "logs": ["x"]}])
    await report(client, agents=[{"agent_name": "a", "logs": ["y"]}])
    first, second = (await changes(client, 3)).body["changes"]
    assert {"op": "add", "path": "/progress/logs/500", "value": "one more"} in first["patch"]
    assert {"op": "add", "path": "/progress/agents/0/logs/1", "value": "y"} in second["patch"]
    for change in (first, second):
        assert {operation["path"] for operation in change["patch"]} & {"/progress", "/progress/logs", ""} == set()
        assert change["fields_changed"] == ["progress"]


async def test_a_line_more_in_a_full_log_is_one_removed_and_one_added(start_server: StartServer) -> None:
    client = await start_server(state={"max_log_lines": 10})
    await start(client)
    state = content(await report(client, logs=[f"line {number}" for number in range(10)]))
    await report(client, logs=["one more"])
    body = (await changes(client, 3)).body
    operations = [(each["op"], each["path"]) for each in body["changes"][0]["patch"] if "/logs/" in each["path"]]
    assert operations == [("remove", "/progress/logs/0"), ("add", "/progress/logs/9")]
    assert applied(state, body) == content(await read(client))


async def test_a_limit_leaves_more_for_the_next_answer(client: Client) -> None:
    await start(client)
    for number in range(5):
        await report(client, logs=[str(number)])
    since, told = 2, []
    for more in (True, True, False):
        body = (await changes(client, since, limit=2)).body
        assert (body["from_version"], body["has_more"]) == (since, more)
        since = body["to_version"]
        told += [change["version"] for change in body["changes"]]
    assert told == [3, 4, 5, 6, 7]


async def test_a_limit_that_fits_exactly_leaves_nothing(client: Client) -> None:
    await start(client)
    await report(client, logs=["a"])
    assert (await changes(client, 1, limit=2)).body["has_more"] is False


async def test_no_changes_are_a_304_with_the_tag(client: Client) -> None:
    await start(client)
    for answer in (
        await changes(client, 2),
        await send(client, "GET", CHANGES, headers={"If-None-Match": '"version-2"'}),
        await send(client, "GET", CHANGES, headers={"If-None-Match": 'W/"version-2"'}),
    ):
        assert (answer.status, answer.headers["ETag"], answer.text) == (304, '"version-2"', b"")


async def test_a_tag_names_the_base_as_well_as_the_parameter_does(client: Client) -> None:
    await start(client)
    answer = await send(client, "GET", CHANGES, headers={"If-None-Match": '"version-1"'})
    assert (answer.status, answer.body["from_version"], answer.body["to_version"]) == (200, 1, 2)


async def test_a_base_is_needed(client: Client) -> None:
    await create(client)
    answer = await send(client, "GET", CHANGES)
    assert (answer.status, fields_named(answer)) == (422, {"since_version"})


@pytest.mark.parametrize("name", ["since_version", "wait", "limit"])
@pytest.mark.parametrize("value", ["-1", "x", "", "NaN"])
async def test_a_parameter_that_is_wrong_is_named(client: Client, name: str, value: str) -> None:
    await create(client)
    answer = await send(client, "GET", CHANGES, params={"since_version": "1", name: value})
    assert (answer.status, fields_named(answer)) == (422, {name})


@pytest.mark.parametrize("since", [2**63, 10**30])
async def test_a_base_beyond_all_numbers_is_no_500(client: Client, since: int) -> None:
    await create(client)
    answer = await changes(client, since)
    assert answer.status in (410, 422), answer.body


async def test_an_absent_and_somebody_elses_investigation_are_404(client: Client) -> None:
    await create(client)
    assert (await changes(client, 1, path=f"{poll_url('inv-9')}/changes")).status == 404
    other = await send(client, "GET", CHANGES, params={"since_version": "1"}, headers={"X-User-Id": "eve"})
    assert other.status == 404


async def test_a_deleted_state_is_a_404(client: Client) -> None:
    await create(client)
    await send(client, "DELETE", url())
    assert (await changes(client, 1)).status == 404


async def test_changes_lead_through_a_deletion_to_the_next_state(client: Client) -> None:
    state = content(await start(client))
    await send(client, "DELETE", url())
    await create(client, settings=factories.settings(name="Again"))
    body = (await changes(client, 2)).body
    assert [change["action_type"] for change in body["changes"]] == ["STATE_DELETED", "STATE_CREATED"]
    assert (body["to_version"], body["changes"][-1]["version"]) == (4, 4)
    assert applied(state, body) == content(await read(client))


async def test_entries_of_clients_are_no_changes(client: Client) -> None:
    await start(client)
    entry = {"investigation_id": INV, "user_id": "dev", "action_type": "NOTE", "source": "USER"}
    for number in range(3):
        assert (await send(client, "POST", url(suffix="/history"), json=entry)).status == 201
        await report(client, logs=[str(number)])
    body = (await changes(client, 2, limit=3)).body
    assert [change["version"] for change in body["changes"]] == [3, 4, 5]
    assert body["has_more"] is False


async def test_a_version_ahead_of_the_server_is_gone(client: Client) -> None:
    await start(client)
    answer = await changes(client, 3)
    assert (answer.status, answer.body["code"]) == (410, "history-gone")


@pytest.mark.parametrize(("since", "status"), [(1, 410), (2, 410), (3, 200), (4, 304)])
async def test_what_was_purged_is_gone_and_the_rest_is_there(
    client: Client, database: str, since: int, status: int
) -> None:
    await start(client)
    await report(client, logs=["a"])
    await report(client, logs=["b"])
    as_operator(database, "DELETE FROM investigation_audit_log WHERE version <= 3")
    assert (await changes(client, since)).status == status


@pytest.mark.parametrize(("since", "status"), [(2, 410), (3, 410), (4, 200), (5, 304)])
async def test_a_hole_in_the_history_is_never_jumped(client: Client, database: str, since: int, status: int) -> None:
    await start(client)
    for number in range(3):
        await report(client, logs=[str(number)])
    as_operator(database, "DELETE FROM investigation_audit_log WHERE version = 4")
    assert (await changes(client, since)).status == status


@pytest.mark.parametrize("limit", [1, 2])
async def test_a_page_before_a_hole_ends_there(client: Client, database: str, limit: int) -> None:
    await start(client)
    for number in range(4):
        await report(client, logs=[str(number)])
    as_operator(database, "DELETE FROM investigation_audit_log WHERE version = 5")
    answer = await changes(client, 2, limit=limit)
    assert (answer.status, answer.body["to_version"], answer.body["has_more"]) == (200, 2 + limit, True)
    assert (await changes(client, 4, limit=limit)).status == 410


async def set_back(client: Client, database: str, version: int) -> None:
    as_operator(database, "UPDATE investigation_states SET version = ?", version)
    await noticed(client)


@pytest.mark.parametrize("since", [1, 2, 4, 5])
async def test_after_a_row_was_set_back_by_hand_other_versions_lead_nowhere(
    client: Client, database: str, since: int
) -> None:
    await start(client)
    for number in range(3):
        await report(client, logs=[str(number)])
    await set_back(client, database, 3)
    assert (await changes(client, since)).status == 410


async def test_a_client_at_the_version_that_was_set_back_to_has_missed_nothing(client: Client, database: str) -> None:
    """Were this a 410, a client that reads the state anew would be told 410 for it again, for ever."""
    await start(client)
    await report(client, logs=["a"])
    await set_back(client, database, 2)
    assert (await changes(client, (await read(client))["version"])).status == 304


async def test_after_a_set_back_the_next_change_is_told(client: Client, database: str) -> None:
    await start(client)
    await report(client, logs=["a"])
    await set_back(client, database, 2)
    version = (await patch(client, {"status": "ERROR"}))["version"]
    assert version == 4
    assert (await changes(client, version)).status == 304
    assert (await changes(client, 3)).status == 410


@pytest.mark.parametrize(
    ("features", "code"),
    [({"audit_logging": False}, "feature-disabled"), ({"polling_enabled": False}, "feature-disabled")],
)
async def test_without_its_features_it_is_a_404(
    start_server: StartServer, features: dict[str, bool], code: str
) -> None:
    client = await start_server(features=features)
    await create(client)
    answer = await changes(client, 1)
    assert (answer.status, answer.body["code"]) == (404, code)


async def test_over_the_limits_it_answers_at_once_with_a_longer_interval(start_server: StartServer) -> None:
    client = await start_server(polling={"max_waiters_per_user": 1, "max_waiters": 100})
    await start(client)
    usual = int((await changes(client, 2)).headers["X-Recommended-Interval"])
    with client.app[HUB].counted("dev"):
        params, headers = {"since_version": "2"}, {"Prefer": "wait=30"}
        answer = await send(client, "GET", CHANGES, params=params, headers=headers)
    assert answer.status == 304
    assert int(answer.headers["X-Recommended-Interval"]) > usual
    assert "Preference-Applied" not in answer.headers
