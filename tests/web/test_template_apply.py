"""``POST /templates/{id}/apply``: a new state and a counted use, in one transaction (contract 4)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.templates import ANN, STATE, TEMPLATES, apply, ask, fields, investigate, make, trail, uses


async def test_a_template_becomes_a_new_state(client: Client) -> None:
    template = await make(client)
    status, state, headers = await apply(client, template)
    assert status == 201
    assert (headers["Location"], headers["ETag"]) == (f"{STATE}/inv-1", '"version-1"')
    assert (state["wizard_step"], state["status"], state["version"]) == ("SETTINGS", "IN_PROGRESS", 1)
    assert (state["settings"], state["user_id"]) == (template["settings"], "dev")
    _, read, _ = await ask(client, "GET", f"{STATE}/inv-1")
    assert {**read, "last_accessed": None} == {**state, "last_accessed": None}


async def test_without_an_identifier_the_server_makes_one(client: Client) -> None:
    template = await make(client)
    path = f"{TEMPLATES}/{template['template_id']}/apply"
    made = [await ask(client, "POST", path, {}) for _ in range(2)]
    assert [status for status, _, _ in made] == [201, 201]
    assert len({state["investigation_id"] for _, state, _ in made}) == 2
    assert [headers["Location"] for *_, headers in made] == [f"{STATE}/{s['investigation_id']}" for _, s, _ in made]


async def test_a_use_is_counted(client: Client) -> None:
    template = await make(client)
    for number in range(3):
        assert (await apply(client, template, f"inv-{number}"))[0] == 201
    assert await uses(client, template) == 3


async def test_the_trail_tells_of_the_creation_and_of_the_template(client: Client) -> None:
    template = await make(client, "Ring")
    _, state, _ = await apply(client, template, headers={"X-Audit-Source": "POLLING"})
    applied, created = await trail(client)
    assert (created["action_type"], created["version"], created["new_state"]["settings"]) == (
        "STATE_CREATED",
        1,
        state["settings"],
    )
    assert (applied["action_type"], applied["version"]) == ("TEMPLATE_APPLIED", None)
    assert applied["new_state"] == {"template_id": template["template_id"], "template_name": "Ring"}
    assert {entry["source"] for entry in (applied, created)} == {"POLLING"}
    assert {entry["user_id"] for entry in (applied, created)} == {"dev"}


async def test_one_reading_of_the_clock_dates_the_state_and_both_entries(start_server: StartServer) -> None:
    ticks = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second) for second in range(10_000))
    client = await start_server(clock=lambda: next(ticks))
    _, state, _ = await apply(client, await make(client))
    assert {entry["timestamp"] for entry in await trail(client)} == {state["created_at"]}


async def test_a_state_from_a_template_goes_on_as_any_other(client: Client) -> None:
    await apply(client, await make(client))
    status, state, _ = await ask(client, "PATCH", f"{STATE}/inv-1", {"wizard_step": "PROGRESS"})
    assert (status, state["version"]) == (200, 2)
    status, first, _ = await ask(client, "GET", f"{STATE}/inv-1?version=1")
    assert (status, first["wizard_step"]) == (200, "SETTINGS")


async def test_the_investigation_may_have_a_name_of_its_own(client: Client) -> None:
    template = await make(client)
    _, state, _ = await apply(client, template, name="Mules", overrides={"name": "Not this", "description": "x"})
    assert (state["settings"]["name"], state["settings"]["description"]) == ("Mules", "x")
    assert (await ask(client, "GET", f"{TEMPLATES}/{template['template_id']}"))[1]["settings"] == template["settings"]


@pytest.mark.parametrize(
    ("overrides", "changed"),
    [
        (None, {}),
        ({}, {}),
        ({"description": None}, {"description": None}),
        ({"correlation_mode": "AND"}, {"correlation_mode": "AND"}),
        ({"correlation_mode": None}, {"correlation_mode": "OR"}),
        (
            {"time_range": {"end": "2026-02-01T00:00:00+01:00"}},
            {"time_range": {"start": "2026-01-01T00:00:00.000Z", "end": "2026-01-31T23:00:00.000Z"}},
        ),
        (
            {"entities": [{"entity_type": "ip", "entity_id": "::1"}]},
            {"entities": [{"entity_type": "ip", "entity_id": "::1", "name": None}]},
        ),
    ],
)
async def test_overrides_are_merged_over_the_settings(client: Client, overrides: Any, changed: dict[str, Any]) -> None:
    template = await make(client)
    status, state, _ = await apply(client, template, overrides=overrides)
    assert status == 201
    assert state["settings"] == {**template["settings"], **changed}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"entities": []}, {"overrides.entities"}),
        ({"name": None}, {"overrides.name"}),
        ({"time_range": {"end": "2025-01-01T00:00:00Z"}}, {"overrides.time_range.end"}),
        ({"colour": "red", "tools": [{"enabled": True}]}, {"overrides.colour", "overrides.tools.0.tool_name"}),
        ({"entities": {"0": None}}, {"overrides.entities"}),
    ],
)
async def test_overrides_that_do_not_fit_are_named_by_their_path_and_change_nothing(
    client: Client, overrides: Any, expected: set[str]
) -> None:
    template = await make(client)
    status, problem, _ = await apply(client, template, overrides=overrides)
    assert (status, problem["code"], fields(problem)) == (422, "validation-failed", expected)
    assert (await ask(client, "GET", f"{STATE}/inv-1"))[0] == 404
    assert await uses(client, template) == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"investigation_id": "a b"}, "investigation_id"),
        ({"name": " "}, "name"),
        ({"name": "a" * 256}, "name"),
        ({"overrides": []}, "overrides"),
        ({"version": 1}, "version"),
    ],
)
async def test_a_request_that_is_none_is_named(client: Client, body: dict[str, Any], field: str) -> None:
    template = await make(client)
    path = f"{TEMPLATES}/{template['template_id']}/apply"
    status, problem, _ = await ask(client, "POST", path, {"investigation_id": "inv-1", **body})
    assert (status, fields(problem)) == (422, {field})


async def test_an_investigation_that_has_a_state_is_a_conflict_and_counts_nothing(client: Client) -> None:
    template = await make(client)
    await investigate(client, settings=None)
    before = await trail(client)
    status, problem, _ = await apply(client, template)
    assert (status, problem["code"]) == (409, "state-exists")
    assert await uses(client, template) == 0
    assert await trail(client) == before


async def test_the_investigation_of_another_is_a_conflict_and_counts_nothing(client: Client) -> None:
    template = await make(client, headers=ANN)
    await investigate(client)
    await ask(client, "DELETE", f"{STATE}/inv-1")
    assert (await apply(client, template, headers=ANN))[0] == 409
    _, read, _ = await ask(client, "GET", f"{TEMPLATES}/{template['template_id']}", headers=ANN)
    assert read["usage_count"] == 0


async def test_a_template_brings_a_deleted_state_back_above_its_newest_version(client: Client) -> None:
    template = await make(client)
    await investigate(client)
    await ask(client, "DELETE", f"{STATE}/inv-1")
    status, state, headers = await apply(client, template)
    assert (status, state["version"], headers["ETag"]) == (201, 3, '"version-3"')


async def test_a_state_over_its_size_limit_is_refused_and_counts_nothing(start_server: StartServer) -> None:
    client = await start_server(state={"max_size_kb": 100})
    template = await make(client)
    status, problem, _ = await apply(client, template, overrides={"description": "x" * 110_000})
    assert (status, problem["code"]) == (413, "state-too-large")
    assert await uses(client, template) == 0


async def test_the_same_key_and_body_apply_once(client: Client) -> None:
    template = await make(client)
    first, again = [await apply(client, template, headers={"Idempotency-Key": "k-1"}) for _ in range(2)]
    assert first[:2] == again[:2]
    assert [again[2][name] for name in ("ETag", "Location")] == ['"version-1"', f"{STATE}/inv-1"]
    assert await uses(client, template) == 1
    assert [entry["mutation_id"] for entry in await trail(client)] == ["k-1", "k-1"]


async def test_the_same_key_with_another_body_is_refused(client: Client) -> None:
    template = await make(client)
    key = {"Idempotency-Key": "k-1"}
    await apply(client, template, headers=key)
    status, problem, _ = await apply(client, template, "inv-2", headers=key)
    assert (status, problem["code"]) == (422, "idempotency-mismatch")
    assert await uses(client, template) == 1


async def test_a_minimal_answer_has_the_headers_alone(client: Client) -> None:
    template = await make(client)
    path = f"{TEMPLATES}/{template['template_id']}/apply"
    headers = {"Prefer": "return=minimal"}
    async with client.post(path, json={"investigation_id": "inv-1"}, headers=headers) as response:
        assert (response.status, await response.read()) == (201, b"")
        assert response.headers["ETag"] == '"version-1"'
        assert response.headers["Location"] == f"{STATE}/inv-1"


async def test_settings_without_an_enabled_tool_may_be_applied_and_not_started(client: Client) -> None:
    tools = [{"tool_name": "device_graph", "enabled": False}]
    status, _, _ = await apply(client, await make(client), overrides={"tools": tools})
    assert status == 201
    status, problem, _ = await ask(client, "PATCH", f"{STATE}/inv-1", {"wizard_step": "PROGRESS"})
    assert (status, problem["code"]) == (409, "invalid-transition")


async def test_the_template_is_not_touched_by_what_an_application_overrides(client: Client) -> None:
    template = await make(client)
    parameters = {"tools": [{"tool_name": "device_graph", "enabled": None, "parameters": {"depth": 9}}]}
    status, state, _ = await apply(client, template, overrides=parameters)
    assert (status, state["settings"]["tools"][0]["parameters"]) == (201, {"depth": 9})
    _, read, _ = await ask(client, "GET", f"{TEMPLATES}/{template['template_id']}")
    assert (read["settings"], read["settings"]["tools"]) == (template["settings"], factories.settings()["tools"])
