"""What agents report is merged into the progress: nothing is taken away, and wrong moments change nothing."""

from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    COMPLETE,
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
    trail,
    url,
)
from tests.web.reports import PROGRESS, report


@pytest.fixture
async def running(client: Client) -> Client:
    """A server on which inv-1 runs, without any progress yet: version 2."""
    await start(client)
    return client


async def test_a_first_report_makes_the_progress(running: Client) -> None:
    state = await report(running, {"overall_progress": 5, "phases": [{"phase_name": "collect"}], "logs": ["begun"]})
    assert state["version"] == 3
    assert state["progress"] == {
        "overall_progress": 5.0,
        "current_phase": None,
        "phases": [
            {"phase_name": "collect", "status": "running", "progress": 0.0, "started_at": None, "completed_at": None}
        ],
        "agents": [],
        "logs": ["begun"],
        "started_at": None,
    }
    assert but_access(await read(running)) == but_access(state)


@pytest.mark.parametrize(
    ("field", "value"),
    [("overall_progress", 80.0), ("current_phase", "score"), ("started_at", "2026-01-10T00:00:00.000Z")],
)
async def test_a_single_field_is_set_and_everything_else_stays(running: Client, field: str, value: Any) -> None:
    before = (await patch(running, {"progress": factories.progress()}))["progress"]
    state = await report(running, {field: value})
    assert state["progress"] == {**before, field: value}


async def test_a_known_phase_keeps_what_the_report_leaves_out(running: Client) -> None:
    await report(running, {"phases": [{"phase_name": "collect", "started_at": "2026-01-09T08:00:00Z"}]})
    await report(running, {"phases": [{"phase_name": "score", "status": "pending"}]})
    state = await report(running, {"phases": [{"phase_name": "collect", "status": "completed", "progress": 100}]})
    collect, score = state["progress"]["phases"]
    assert (collect["phase_name"], collect["status"], collect["progress"]) == ("collect", "completed", 100.0)
    assert (collect["started_at"], collect["completed_at"]) == ("2026-01-09T08:00:00.000Z", None)
    assert (score["phase_name"], score["status"]) == ("score", "pending")


async def test_agents_are_merged_by_name_and_their_lines_appended(running: Client) -> None:
    await report(running, {"agents": [{"agent_name": "device", "progress": 10, "logs": ["d1"]}]})
    await report(running, {"agents": [{"agent_name": "location", "status": "waiting", "logs": ["l1"]}]})
    state = await report(running, {"agents": [{"agent_name": "device", "status": "done", "logs": ["d2", "d3"]}]})
    assert state["progress"]["agents"] == [
        {"agent_name": "device", "status": "done", "progress": 10.0, "logs": ["d1", "d2", "d3"]},
        {"agent_name": "location", "status": "waiting", "progress": 0.0, "logs": ["l1"]},
    ]


async def test_one_report_may_name_an_agent_twice(running: Client) -> None:
    lines = [{"agent_name": "device", "progress": 1, "logs": ["a"]}, {"agent_name": "device", "logs": ["b"]}]
    [agent] = (await report(running, {"agents": lines}))["progress"]["agents"]
    assert (agent["progress"], agent["logs"]) == (1.0, ["a", "b"])


async def test_lines_are_appended_in_the_order_of_the_reports(running: Client) -> None:
    for number in range(5):
        state = await report(running, {"logs": [f"{number}a", f"{number}b"]})
    assert state["progress"]["logs"] == [f"{number}{letter}" for number in range(5) for letter in "ab"]


async def test_equal_lines_are_lines_of_their_own(running: Client) -> None:
    await report(running, {"logs": ["tick", "tick"]})
    assert (await report(running, {"logs": ["tick"]}))["progress"]["logs"] == ["tick"] * 3


async def test_the_state_keeps_the_newest_lines_and_counts_the_others(start_server: StartServer) -> None:
    client = await start_server(state={"max_log_lines": 10})
    await start(client)
    for number in range(25):
        lines = [f"line {number}"]
        state = await report(client, {"logs": lines, "agents": [{"agent_name": "a", "logs": lines}]})
        kept = [f"line {kept}" for kept in range(max(number - 9, 0), number + 1)]
        progress = state["progress"]
        for log in (progress, progress["agents"][0]):
            assert (log["logs"], log.get("logs_dropped", 0)) == (kept, max(number - 9, 0))
    assert await trail_lines(client, state["version"]) == [f"line {number}" for number in range(25)]


async def trail_lines(client: Client, newest: int) -> list[str]:
    """Return every line that any version of the state showed, in the order in which they came."""
    lines: list[str] = []
    for version in range(3, newest + 1):
        body = (await send(client, "GET", url(), params={"version": str(version)})).body
        progress = body["progress"]
        new = progress.get("logs_dropped", 0) + len(progress["logs"]) - len(lines)
        lines += progress["logs"][len(progress["logs"]) - new :]
    return lines


async def test_a_report_longer_than_the_limit_loses_nothing(start_server: StartServer) -> None:
    client = await start_server(state={"max_log_lines": 10})
    await start(client)
    await report(client, {"logs": ["early"]})
    await report(client, {"logs": [f"line {number}" for number in range(30)]})
    state = await report(client, {"logs": ["late"]})
    assert (len(state["progress"]["logs"]), state["progress"]["logs_dropped"]) == (10, 22)
    assert await trail_lines(client, 5) == ["early", *(f"line {number}" for number in range(30)), "late"]


async def test_no_version_is_needed_even_where_updates_need_one(start_server: StartServer) -> None:
    client = await start_server(state={"require_precondition": True})
    await create(client)
    assert (await send(client, "PATCH", url(), json={"wizard_step": "PROGRESS"})).status == 428
    await patch(client, {"wizard_step": "PROGRESS", "version": 1})
    assert (await report(client, {"overall_progress": 1}))["version"] == 3


async def test_a_minimal_answer_is_a_204_with_the_new_tag(running: Client) -> None:
    answer = await send(running, "POST", PROGRESS, json={"logs": ["a"]}, headers={"Prefer": "return=minimal"})
    assert (answer.status, answer.headers["ETag"], answer.text) == (204, '"version-3"', b"")
    assert answer.headers["Preference-Applied"] == "return=minimal"


async def test_a_report_is_one_progress_updated_entry(running: Client, database: str) -> None:
    await report(running, {"logs": ["a"], "overall_progress": 3})
    entry = trail(database)[-1]
    assert (entry["action_type"], entry["version"], entry["user_id"]) == ("PROGRESS_UPDATED", 3, "dev")


@pytest.mark.parametrize("fields", [{}, {"logs": []}, {"phases": [], "agents": []}, {"overall_progress": None}])
@pytest.mark.parametrize("before", [None, factories.progress()])
async def test_an_empty_report_changes_nothing(running: Client, database: str, fields: Any, before: Any) -> None:
    if before is not None:
        await patch(running, {"progress": before})
    untouched = stored(database)
    state = await report(running, fields)
    assert state["version"] == (2 if before is None else 3)
    assert stored(database) == untouched


async def test_a_report_of_what_is_known_makes_no_version(running: Client, database: str) -> None:
    fields = {"overall_progress": 5, "phases": [{"phase_name": "collect", "progress": 5}]}
    await report(running, fields)
    untouched = stored(database)
    assert (await report(running, fields))["version"] == 3
    assert stored(database) == untouched


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"overal_progress": 5}, "overal_progress"),
        ({"phases": [{"phase_name": "a", "percent": 1}]}, "phases.0.percent"),
        ({"agents": [{"agent_name": "a", "log": "x"}]}, "agents.0.log"),
        ({"agents": [{"agent_name": "a", "logs_dropped": 3}]}, "agents.0.logs_dropped"),
        ({"phases": [{"progress": 1}]}, "phases.0.phase_name"),
        ({"overall_progress": 101}, "overall_progress"),
        ({"logs": [1]}, "logs.0"),
        ({"version": 2}, "version"),
    ],
)
async def test_a_field_that_is_wrong_is_named_and_nothing_changes(
    running: Client, database: str, body: Any, field: str
) -> None:
    before = stored(database)
    answer = await send(running, "POST", PROGRESS, json={"logs": ["lost"], **body})
    assert (answer.status, answer.body["code"]) == (422, "validation-failed")
    assert fields_named(answer) == {field}
    assert stored(database) == before


async def test_every_wrong_moment_is_a_409_that_changes_nothing(client: Client, database: str) -> None:
    await create(client)
    moments: list[Any] = [None, {"wizard_step": "PROGRESS", "status": "ERROR"}]
    for fields in moments:
        if fields:
            await patch(client, fields)
        before = stored(database)
        answer = await send(client, "POST", PROGRESS, json={"logs": ["late"], "overall_progress": 1})
        assert (answer.status, answer.body["code"]) == (409, "invalid-transition")
        assert stored(database) == before


@pytest.mark.parametrize("ending", [COMPLETE, {"status": "CANCELLED"}, {"status": "COMPLETED"}])
async def test_a_report_after_the_end_is_a_409_that_changes_nothing(
    running: Client, database: str, ending: dict[str, str]
) -> None:
    await report(running, {"logs": ["in time"]})
    await patch(running, ending)
    before = stored(database)
    answer = await send(running, "POST", PROGRESS, json={"logs": ["too late"]})
    assert (answer.status, answer.body["code"]) == (409, "invalid-transition")
    assert stored(database) == before


async def test_results_without_the_step_for_them_take_the_whole_report_with_them(
    running: Client, database: str
) -> None:
    before = stored(database)
    answer = await send(running, "POST", PROGRESS, json={"logs": ["lost"], "results": factories.results()})
    assert (answer.status, answer.body["code"]) == (409, "invalid-transition")
    assert stored(database) == before


@pytest.mark.parametrize("status", ["COMPLETED", "ERROR"])
async def test_finishing_is_one_change(running: Client, database: str, status: str) -> None:
    named = {} if status == "COMPLETED" else {"status": status}
    fields = {"finish": True, "overall_progress": 100, "logs": ["done"], "results": factories.results(), **named}
    state = await report(running, fields)
    assert (state["version"], state["status"], state["wizard_step"]) == (3, status, "RESULTS")
    assert (state["progress"]["overall_progress"], state["progress"]["logs"]) == (100.0, ["done"])
    assert state["results"]["risk_score"]["overall_score"] == 87.5
    assert [entry["version"] for entry in trail(database)] == [1, 2, 3]


async def test_finishing_needs_nothing_else(running: Client) -> None:
    await report(running, {"overall_progress": 99})
    state = await report(running, {"finish": True})
    assert (state["status"], state["wizard_step"], state["results"]) == ("COMPLETED", "RESULTS", None)


async def test_finishing_wakes_a_poll_that_waits_for_the_end(running: Client) -> None:
    waiting = polling(running, until="status:COMPLETED", since_version=2)
    await parked(running)
    await report(running, {"logs": ["going"]})
    await report(running, {"finish": True, "results": factories.results()})
    answer = await soon(waiting)
    assert (answer.body["version"], answer.body["state"]["status"]) == (4, "COMPLETED")


async def test_a_repeated_key_is_carried_out_once_and_named_in_the_trail(running: Client, database: str) -> None:
    key = {"Idempotency-Key": "report-1"}
    first = await send(running, "POST", PROGRESS, json={"logs": ["once"]}, headers=key)
    again = await send(running, "POST", PROGRESS, json={"logs": ["once"]}, headers=key)
    assert (first.status, again.status, again.text) == (200, 200, first.text)
    assert (await read(running))["progress"]["logs"] == ["once"]
    assert [entry["mutation_id"] for entry in trail(database)] == [None, None, "report-1"]
    other = await send(running, "POST", PROGRESS, json={"logs": ["twice"]}, headers=key)
    assert other.status == 422


async def test_an_absent_and_somebody_elses_investigation_are_404(running: Client) -> None:
    assert (await send(running, "POST", url("inv-9", "/progress"), json={"logs": ["a"]})).status == 404
    other = await send(running, "POST", PROGRESS, json={"logs": ["a"]}, headers={"X-User-Id": "eve"})
    assert other.status == 404


@pytest.mark.parametrize("body", ["[]", '"text"', "null", "5"])
async def test_a_body_that_is_no_object_is_a_422(running: Client, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    assert (await send(running, "POST", PROGRESS, data=body, headers=headers)).status == 422
