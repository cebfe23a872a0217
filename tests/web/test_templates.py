"""``/api/v1/templates``: make, read, change, delete (contract 4; the specification's ``validate_template``)."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.templates import ANN, STATE, TEMPLATES, ask, disabled, fields, investigate, make, trail
from wizard_server.domain.models.templates import TemplateResponse


async def test_a_template_is_made_from_settings_and_read_back(client: Client) -> None:
    body = {"name": "Ring", "description": "Cards", "settings": factories.settings()}
    status, made, headers = await ask(client, "POST", TEMPLATES, body)
    assert status == 201
    assert headers["Location"] == f"{TEMPLATES}/{made['template_id']}"
    assert set(made) == set(TemplateResponse.model_fields)
    assert (made["user_id"], made["name"], made["description"], made["usage_count"]) == ("dev", "Ring", "Cards", 0)
    assert made["settings"]["tools"] == factories.settings()["tools"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["created_at"])
    assert made["updated_at"] == made["created_at"]
    assert (await ask(client, "GET", headers["Location"]))[1] == made


async def test_a_template_is_made_from_an_investigation_which_notes_it_in_its_trail(client: Client) -> None:
    await investigate(client)
    status, made, _ = await ask(client, "POST", TEMPLATES, {"name": "Ring", "from_investigation_id": "inv-1"})
    assert status == 201
    _, state, _ = await ask(client, "GET", f"{STATE}/inv-1")
    assert made["settings"] == state["settings"]
    saved, created = await trail(client)
    assert (saved["action_type"], created["action_type"]) == ("TEMPLATE_SAVED", "STATE_CREATED")
    assert saved["new_state"] == {"template_id": made["template_id"], "template_name": "Ring"}
    assert (saved["version"], saved["source"], saved["user_id"], state["version"]) == (None, "USER", "dev", 1)


async def test_a_template_from_settings_concerns_no_trail(client: Client) -> None:
    await investigate(client)
    await make(client)
    assert [entry["action_type"] for entry in await trail(client)] == ["STATE_CREATED"]


async def test_one_reading_of_the_clock_dates_a_template_and_its_entry(start_server: StartServer) -> None:
    ticks = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second) for second in range(10_000))
    client = await start_server(clock=lambda: next(ticks))
    await investigate(client)
    _, made, _ = await ask(client, "POST", TEMPLATES, {"name": "Ring", "from_investigation_id": "inv-1"})
    saved, _ = await trail(client)
    assert saved["timestamp"] == made["created_at"] == made["updated_at"]


@pytest.mark.parametrize("sources", [{}, {"settings": None}, {"from_investigation_id": "inv-1"}])
async def test_a_template_has_exactly_one_source(client: Client, sources: dict[str, Any]) -> None:
    await investigate(client)
    both = {**sources, "settings": factories.settings()} if "from_investigation_id" in sources else sources
    status, problem, _ = await ask(client, "POST", TEMPLATES, {"name": "Ring", **both})
    assert (status, problem["code"]) == (422, "validation-failed")
    assert "settings" in problem["errors"][0]["message"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "", "settings": disabled()}, {"name", "settings.tools"}),
        (
            {"name": "  ", "settings": factories.settings(name="", entities=[])},
            {"name", "settings.name", "settings.entities"},
        ),
        ({"name": "a" * 256, "settings": disabled(), "colour": 1}, {"name", "settings.tools", "colour"}),
        ({"name": "taken", "settings": disabled()}, {"name", "settings.tools"}),
        ({"name": "taken", "settings": factories.settings(tools=[])}, {"name", "settings.tools"}),
        (
            {"name": "taken", "settings": {}},
            {"name", *(f"settings.{key}" for key in ("name", "entities", "time_range", "tools"))},
        ),
    ],
)
async def test_every_error_comes_in_one_answer(client: Client, body: dict[str, Any], expected: set[str]) -> None:
    await make(client, "taken")
    status, problem, _ = await ask(client, "POST", TEMPLATES, body)
    assert (status, problem["code"]) == (422, "validation-failed")
    assert fields(problem) == expected


async def test_a_missing_source_is_named_together_with_the_other_errors(client: Client) -> None:
    status, problem, _ = await ask(client, "POST", TEMPLATES, {"name": ""})
    assert status == 422
    assert len(problem["errors"]) == 2


@pytest.mark.parametrize("body", [[], "Ring", 1, {"name": 1, "settings": []}, {"name": None, "settings": None}])
async def test_a_body_of_another_shape_is_a_422(client: Client, body: Any) -> None:
    assert (await ask(client, "POST", TEMPLATES, body))[0] == 422


async def test_a_name_that_is_taken_is_a_conflict_that_names_it(client: Client) -> None:
    await make(client, "Ring")
    status, problem, _ = await ask(client, "POST", TEMPLATES, {"name": "Ring", "settings": factories.settings()})
    assert (status, problem["code"], fields(problem)) == (409, "template-exists", {"name"})
    assert "Ring" in problem["detail"]


async def test_two_who_take_one_name_at_once_get_one_template(client: Client) -> None:
    body = {"name": "Ring", "settings": factories.settings()}
    answers = await asyncio.gather(*(ask(client, "POST", TEMPLATES, body) for _ in range(8)))
    assert sorted(status for status, _, _ in answers) == [201] + [409] * 7


async def test_users_do_not_share_names(client: Client) -> None:
    assert (await make(client))["user_id"] == "dev"
    assert (await make(client, headers=ANN))["user_id"] == "ann"


async def test_a_user_has_as_many_templates_as_the_limit_says(start_server: StartServer) -> None:
    client = await start_server(state={"template_max_count_per_user": 10})
    wanted = [{"name": f"t{number}", "settings": factories.settings()} for number in range(12)]
    answers = await asyncio.gather(*(ask(client, "POST", TEMPLATES, body) for body in wanted))
    assert sorted(status for status, _, _ in answers) == [201] * 10 + [409] * 2
    (problem, _) = [problem for status, problem, _ in answers if status == 409]
    assert (problem["code"], problem["limit"]) == ("template-limit", 10)
    kept = [template for status, template, _ in answers if status == 201]
    path = f"{TEMPLATES}/{kept[0]['template_id']}"
    assert (await ask(client, "PATCH", path, {"description": "still mine"}))[0] == 200
    await make(client, headers=ANN)
    assert (await ask(client, "DELETE", path))[0] == 204
    await make(client, "room again")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    "change",
    [{"name": "Mules"}, {"description": ""}, {"settings": factories.settings(name="Other", description=None)}],
)
async def test_fields_that_are_present_replace(client: Client, method: str, change: dict[str, Any]) -> None:
    made = await make(client, description="Cards")
    path = f"{TEMPLATES}/{made['template_id']}"
    status, changed, _ = await ask(client, method, path, change)
    assert status == 200
    for name in ("name", "description"):
        assert changed[name] == change.get(name, made[name])
    assert changed["settings"]["name"] == change.get("settings", made["settings"])["name"]
    assert changed["created_at"] == made["created_at"]
    assert (await ask(client, "GET", path))[1] == changed


@pytest.mark.parametrize("body", [{}, {"name": None, "description": None, "settings": None}, {"name": "Ring"}])
async def test_what_is_null_or_the_same_changes_nothing(client: Client, body: dict[str, Any]) -> None:
    made = await make(client, description="Cards")
    assert (await ask(client, "PATCH", f"{TEMPLATES}/{made['template_id']}", body))[:2] == (200, made)


async def test_a_change_moves_updated_at_only(start_server: StartServer) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    client = await start_server(clock=lambda: now[0])
    made = await make(client)
    now[0] += timedelta(hours=1)
    _, changed, _ = await ask(client, "PATCH", f"{TEMPLATES}/{made['template_id']}", {"name": "Mules"})
    assert (changed["created_at"], changed["updated_at"]) == (made["created_at"], "2026-01-01T01:00:00.000Z")


async def test_a_template_is_not_renamed_to_the_name_of_another(client: Client) -> None:
    made = await make(client)
    await make(client, "Mules")
    await make(client, "Free", headers=ANN)
    path = f"{TEMPLATES}/{made['template_id']}"
    status, problem, _ = await ask(client, "PATCH", path, {"name": "Mules"})
    assert (status, problem["code"], fields(problem)) == (409, "template-exists", {"name"})
    assert (await ask(client, "GET", path))[1] == made
    assert (await ask(client, "PATCH", path, {"name": "Free"}))[0] == 200
    await make(client, "Ring")


async def test_every_error_of_a_change_comes_in_one_answer(client: Client) -> None:
    made = await make(client)
    await make(client, "Mules")
    path = f"{TEMPLATES}/{made['template_id']}"
    for name in ("", "Mules"):
        status, problem, _ = await ask(client, "PATCH", path, {"name": name, "settings": disabled()})
        assert (status, fields(problem)) == (422, {"name", "settings.tools"})
    assert (await ask(client, "GET", path))[1] == made


async def test_a_deleted_template_is_gone_and_frees_its_name(client: Client) -> None:
    made = await make(client)
    path = f"{TEMPLATES}/{made['template_id']}"
    assert (await ask(client, "DELETE", path))[0] == 204
    assert [(await ask(client, method, path))[0] for method in ("GET", "DELETE")] == [404, 404]
    assert (await make(client))["template_id"] != made["template_id"]


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("GET", "", None),
        ("PUT", "", {"name": "Mine"}),
        ("PATCH", "", {"name": "Mine"}),
        ("DELETE", "", None),
        ("POST", "/apply", {"investigation_id": "inv-9"}),
    ],
)
async def test_what_belongs_to_another_answers_exactly_as_what_is_absent(
    client: Client, method: str, suffix: str, body: Any
) -> None:
    theirs = (await make(client, headers=ANN))["template_id"]
    answers = []
    for key in (theirs, "absent"):
        status, problem, _ = await ask(client, method, f"{TEMPLATES}/{key}{suffix}", body)
        told = {name: value for name, value in problem.items() if name not in ("request_id", "timestamp")}
        answers.append((status, str(told).replace(key, "KEY")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert (await ask(client, "GET", f"{TEMPLATES}/{theirs}", headers=ANN))[1]["name"] == "Ring"


async def test_an_id_that_cannot_be_one_is_a_422(client: Client) -> None:
    assert (await ask(client, "GET", f"{TEMPLATES}/a.b"))[0] == 422


async def test_a_rule_of_the_settings_is_told_beside_what_the_schema_refuses(client: Client) -> None:
    settings = factories.settings(name="", tools=[{"tool_name": "device_graph", "enabled": False}])
    status, problem, _ = await ask(client, "POST", TEMPLATES, {"name": "", "settings": settings})
    assert status == 422
    assert {error["field"] for error in problem["errors"]} == {"name", "settings.name", "settings.tools"}
