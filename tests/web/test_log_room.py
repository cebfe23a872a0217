"""Logs that take more than a state may: old lines leave, and an investigation always comes to its end (contract 4)."""

from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import COMPLETE, as_operator, noticed, patch, read, send, start, url
from tests.web.reports import PROGRESS, report

Json = dict[str, Any]
MINIMAL = {"Prefer": "return=minimal"}
FINDING = {"title": "Shared device", "description": "d" * 2000, "severity": "high", "confidence": 0.5}
RESULTS = factories.results(findings=[FINDING] * 20)


def lines(first: int, count: int) -> list[str]:
    """Return lines of 107 characters."""
    return [f"line {number:06d} ".ljust(107, "x") for number in range(first, first + count)]


async def test_five_chatty_agents_report_to_the_end_and_finish_with_twenty_findings(client: Client) -> None:
    await start(client)
    for number in range(250):  # 5,000 lines; at 4,640 of them every report was a 413
        body = {"agents": [{"agent_name": f"agent-{number % 5}", "logs": lines(number * 20, 20)}]}
        answer = await send(client, "POST", PROGRESS, json=body, headers=MINIMAL)
        assert answer.status == 204, (number, answer.body)
    state = await report(client, {"finish": True, "results": RESULTS, "logs": ["done"]})
    assert (state["status"], state["wizard_step"], len(state["results"]["findings"])) == ("COMPLETED", "RESULTS", 20)
    agents = state["progress"]["agents"]
    assert [len(agent["logs"]) + agent["logs_dropped"] for agent in agents] == [1000] * 5
    assert sum(len(agent["logs"]) for agent in agents) > 2500, "only what has to leaves"
    assert [agent["logs"][-1] for agent in agents] == [lines(4919 + 20 * place, 1)[0] for place in range(5)]
    assert state["progress"]["logs"] == ["done"]
    told = await send(client, "GET", url(), params={"version": "1"})
    assert told.status == 200, "the trail leads back over all that left"


async def test_lines_leave_by_json_nodes_too(start_server: StartServer) -> None:
    client = await start_server(state={"max_nodes": 1000, "max_log_lines": 100_000})
    await start(client)
    for number in range(60):
        await report(client, {"logs": [str(number)] * 50})
    progress = (await read(client))["progress"]
    assert len(progress["logs"]) + progress["logs_dropped"] == 3000
    assert len(progress["logs"]) > 500


async def test_a_finish_that_fills_the_state_takes_the_room_of_old_lines(client: Client) -> None:
    await start(client)
    for number in range(6):
        await report(client, {"logs": [f"{number}" * 1000] * 50})
    large = factories.results(findings=[{**FINDING, "description": "d" * 20_000}] * 20)
    state = await report(client, {"finish": True, "results": large, "logs": ["done"]})
    assert (state["status"], state["progress"]["logs"][-1]) == ("COMPLETED", "done")
    assert state["progress"]["logs_dropped"] > 0


async def test_results_that_grow_after_the_end_take_the_room_of_old_lines(client: Client) -> None:
    await start(client)
    for _ in range(7):
        await report(client, {"logs": ["x" * 1000] * 50})
    await patch(client, {**COMPLETE, "results": RESULTS})
    shown = (await read(client))["progress"]
    large = factories.results(findings=[{**FINDING, "description": "d" * 10_000}] * 20)
    state = await patch(client, {"results": large})
    assert state["results"] == {
        **state["results"],
        "findings": [{**each, "evidence": []} for each in large["findings"]],
    }
    logs = state["progress"]["logs"]
    assert len(logs) + state["progress"].get("logs_dropped", 0) == len(shown["logs"]) + shown.get("logs_dropped", 0)
    assert len(logs) < len(shown["logs"])


async def test_what_a_request_itself_logs_is_never_shortened(client: Client) -> None:
    await start(client)
    await report(client, {"logs": ["x" * 1000] * 300})
    body = {"progress": factories.progress(logs=["y" * 1000] * 600)}
    answer = await send(client, "PATCH", url(), json=body)
    assert (answer.status, answer.body["code"]) == (413, "state-too-large")
    answer = await send(client, "POST", PROGRESS, json={"logs": ["z" * 1000] * 600})
    assert (answer.status, answer.body["code"]) == (413, "state-too-large")
    state = await report(client, {"logs": ["z" * 1000] * 400})
    assert state["progress"]["logs"][-400:] == ["z" * 1000] * 400


@pytest.mark.parametrize(
    "written",
    [
        '{"phases": [], "agents": null, "logs": []}',
        '{"phases": null, "agents": [], "logs": null}',
        '{"phases": [], "agents": [{"agent_name": "a", "status": "running", "logs": null}], "logs": []}',
        '{"phases": [], "agents": [{"agent_name": "a", "status": "running"}], "logs": [], "logs_dropped": "3"}',
    ],
)
async def test_progress_edited_by_hand_into_nulls_is_merged_all_the_same(
    client: Client, database: str, written: str
) -> None:
    await start(client)
    as_operator(database, "UPDATE investigation_states SET progress_json = ?", written)
    await noticed(client)
    body = {"agents": [{"agent_name": "a", "logs": ["l"]}], "phases": [{"phase_name": "p"}], "logs": ["x"]}
    state = await report(client, body)
    assert state["progress"]["agents"][0]["logs"] == ["l"]
    assert state["progress"]["logs"] == ["x"]
