"""Reports that meet what is not as agents leave it: edits by hand, twins, the wrong moment."""

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import COMPLETE, INV, as_operator, create, noticed, patch, send, start, stored, url
from tests.web.reports import PROGRESS, report


@pytest.fixture
async def running(client: Client) -> Client:
    """A server on which inv-1 runs, without any progress yet: version 2."""
    await start(client)
    return client


@pytest.mark.parametrize(
    "written",
    ["{}", '{"overall_progress": 5}', "[]", '"text"', '{"phases": null, "agents": {}, "logs": 3}', '{"agents": [{}]}'],
)
async def test_progress_edited_by_hand_into_anything_is_never_a_500(
    running: Client, database: str, written: str
) -> None:
    as_operator(database, "UPDATE investigation_states SET progress_json = ? WHERE investigation_id = ?", written, INV)
    await noticed(running)
    answer = await send(running, "POST", PROGRESS, json={"agents": [{"agent_name": "a", "logs": ["l"]}], "logs": ["x"]})
    assert answer.status in (200, 409, 422), answer.body


async def test_agents_of_one_name_that_an_update_brought_lose_nothing(running: Client) -> None:
    twins = [{"agent_name": "device", "status": "running", "logs": [line]} for line in ("one", "two")]
    await patch(running, {"progress": factories.progress(agents=twins)})
    state = await report(running, {"agents": [{"agent_name": "location", "logs": ["three"]}]})
    lines = [line for agent in state["progress"]["agents"] for line in agent["logs"]]
    assert sorted(lines) == ["one", "three", "two"]


@pytest.mark.parametrize("moment", ["SETTINGS", "RESULTS"])
async def test_an_empty_report_is_fine_at_any_moment(client: Client, database: str, moment: str) -> None:
    await (create(client) if moment == "SETTINGS" else start(client))
    if moment == "RESULTS":
        await patch(client, COMPLETE)
    before = stored(database)
    answer = await send(client, "POST", PROGRESS, json={})
    assert answer.status == 200, answer.body
    assert stored(database) == before


async def test_an_agent_named_twice_in_one_report_keeps_the_lines_of_both(start_server: StartServer) -> None:
    client = await start_server(state={"max_log_lines": 10})
    await start(client)
    lines = [f"line {number}" for number in range(20)]
    parts = [{"agent_name": "device", "logs": lines[:10]}, {"agent_name": "device", "logs": lines[10:]}]
    await report(client, {"agents": parts})
    seen = (await send(client, "GET", url(), params={"version": "3"})).body["progress"]["agents"][0]["logs"]
    assert seen == lines
