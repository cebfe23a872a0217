from typing import Any

import pytest

from tests import factories
from tests.conftest import Client
from tests.web.helpers import COMPLETE, create, parked, patch, polling, send, soon, start, stored, url

DISABLED = factories.settings(tools=[{"tool_name": "device_graph", "enabled": False}])
Fields = dict[str, Any]

# How to come to a state: the updates after its creation, the last version being one more than their number.
WAYS: dict[str, list[Fields]] = {
    "SETTINGS/IN_PROGRESS": [],
    "SETTINGS/CANCELLED": [{"status": "CANCELLED"}],
    "SETTINGS/COMPLETED": [{"status": "COMPLETED"}],
    "PROGRESS/IN_PROGRESS": [{"wizard_step": "PROGRESS"}],
    "PROGRESS/COMPLETED": [{"wizard_step": "PROGRESS"}, {"status": "COMPLETED"}],
    "PROGRESS/ERROR": [{"wizard_step": "PROGRESS"}, {"status": "ERROR"}],
    "PROGRESS/CANCELLED": [{"wizard_step": "PROGRESS"}, {"status": "CANCELLED"}],
    "RESULTS/COMPLETED": [{"wizard_step": "PROGRESS"}, COMPLETE],
    "RESULTS/ERROR": [{"wizard_step": "PROGRESS"}, {"status": "ERROR", "wizard_step": "RESULTS"}],
}

REFUSED: list[tuple[str, Fields, str, str, set[str]]] = [
    ("SETTINGS/IN_PROGRESS", {"wizard_step": "RESULTS"}, "SETTINGS", "RESULTS", {"PROGRESS", "SETTINGS"}),
    ("SETTINGS/IN_PROGRESS", {**COMPLETE}, "SETTINGS", "RESULTS", {"PROGRESS", "SETTINGS"}),
    ("SETTINGS/IN_PROGRESS", {"progress": factories.progress()}, "SETTINGS", "SETTINGS", {"PROGRESS"}),
    ("SETTINGS/IN_PROGRESS", {"results": factories.results()}, "SETTINGS", "SETTINGS", {"RESULTS"}),
    (
        "SETTINGS/IN_PROGRESS",
        {"wizard_step": "PROGRESS", "settings": DISABLED},
        "SETTINGS",
        "PROGRESS",
        {"PROGRESS", "SETTINGS"},
    ),
    ("SETTINGS/CANCELLED", {"status": "COMPLETED"}, "CANCELLED", "COMPLETED", set()),
    ("SETTINGS/CANCELLED", {"wizard_step": "PROGRESS"}, "SETTINGS", "PROGRESS", {"PROGRESS", "SETTINGS"}),
    ("SETTINGS/COMPLETED", {"status": "IN_PROGRESS", "wizard_step": "PROGRESS"}, "COMPLETED", "IN_PROGRESS", set()),
    ("PROGRESS/IN_PROGRESS", {"wizard_step": "RESULTS"}, "PROGRESS", "RESULTS", {"RESULTS", "SETTINGS"}),
    (
        "PROGRESS/IN_PROGRESS",
        {"wizard_step": "RESULTS", "status": "CANCELLED"},
        "PROGRESS",
        "RESULTS",
        {"RESULTS", "SETTINGS"},
    ),
    ("PROGRESS/IN_PROGRESS", {"settings": DISABLED}, "PROGRESS", "PROGRESS", {"SETTINGS"}),
    ("PROGRESS/IN_PROGRESS", {"results": factories.results()}, "PROGRESS", "PROGRESS", {"RESULTS"}),
    (
        "PROGRESS/IN_PROGRESS",
        {"wizard_step": "SETTINGS", "status": "COMPLETED"},
        "IN_PROGRESS",
        "COMPLETED",
        {"IN_PROGRESS"},
    ),
    (
        "PROGRESS/IN_PROGRESS",
        {"wizard_step": "SETTINGS", "progress": factories.progress()},
        "PROGRESS",
        "SETTINGS",
        {"PROGRESS"},
    ),
    ("PROGRESS/COMPLETED", {"status": "IN_PROGRESS"}, "COMPLETED", "IN_PROGRESS", set()),
    ("PROGRESS/COMPLETED", {"status": "ERROR"}, "COMPLETED", "ERROR", set()),
    ("PROGRESS/COMPLETED", {"progress": factories.progress()}, "PROGRESS", "PROGRESS", {"PROGRESS"}),
    ("PROGRESS/ERROR", {"status": "COMPLETED"}, "ERROR", "COMPLETED", {"IN_PROGRESS"}),
    ("PROGRESS/ERROR", {"progress": factories.progress()}, "PROGRESS", "PROGRESS", {"PROGRESS"}),
    ("PROGRESS/CANCELLED", {"status": "IN_PROGRESS"}, "CANCELLED", "IN_PROGRESS", set()),
    ("PROGRESS/CANCELLED", {"wizard_step": "RESULTS"}, "PROGRESS", "RESULTS", {"RESULTS", "SETTINGS"}),
    ("RESULTS/COMPLETED", {"wizard_step": "PROGRESS"}, "RESULTS", "PROGRESS", {"SETTINGS"}),
    ("RESULTS/COMPLETED", {"status": "CANCELLED"}, "COMPLETED", "CANCELLED", set()),
    ("RESULTS/COMPLETED", {"settings": DISABLED}, "RESULTS", "RESULTS", {"SETTINGS"}),
    ("RESULTS/COMPLETED", {"progress": factories.progress()}, "RESULTS", "RESULTS", {"PROGRESS"}),
    ("RESULTS/ERROR", {"wizard_step": "PROGRESS"}, "RESULTS", "PROGRESS", {"SETTINGS"}),
    (
        "RESULTS/ERROR",
        {"wizard_step": "RESULTS", "status": "IN_PROGRESS"},
        "RESULTS",
        "RESULTS",
        {"SETTINGS", "PROGRESS"},
    ),
]


async def arrive(client: Client, at: str) -> int:
    """Bring inv-1 to step/status and return its version."""
    version: int = (await create(client))["version"]
    for fields in WAYS[at]:
        version = (await patch(client, fields))["version"]
    return version


async def test_the_whole_way_and_back_to_a_new_run(client: Client) -> None:
    settings = (await create(client))["settings"]
    running = await patch(client, {"wizard_step": "PROGRESS"})
    assert (running["wizard_step"], running["status"]) == ("PROGRESS", "IN_PROGRESS")
    await patch(client, {"progress": factories.progress()})
    done = await patch(client, {**COMPLETE, "results": factories.results()})
    assert (done["wizard_step"], done["status"]) == ("RESULTS", "COMPLETED")
    assert done["results"] == factories.results()
    assert done["progress"]["overall_progress"] == 25.0
    again = await patch(client, {"wizard_step": "SETTINGS"})
    assert (again["wizard_step"], again["status"], again["version"]) == ("SETTINGS", "IN_PROGRESS", 5)
    assert (again["settings"], again["progress"], again["results"]) == (settings, None, None)


@pytest.mark.parametrize("at", [way for way in WAYS if way != "SETTINGS/IN_PROGRESS"])
async def test_a_reset_starts_a_new_run_from_anywhere(client: Client, at: str) -> None:
    version = await arrive(client, at)
    after = await patch(client, {"wizard_step": "SETTINGS", "settings": factories.settings(name="Second run")})
    assert (after["wizard_step"], after["status"], after["version"]) == ("SETTINGS", "IN_PROGRESS", version + 1)
    assert (after["settings"]["name"], after["progress"], after["results"]) == ("Second run", None, None)


async def test_settings_may_come_with_the_start(client: Client) -> None:
    await create(client, settings=None)
    started = await patch(client, {"wizard_step": "PROGRESS", "settings": factories.settings(name="Late")})
    assert (started["wizard_step"], started["settings"]["name"]) == ("PROGRESS", "Late")


async def test_a_start_without_settings_is_refused_and_says_why(client: Client) -> None:
    await create(client, settings=None)
    answer = await send(client, "PATCH", url(), json={"wizard_step": "PROGRESS"})
    assert (answer.status, answer.body["code"]) == (409, "invalid-transition")
    assert [error["field"] for error in answer.body["errors"]] == ["settings"]


async def test_the_status_may_be_set_before_the_step_and_results_come_later(client: Client) -> None:
    await arrive(client, "PROGRESS/COMPLETED")
    await patch(client, {"wizard_step": "RESULTS"})
    assert (await patch(client, {"results": factories.results()}))["results"] == factories.results()


@pytest.mark.parametrize("at", ["PROGRESS/ERROR", "RESULTS/ERROR"])
async def test_a_retry_goes_back_to_step_progress(client: Client, at: str) -> None:
    await arrive(client, at)
    after = await patch(client, {"status": "IN_PROGRESS"})
    assert (after["wizard_step"], after["status"]) == ("PROGRESS", "IN_PROGRESS")
    assert (await patch(client, {"progress": factories.progress()}))["progress"] is not None


async def test_fields_sent_as_they_are_count_as_not_sent(client: Client) -> None:
    await start(client)
    state = await patch(client, {"progress": factories.progress()})
    done = await patch(client, {**COMPLETE, "progress": state["progress"], "settings": factories.settings()})
    assert (done["wizard_step"], done["progress"]) == ("RESULTS", state["progress"])


@pytest.mark.parametrize(("at", "fields", "origin", "target", "allowed"), REFUSED)
async def test_a_refused_transition_says_from_where_to_where_and_changes_nothing(
    client: Client, database: str, at: str, fields: Fields, origin: str, target: str, allowed: set[str]
) -> None:
    version = await arrive(client, at)
    before = stored(database)
    waiting = polling(client, since_version=version)
    await parked(client)
    answer = await send(client, "PATCH", url(), json=fields)
    assert (answer.status, answer.body["code"]) == (409, "invalid-transition")
    told = answer.body
    assert (told["from"], told["to"], set(told["allowed"])) == (origin, target, allowed - {target})
    assert stored(database) == before
    assert not waiting.done()
    reset = await patch(client, {"wizard_step": "SETTINGS", "settings": factories.settings(name="New run")})
    assert (await soon(waiting)).body["version"] == reset["version"] == version + 1
