"""What GET returned can be sent back: nothing changes, and what only the server writes is no obstacle (contract 4)."""

from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    COMPLETE,
    INV,
    JSON_PATCH,
    MERGE,
    StoppedClock,
    create,
    patch,
    poll,
    read,
    send,
    start,
    stored,
    url,
)
from tests.web.reports import report
from tests.web.templates import TEMPLATES

Json = dict[str, Any]
SHAPES = {
    "no settings": [],
    "settings": [{"settings": factories.settings()}],
    "running": [{"settings": factories.settings()}, {"wizard_step": "PROGRESS"}],
    "reported": [
        {"settings": factories.settings()},
        {"wizard_step": "PROGRESS", "progress": factories.progress()},
    ],
    "completed": [
        {"settings": factories.settings(), "wizard_step": "PROGRESS"},
        {"progress": factories.progress()},
        {**COMPLETE, "results": factories.results()},
    ],
    "failed": [{"settings": factories.settings(), "wizard_step": "PROGRESS"}, {"status": "ERROR"}],
    "cancelled in settings": [{"status": "CANCELLED"}],
    "cancelled": [{"settings": factories.settings(), "wizard_step": "PROGRESS"}, {"status": "CANCELLED"}],
    "reset": [{"settings": factories.settings(), "wizard_step": "PROGRESS"}, {"wizard_step": "SETTINGS"}],
}


def without_nulls(value: Json) -> Json:
    """Return the body as a client writes it that leaves out what is null."""
    return {name: member for name, member in value.items() if member is not None}


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
async def test_every_state_can_be_sent_back_and_stays_as_it_is(client: Client, changes: list[Json]) -> None:
    await create(client, settings=None)
    for change in changes:
        await patch(client, change)
    state = await read(client)
    for method, headers in (("PUT", {}), ("PATCH", {}), ("PATCH", MERGE)):
        for body in (state, without_nulls(state)):
            answer = await send(client, method, url(), json=body, headers=headers)
            assert answer.status == 200, answer.body
            assert {**answer.body, "last_accessed": None} == {**state, "last_accessed": None}
    polled = (await poll(client)).body["state"]
    assert (await send(client, "PUT", url(), json=polled)).body["version"] == state["version"]


async def test_a_state_with_marks_and_trimmed_logs_can_be_sent_back(start_server: StartServer) -> None:
    clock = StoppedClock()
    client = await start_server(clock=clock, state={"max_log_lines": 10})
    await start(client)
    await report(client, {"agents": [{"agent_name": "a", "logs": ["x"] * 8}], "logs": ["y"] * 8})
    await report(client, {"agents": [{"agent_name": "a", "logs": ["z"] * 8}], "logs": ["w"] * 8})
    clock.move(days=365)
    state = await read(client)
    assert (state["stale"], state["stalled"], state["progress"]["logs_dropped"]) == (True, True, 6)
    answer = await send(client, "PUT", url(), json=state)
    assert (answer.status, answer.body["version"]) == (200, state["version"])


async def test_what_is_changed_in_a_state_that_is_sent_back_is_changed(client: Client) -> None:
    state = await create(client)
    settings = {**state["settings"], "name": "Renamed"}
    answer = await send(client, "PUT", url(), json={**state, "settings": settings})
    assert (answer.status, answer.body["version"], answer.body["settings"]) == (200, 2, settings)
    again = await send(client, "PUT", url(), json={**state, "settings": settings})
    assert (again.status, again.body["code"]) == (409, "version-conflict"), "its version is a precondition, as ever"


WRONG = {
    "investigation_id": "inv-2",
    "user_id": "eve",
    "created_at": "2020-01-01T00:00:00.000Z",
    "updated_at": 5,
}


@pytest.mark.parametrize(("name", "value"), WRONG.items())
async def test_a_read_only_member_that_is_not_as_it_is_is_refused(
    client: Client, database: str, name: str, value: Any
) -> None:
    state = await create(client)
    before = stored(database)
    operations = [{"op": "add", "path": f"/{name}", "value": value}]
    for method, body, headers in (
        ("PUT", {**state, name: value}, {}),
        ("PATCH", {name: value, "status": "CANCELLED"}, {}),
        ("PATCH", {name: value}, MERGE),
        ("PATCH", operations, JSON_PATCH),
    ):
        answer = await send(client, method, url(), json=body, headers=headers)
        assert answer.status == 422, answer.body
        assert [(error["field"], error["constraint"]) for error in answer.body["errors"]] == [(name, "read_only")]
    assert stored(database) == before


async def test_an_instant_may_be_written_in_another_way(client: Client) -> None:
    state = await create(client)
    written = {name: state[name].replace("Z", "+00:00") for name in ("created_at", "updated_at")}
    answer = await send(client, "PUT", url(), json={**state, **written})
    assert (answer.status, answer.body["version"]) == (200, 1)


@pytest.mark.parametrize("op", ["add", "replace", "remove"])
async def test_a_patch_may_name_when_a_state_was_last_read(client: Client, op: str) -> None:
    await create(client)
    operations = [{"op": op, "path": "/last_accessed", "value": "2026-01-01T00:00:00.000Z"}]
    answer = await send(client, "PATCH", url(), json=operations, headers=JSON_PATCH)
    assert (answer.status, answer.body["version"]) == (200, 1)


async def test_a_template_can_be_sent_back_though_it_was_applied_meanwhile(client: Client) -> None:
    made = (await send(client, "POST", TEMPLATES, json={"name": "T", "settings": factories.settings()})).body
    path = f"{TEMPLATES}/{made['template_id']}"
    for uses in range(2):
        for method in ("PUT", "PATCH"):
            answer = await send(client, method, path, json=made)
            assert (answer.status, answer.body) == (200, {**made, "usage_count": uses})
        body = {"investigation_id": f"{INV}-{uses}"}
        assert (await send(client, "POST", f"{path}/apply", json=body)).status == 201
    renamed = await send(client, "PUT", path, json={**made, "name": "U"})
    assert (renamed.status, renamed.body["name"]) == (200, "U")


@pytest.mark.parametrize(
    ("name", "value"),
    [("template_id", "t-2"), ("user_id", "eve"), ("created_at", "2020-01-01T00:00:00Z"), ("usage_count", 7)],
)
async def test_a_read_only_member_of_a_template_is_refused_when_it_is_not_as_it_is(
    client: Client, name: str, value: Any
) -> None:
    made = (await send(client, "POST", TEMPLATES, json={"name": "T", "settings": factories.settings()})).body
    path = f"{TEMPLATES}/{made['template_id']}"
    answer = await send(client, "PUT", path, json={**made, name: value, "name": "U"})
    assert answer.status == 422
    assert [(error["field"], error["constraint"]) for error in answer.body["errors"]] == [(name, "read_only")]
    assert (await send(client, "GET", path)).body == made
