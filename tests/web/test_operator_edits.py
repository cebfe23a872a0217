"""An operator edits the database with another program while clients wait."""

import json
from typing import Any

import pytest

from tests import factories, shell
from tests.conftest import Client
from tests.web.helpers import (
    INV,
    STATES,
    as_operator,
    but_access,
    create,
    noticed,
    parked,
    patch,
    poll,
    polling,
    read,
    send,
    soon,
    start,
    trail,
    url,
)

INSERT = (
    "INSERT INTO investigation_states (investigation_id, user_id, wizard_step, settings_json, status)"
    " VALUES ('inv-1', 'dev', 'SETTINGS', ?, 'IN_PROGRESS')"
)


async def notice(client: Client) -> None:
    await noticed(client)


async def test_a_parked_poll_wakes_for_an_edit_by_hand(client: Client, database: str) -> None:
    await start(client)
    waiting = polling(client, since_version=2)
    await parked(client)
    as_operator(database, "UPDATE investigation_states SET status = 'ERROR'")
    await notice(client)
    answer = await soon(waiting)
    assert (answer.body["version"], answer.body["state"]["status"]) == (3, "ERROR")
    entry = trail(database)[-1]
    assert (entry["version"], entry["action_type"], entry["source"]) == (3, "STATE_CHANGE", "SYSTEM")
    assert json.loads(entry["previous_state"])["status"] == "IN_PROGRESS"
    items = (await send(client, "GET", url(suffix="/history"))).body["items"]
    assert items[0]["version"] == 3


async def test_the_server_notices_by_itself(client: Client, database: str) -> None:
    await start(client)
    waiting = polling(client, since_version=2)
    await parked(client)
    as_operator(database, "UPDATE investigation_states SET status = 'ERROR'")
    answer = await soon(waiting)
    assert (answer.body["version"], answer.body["has_changes"]) == (3, True)


async def test_an_unwatched_edit_by_hand_wakes_nobody(client: Client, database: str) -> None:
    await start(client)
    waiting = polling(client, since_version=2, watch="status")
    await parked(client)
    as_operator(database, "UPDATE investigation_states SET progress_json = ?", json.dumps(factories.progress()))
    await notice(client)
    assert not waiting.done()
    as_operator(database, "UPDATE investigation_states SET status = 'CANCELLED'")
    await notice(client)
    assert (await soon(waiting)).body["version"] == 4


async def test_an_edit_of_another_state_wakes_nobody_here(client: Client, database: str) -> None:
    await start(client)
    await create(client, "inv-2")
    waiting = polling(client, since_version=2)
    await parked(client)
    as_operator(database, "UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = 'inv-2'")
    await notice(client)
    assert not waiting.done()
    assert (await read(client, "inv-2"))["version"] == 2
    await patch(client, {"status": "ERROR"})
    assert (await soon(waiting)).body["version"] == 3


async def test_several_edits_give_one_answer_with_the_newest(client: Client, database: str) -> None:
    await start(client)
    waiting = polling(client, since_version=2)
    await parked(client)
    for status in ("ERROR", "IN_PROGRESS", "CANCELLED"):
        as_operator(database, "UPDATE investigation_states SET status = ?", status)
    await notice(client)
    answer = await soon(waiting)
    assert (answer.body["version"], answer.body["state"]["status"]) == (5, "CANCELLED")
    assert [entry["version"] for entry in trail(database)] == [1, 2, 3, 4, 5]


async def test_a_deletion_by_hand_answers_waiters_404(client: Client, database: str) -> None:
    await start(client)
    waiting = [polling(client, since_version=2), polling(client, since_version=2, watch="results")]
    await parked(client, 2)
    as_operator(database, "DELETE FROM investigation_states WHERE investigation_id = ?", INV)
    await notice(client)
    assert [(await soon(task)).status for task in waiting] == [404, 404]
    assert (await send(client, "GET", url())).status == 404
    assert [entry["action_type"] for entry in trail(database)][-1] == "STATE_DELETED"


async def test_a_deletion_of_the_whole_investigation_takes_its_trail(client: Client, database: str) -> None:
    await start(client)
    waiting = polling(client, since_version=2)
    await parked(client)
    as_operator(database, "DELETE FROM investigations WHERE id = ?", INV)
    await notice(client)
    assert (await soon(waiting)).status == 404
    assert (await send(client, "GET", url(suffix="/history"))).status == 404


async def test_a_row_inserted_by_hand_is_there_for_its_owner(client: Client, database: str) -> None:
    as_operator(database, "INSERT INTO investigations (id) VALUES (?)", INV)
    as_operator(database, INSERT, json.dumps(factories.settings()))
    assert (await read(client))["settings"]["name"] == "Card testing ring"
    assert (await patch(client, {"wizard_step": "PROGRESS"}))["version"] == 2
    assert [(entry["version"], entry["source"]) for entry in trail(database)] == [(1, "SYSTEM"), (2, "USER")]


async def test_a_state_deleted_and_inserted_by_hand_wakes_with_a_version_above_all(
    client: Client, database: str
) -> None:
    await start(client)
    waiting = polling(client, since_version=2)
    await parked(client)
    put_back = json.dumps(factories.settings(name="Put back"))
    shell.run_together(database, ("DELETE FROM investigation_states", ()), (INSERT, [put_back]))
    await notice(client)
    answer = await soon(waiting)
    assert (answer.body["version"], answer.body["state"]["settings"]["name"]) == (4, "Put back")


async def test_a_state_handed_over_is_hidden_from_who_waits_for_it(client: Client, database: str) -> None:
    """From the edit on it is somebody else's, and nobody learns what somebody else has."""
    await start(client)
    waiting = polling(client, since_version=2)
    await parked(client)
    as_operator(database, "UPDATE investigation_states SET user_id = 'eve'")
    await notice(client)
    assert (await soon(waiting)).status == 404
    assert (await send(client, "GET", url())).status == 404
    assert (await send(client, "GET", url(), headers={"X-User-Id": "eve"})).body["version"] == 3


STATUS = "UPDATE investigation_states SET status = ?"


async def test_a_change_applies_to_an_edit_that_was_not_noticed_yet(client: Client, database: str) -> None:
    await start(client)
    as_operator(database, STATUS, "ERROR")
    after = await patch(client, {"progress": None, "wizard_step": "RESULTS"})
    assert (after["version"], after["status"]) == (4, "ERROR")


async def test_content_that_an_unnoticed_edit_took_away_is_written_again(client: Client, database: str) -> None:
    """What the server remembers says that there is nothing to do; what is in the file says otherwise."""
    await start(client)
    as_operator(database, STATUS, "ERROR")
    after = await patch(client, {"status": "IN_PROGRESS"})
    assert (after["version"], after["status"]) == (4, "IN_PROGRESS")


async def test_nothing_is_refused_for_what_an_unnoticed_edit_has_mended(client: Client, database: str) -> None:
    await start(client)
    await patch(client, {"status": "ERROR"})
    as_operator(database, STATUS, "IN_PROGRESS")
    assert (await patch(client, {"progress": factories.progress()}))["version"] == 5


async def test_a_stale_tag_is_stale_also_before_the_edit_was_noticed(client: Client, database: str) -> None:
    await start(client)
    as_operator(database, STATUS, "ERROR")
    headers = {"If-Match": '"version-2"'}
    for fields in ({"status": "CANCELLED"}, {"status": "IN_PROGRESS"}):
        stale = await send(client, "PATCH", url(), json=fields, headers=headers)
        assert (stale.status, stale.body["changed_fields"]) == (412, ["status"])


async def test_every_version_of_edits_by_hand_and_by_clients_is_rebuilt(client: Client, database: str) -> None:
    seen: dict[int, Any] = {}
    for state in (
        await create(client),
        await patch(client, {"wizard_step": "PROGRESS"}),
        await patch(client, {"progress": factories.progress()}),
    ):
        seen[state["version"]] = but_access(state)
    edited = factories.progress(logs=["by hand"], overall_progress=99.5)
    for assignment in ("progress_json = ?", "progress_json = NULL WHERE ? <> ''", "progress_json = ?"):
        as_operator(database, f"UPDATE investigation_states SET {assignment}", json.dumps(edited))
        await notice(client)
        state = await read(client)
        seen[state["version"]] = but_access(state)
    state = await patch(client, {"progress": factories.progress(phases=[])})
    seen[state["version"]] = but_access(state)
    assert sorted(seen) == [1, 2, 3, 4, 5, 6, 7]
    for version, expected in seen.items():
        answer = await send(client, "GET", url(), params={"version": str(version)})
        assert but_access(answer.body) == expected


@pytest.mark.parametrize("progress", ['{"overall_progress": 5}', "[]", '"text"', '{"agents": [{}], "logs": 1}'])
async def test_progress_that_no_schema_knows_is_shown_in_both_views(
    client: Client, database: str, progress: str
) -> None:
    await start(client)
    as_operator(database, "UPDATE investigation_states SET progress_json = ?", progress)
    await notice(client)
    assert (await poll(client)).body["state"]["progress"] == json.loads(progress)
    assert (await poll(client, view="summary")).status == 200


@pytest.mark.parametrize("settings", ['{"name": "no tools"}', "{}", "[]", '{"tools": [{}]}', '{"tools": null}'])
async def test_an_investigation_does_not_start_with_settings_that_no_schema_knows(
    client: Client, database: str, settings: str
) -> None:
    await create(client)
    as_operator(database, "UPDATE investigation_states SET settings_json = ?", settings)
    await notice(client)
    answer = await send(client, "PATCH", url(), json={"wizard_step": "PROGRESS"})
    assert (answer.status, answer.body["code"]) == (409, "invalid-transition")
    assert (await send(client, "GET", STATES)).status == 200
    assert (await patch(client, {"wizard_step": "PROGRESS", "settings": factories.settings()}))["version"] == 3
