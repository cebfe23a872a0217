"""A summary has all that a list shows, in lists and dashboards alike, whoever wrote the row (contract 4)."""

from typing import Any

import pytest

from tests import factories
from tests.conftest import Client
from tests.web.helpers import (
    COMPLETE,
    INV,
    STATES,
    as_operator,
    create,
    noticed,
    parked,
    patch,
    send,
    sending,
    soon,
    start,
)

Json = dict[str, Any]
ACTIVE = "/api/v1/polling/active-investigations"
SHOWN = ("description", "entity_count", "started_at", "completed_at", "risk_score")
NOTHING = dict.fromkeys(SHOWN)


async def listed(client: Client) -> Json:
    item: Json = (await send(client, "GET", STATES)).body["items"][0]
    return item


async def shown(client: Client) -> Json:
    """Return what the list shows of the only investigation, which a dashboard shows too."""
    item = await listed(client)
    page = (await send(client, "GET", ACTIVE)).body["investigations"][0]
    assert {**page, "last_accessed": None} == {
        **item,
        "last_accessed": None,
        **{name: page[name] for name in ("overall_progress", "current_phase")},
    }
    return {name: item[name] for name in SHOWN}


async def test_a_summary_shows_what_the_documents_say_at_each_step(client: Client) -> None:
    await create(client, settings=None)
    assert await shown(client) == NOTHING
    await patch(client, {"settings": factories.settings()})
    settings = {**NOTHING, "description": "Burst of small authorisations", "entity_count": 2}
    assert await shown(client) == settings
    await patch(client, {"wizard_step": "PROGRESS"})
    await patch(client, {"progress": factories.progress()})
    running = {**settings, "started_at": "2026-01-09T08:00:00.000Z"}
    assert await shown(client) == running
    await patch(client, {**COMPLETE, "results": factories.results()})
    assert await shown(client) == {
        **running,
        "completed_at": "2026-01-09T08:05:00.000Z",
        "risk_score": {"overall_score": 87.5, "risk_level": "high"},
    }


async def test_a_change_tells_a_dashboard_the_same_as_the_database(client: Client) -> None:
    await start(client)
    await patch(client, {"progress": factories.progress()})
    cursor = (await send(client, "GET", ACTIVE)).body["cursor"]
    waiting = sending(client, "GET", ACTIVE, params={"cursor": str(cursor), "wait": "30"})
    await parked(client)
    await patch(client, {**COMPLETE, "results": factories.results()})
    told = (await soon(waiting)).body["investigations"][0]
    assert {name: told[name] for name in SHOWN} == await shown(client)


@pytest.mark.parametrize(
    "results",
    ["[]", '{"completed_at": 5, "risk_score": 7}', '{"risk_score": {"overall_score": "high", "risk_level": {}}}'],
)
async def test_what_a_hand_wrote_otherwise_is_shown_as_nothing(client: Client, database: str, results: str) -> None:
    await create(client)
    statement = "UPDATE investigation_states SET settings_json = ?, progress_json = ?, results_json = ?"
    settings = '{"name": "by hand", "description": {"a": 1}, "entities": 3}'
    as_operator(database, f"{statement} WHERE investigation_id = ?", settings, '"text"', results, INV)
    await noticed(client)
    found = await shown(client)
    assert (found["started_at"], found["completed_at"], found["risk_score"]) == (None, None, None)
