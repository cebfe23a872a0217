import re
from datetime import datetime
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    COMPLETE,
    STATES,
    TIMESTAMP,
    StoppedClock,
    TickingClock,
    but_access,
    create,
    fields_named,
    patch,
    poll,
    poll_url,
    read,
    send,
    start,
    url,
)
from wizard_server.web.live import poll_query


async def test_who_has_nothing_gets_the_state_at_once(client: Client) -> None:
    state = await create(client)
    answer = await poll(client, wait=30)
    assert (answer.status, answer.headers["ETag"]) == (200, '"version-1"')
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.body
    assert set(body) == {"investigation_id", "timestamp", "state", "has_changes", "next_poll_interval", "version"}
    assert (body["investigation_id"], body["version"], body["has_changes"]) == ("inv-1", 1, True)
    assert but_access(body["state"]) == but_access(state)
    assert re.fullmatch(TIMESTAMP, body["timestamp"])
    assert answer.headers["X-Recommended-Interval"] == str(body["next_poll_interval"])


async def test_the_state_says_that_it_was_looked_at_now(client: Client) -> None:
    await create(client)
    body = (await poll(client)).body
    assert body["state"]["last_accessed"] == body["timestamp"]


@pytest.mark.parametrize("tags", ['"version-2"', 'W/"version-2"', '"version-1", "version-2"', "*"])
async def test_unchanged_is_a_304_for_the_header(client: Client, tags: str) -> None:
    await start(client)
    answer = await poll(client, headers={"If-None-Match": tags})
    assert (answer.status, answer.text, answer.headers["ETag"]) == (304, b"", '"version-2"')
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Recommended-Interval"] == "500"


async def test_what_is_asked_at_length_is_answered_and_not_remembered(client: Client) -> None:
    await create(client)
    many = ", ".join(f'"version-{version}"' for version in range(1, 400))
    before = poll_query.remembered.cache_info().currsize
    assert (await poll(client, headers={"If-None-Match": many})).status == 304
    assert (await poll(client, headers={"Prefer": f"x={'y' * 1000}"})).status == 200
    assert poll_query.remembered.cache_info().currsize == before


async def test_unchanged_is_a_200_without_changes_for_the_parameter(client: Client) -> None:
    await start(client)
    answer = await poll(client, since_version=2)
    assert (answer.status, answer.headers["ETag"]) == (200, '"version-2"')
    assert (answer.body["has_changes"], answer.body["version"]) == (False, 2)
    assert but_access(answer.body["state"]) == but_access(await read(client))


@pytest.mark.parametrize("asked", [{"since_version": 1}, {"since_version": 0}, {"headers": {"If-None-Match": '"x"'}}])
async def test_changed_is_a_200_with_the_state(client: Client, asked: dict[str, Any]) -> None:
    await start(client)
    answer = await poll(client, wait=30, **asked)
    assert (answer.status, answer.headers["ETag"]) == (200, '"version-2"')
    assert (answer.body["has_changes"], answer.body["version"]) == (True, 2)
    assert "reset" not in answer.body


async def test_changed_is_a_200_for_the_header_too(client: Client) -> None:
    await start(client)
    answer = await poll(client, wait=30, headers={"If-None-Match": 'W/"version-1"'})
    assert (answer.status, answer.body["has_changes"]) == (200, True)


async def test_an_absent_state_is_a_404_at_once(client: Client) -> None:
    for asked in ({}, {"since_version": 1, "wait": 30}, {"until": "status:ERROR", "wait": 30}):
        assert (await poll(client, **asked)).status == 404
    assert (await poll(client, headers={"If-None-Match": "*"})).status == 404


@pytest.mark.parametrize(
    "parameters",
    [
        {"since_version": "-1"},
        {"since_version": "x"},
        {"wait": "-1"},
        {"wait": "nan"},
        {"wait": "inf"},
        {"wait": "soon"},
        {"view": "short"},
        {"watch": ""},
        {"watch": "version"},
        {"watch": "status,"},
        {"until": "status"},
        {"until": "status:"},
        {"until": "status:DONE"},
        {"until": "progress:1"},
        {"until": "wizard_step:RESULTS,"},
        {"since": "1"},
    ],
)
async def test_a_wrong_parameter_is_named(client: Client, parameters: dict[str, str]) -> None:
    await create(client)
    answer = await poll(client, **parameters)
    assert (answer.status, fields_named(answer)) == (422, set(parameters))


async def test_a_summary_has_neither_settings_nor_results_nor_logs(client: Client) -> None:
    await start(client)
    await patch(client, {"progress": factories.progress()})
    await patch(client, {**COMPLETE, "results": factories.results()})
    full = (await poll(client)).body["state"]
    state = (await poll(client, view="summary")).body["state"]
    assert {"settings", "results"}.isdisjoint(state)
    assert set(full) - set(state) == {"settings", "results"}
    assert set(full["progress"]) - set(state["progress"]) == {"logs"}
    assert set(full["progress"]["agents"][0]) - set(state["progress"]["agents"][0]) == {"logs"}
    assert state["progress"]["phases"] == full["progress"]["phases"]
    assert (state["status"], state["version"], state["updated_at"]) == ("COMPLETED", 4, full["updated_at"])


async def test_a_summary_of_a_state_without_progress_is_there_too(client: Client) -> None:
    await create(client)
    assert (await poll(client, view="summary")).body["state"]["progress"] is None


async def test_a_summary_does_not_change_what_others_get(client: Client) -> None:
    await start(client)
    await patch(client, {"progress": factories.progress()})
    await poll(client, view="summary")
    assert (await poll(client)).body["state"]["progress"]["logs"] == ["investigation started"]


WAYS: list[tuple[list[dict[str, Any]], int]] = [
    ([], 2000),
    ([{"wizard_step": "PROGRESS"}], 500),
    ([{"wizard_step": "PROGRESS"}, COMPLETE], 5000),
    ([{"wizard_step": "PROGRESS"}, {"status": "COMPLETED"}], 5000),
    ([{"wizard_step": "PROGRESS"}, {"status": "CANCELLED"}], 5000),
    ([{"wizard_step": "PROGRESS"}, COMPLETE, {"wizard_step": "SETTINGS"}], 2000),
]


@pytest.mark.parametrize(("ways", "interval"), WAYS)
async def test_the_interval_follows_the_state(client: Client, ways: list[dict[str, Any]], interval: int) -> None:
    await create(client)
    for fields in ways:
        await patch(client, fields)
    answer = await poll(client)
    assert answer.body["next_poll_interval"] == interval
    assert answer.headers["X-Recommended-Interval"] == str(interval)


@pytest.mark.parametrize(("running", "interval"), [(True, 500), (False, 2000)])
async def test_who_is_idle_for_five_minutes_is_polled_slowly(
    start_server: StartServer, running: bool, interval: int
) -> None:
    clock = StoppedClock()
    client = await start_server(clock=clock)
    await (start if running else create)(client)
    clock.move(minutes=4, seconds=59)
    assert (await poll(client)).body["next_poll_interval"] == interval
    clock.move(seconds=2)
    assert (await poll(client)).body["next_poll_interval"] == 5000
    await patch(client, {"status": "ERROR"})
    await patch(client, {"status": "IN_PROGRESS", "wizard_step": "PROGRESS"})
    assert (await poll(client)).body["next_poll_interval"] == 500


CLOCKED: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", url(), {}),
    ("GET", poll_url(), {}),
    ("GET", "/api/v1/polling/health", {}),
    ("PATCH", url(), {"json": {"status": "ERROR"}}),
    ("POST", STATES, {"json": factories.creation("inv-2")}),
    ("DELETE", url(), {}),
]


@pytest.mark.parametrize(("method", "path", "asked"), CLOCKED)
async def test_one_request_reads_the_clock_once(
    start_server: StartServer, method: str, path: str, asked: dict[str, Any]
) -> None:
    readings: list[datetime] = []
    ticking = TickingClock()

    def clock() -> datetime:
        readings.append(ticking())
        return readings[-1]

    client = await start_server(clock=clock)
    await create(client)
    readings.clear()
    assert (await send(client, method, path, **asked)).status < 300
    assert len(readings) == 1
