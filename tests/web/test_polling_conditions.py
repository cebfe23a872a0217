from typing import Any

import pytest

from tests import factories
from tests.conftest import Client
from tests.web.helpers import (
    COMPLETE,
    Answer,
    as_operator,
    create,
    noticed,
    parked,
    patch,
    poll,
    polling,
    send,
    soon,
    start,
    url,
)

BRIEF = 0.01
REPORT = {"progress": factories.progress()}


# --- watch: only changes of these fields count


async def test_an_unwatched_change_does_not_wake_and_a_watched_one_does(client: Client) -> None:
    await start(client)
    waiting = polling(client, since_version=2, watch="status,results")
    everything = polling(client, since_version=2)
    await parked(client, 2)
    await patch(client, REPORT)
    assert (await soon(everything)).body["version"] == 3
    assert not waiting.done()
    await patch(client, {"status": "ERROR"})
    answer = await soon(waiting)
    assert (answer.body["version"], answer.body["has_changes"]) == (4, True)
    assert answer.body["state"]["progress"] is not None


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("settings", {"settings": factories.settings(name="x")}),
        ("status", {"status": "ERROR"}),
        ("wizard_step", {"wizard_step": "PROGRESS"}),
    ],
)
async def test_each_field_can_be_watched(client: Client, field: str, change: dict[str, Any]) -> None:
    await create(client)
    waiting = polling(client, since_version=1, watch=field)
    others = [other for other in ("settings", "status", "wizard_step", "progress", "results") if other != field]
    elsewhere = polling(client, since_version=1, watch=",".join(others))
    await parked(client, 2)
    await patch(client, change)
    assert (await soon(waiting)).body["version"] == 2
    assert not elsewhere.done()
    await send(client, "DELETE", url())
    assert (await soon(elsewhere)).status == 404


async def test_a_watched_change_before_the_wait_is_answered_at_once(client: Client) -> None:
    await start(client)
    await patch(client, {"status": "ERROR"})
    await patch(client, {"status": "IN_PROGRESS"})
    await patch(client, REPORT)
    answer = await poll(client, since_version=2, watch="status", wait=30)
    assert (answer.body["version"], answer.body["has_changes"]) == (5, True)


async def test_an_unwatched_change_is_none_at_the_time_limit(client: Client) -> None:
    await start(client)
    await patch(client, REPORT)
    answer = await poll(client, since_version=2, watch="status", wait=BRIEF)
    assert (answer.status, answer.body["has_changes"]) == (200, False)
    answer = await poll(client, watch="status", wait=BRIEF, headers={"If-None-Match": '"version-2"'})
    assert (answer.status, answer.headers["ETag"]) == (304, '"version-2"')


async def test_the_tag_is_always_that_of_the_state_that_comes_with_it(client: Client) -> None:
    """Also where nothing that is watched has changed: a tag that names version 2 over the body of 3 would be a lie."""
    await start(client)
    await patch(client, REPORT)
    answer = await poll(client, since_version=2, watch="status")
    assert answer.body["version"] == answer.body["state"]["version"] == 3
    assert answer.headers["ETag"] == '"version-3"'


async def test_who_goes_on_from_an_unwatched_answer_misses_nothing(client: Client) -> None:
    await start(client)
    await patch(client, REPORT)
    version = (await poll(client, since_version=2, watch="status")).body["version"]
    waiting = polling(client, since_version=version, watch="status")
    await parked(client)
    await patch(client, {"status": "ERROR"})
    assert (await soon(waiting)).body["version"] == 4


# --- until: a condition


@pytest.mark.parametrize(
    "condition",
    ["status:IN_PROGRESS", "status:COMPLETED,IN_PROGRESS", "wizard_step:PROGRESS", "wizard_step:PROGRESS,RESULTS"],
)
@pytest.mark.parametrize("since", [None, 1, 2])
async def test_a_condition_that_holds_is_answered_at_once(client: Client, condition: str, since: int | None) -> None:
    await start(client)
    answer = await poll(client, until=condition, since_version=since, wait=30)
    assert (answer.status, answer.body["state"]["wizard_step"]) == (200, "PROGRESS")
    assert answer.body["has_changes"] is (since != 2)


@pytest.mark.parametrize("since", [None, 1, 2])
@pytest.mark.parametrize("condition", ["status:COMPLETED,ERROR", "wizard_step:RESULTS"])
async def test_a_condition_is_waited_for_over_other_changes(client: Client, condition: str, since: int | None) -> None:
    await start(client)
    waiting = polling(client, until=condition, since_version=since)
    await parked(client)
    await patch(client, REPORT)
    assert not waiting.done()
    await patch(client, COMPLETE)
    answer = await soon(waiting)
    assert (answer.body["version"], answer.body["state"]["status"], answer.body["has_changes"]) == (
        4,
        "COMPLETED",
        True,
    )


async def test_at_the_time_limit_the_answer_is_the_state_reached(client: Client) -> None:
    await start(client)
    await patch(client, REPORT)
    answer = await poll(client, until="status:COMPLETED", since_version=2, wait=BRIEF)
    assert (answer.status, answer.body["version"], answer.body["has_changes"]) == (200, 3, True)
    assert answer.body["state"]["status"] == "IN_PROGRESS"
    answer = await poll(client, until="status:COMPLETED", since_version=3, wait=BRIEF)
    assert (answer.status, answer.body["has_changes"]) == (200, False)
    answer = await poll(client, until="status:COMPLETED", wait=BRIEF, headers={"If-None-Match": '"version-2"'})
    assert (answer.status, answer.headers["ETag"]) == (200, '"version-3"')
    answer = await poll(client, until="status:COMPLETED", wait=BRIEF, headers={"If-None-Match": '"version-3"'})
    assert answer.status == 304


async def test_without_a_wait_a_condition_is_answered_with_the_state_reached(client: Client) -> None:
    await start(client)
    assert (await poll(client, until="status:COMPLETED")).body["state"]["status"] == "IN_PROGRESS"


# --- reset: the server is behind the client


def set_back(database: str) -> None:
    """Put version 2 of inv-1 back as it was, as an operator does from a backup."""
    as_operator(
        database,
        "UPDATE investigation_states SET version = 2, status = 'IN_PROGRESS', progress_json = NULL,"
        " wizard_step_version = 2, status_version = 1, progress_version = 1",
    )


async def ahead(client: Client) -> None:
    """Bring inv-1 to version 4."""
    await start(client)
    await patch(client, REPORT)
    await patch(client, {"status": "ERROR"})


RESET: list[dict[str, Any]] = [
    {"since_version": 4},
    {"since_version": 4, "watch": "results"},
    {"since_version": 4, "until": "status:COMPLETED"},
    {"headers": {"If-None-Match": '"version-4"'}},
]


def assert_reset(answer: Answer) -> None:
    assert (answer.status, answer.headers["ETag"]) == (200, '"version-2"')
    body = answer.body
    assert (body["reset"], body["has_changes"], body["version"], body["state"]["version"]) == (True, True, 2, 2)


@pytest.mark.parametrize("asked", RESET)
@pytest.mark.parametrize("wait", [None, 30])
async def test_a_client_ahead_of_the_server_is_told_of_the_reset(
    client: Client, database: str, asked: dict[str, Any], wait: int | None
) -> None:
    await ahead(client)
    set_back(database)
    await noticed(client)
    assert_reset(await poll(client, wait=wait, **asked))


@pytest.mark.parametrize("asked", RESET)
async def test_a_client_that_waits_is_told_of_the_reset(client: Client, database: str, asked: dict[str, Any]) -> None:
    await ahead(client)
    waiting = polling(client, **asked)
    await parked(client)
    set_back(database)
    await noticed(client)
    assert_reset(await soon(waiting))


async def test_after_a_reset_the_next_version_is_one_that_nobody_has_seen(client: Client, database: str) -> None:
    await ahead(client)
    set_back(database)
    await noticed(client)
    after = await patch(client, {"status": "CANCELLED"})
    assert (after["version"], after["progress"]) == (5, None)
    answer = await poll(client, since_version=4, wait=30)
    assert (answer.body["version"], answer.body["has_changes"]) == (5, True)
    assert "reset" not in answer.body
