"""The tool catalogue at work: ``[tools] catalog`` checks settings when they are saved and when a run starts."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.templates import STATE, TEMPLATES, apply, ask, fields, investigate, make, uses

DEPTH = {
    "properties": {"depth": {"type": "integer", "maximum": 5}},
    "required": ["depth"],
    "additionalProperties": False,
}
Serve = Callable[[dict[str, Any]], Awaitable[Client]]


@pytest.fixture
def serve(start_server: StartServer, tmp_path: Path) -> Serve:
    """Start a server, on the database of the test, with the given catalogue."""

    async def start(catalogue: dict[str, Any]) -> Client:
        path = tmp_path / "tools.json"
        path.write_text(json.dumps(catalogue), encoding="utf-8")
        return await start_server(tools={"catalog": str(path)})

    return start


@pytest.fixture
async def checked(serve: Serve) -> Client:
    """A client of a server that knows one tool."""
    return await serve({"device_graph": DEPTH})


def using(*tools: Any) -> dict[str, Any]:
    """Return settings with tools, each a name or the parameters of `device_graph`."""
    selected = [
        {"tool_name": tool} if isinstance(tool, str) else {"tool_name": "device_graph", "parameters": tool}
        for tool in tools
    ]
    return factories.settings(tools=selected)


WRONG = using({"depth": 2}, "palm_reading", {"depth": 9, "width": 1}, {})
PLACES = {
    "tools.1.tool_name",
    "tools.2.parameters",
    "tools.2.parameters.depth",
    "tools.3.parameters",
}


def places(under: str) -> set[str]:
    return {f"{under}.{place}" for place in PLACES}


async def test_tools_as_the_catalogue_has_them_are_saved_and_started(checked: Client) -> None:
    await investigate(checked, settings=using({"depth": 5}))
    status, state, _ = await ask(checked, "PATCH", f"{STATE}/inv-1", {"settings": using({"depth": 1})})
    assert (status, state["version"]) == (200, 2)
    assert (await ask(checked, "PATCH", f"{STATE}/inv-1", {"wizard_step": "PROGRESS"}))[0] == 200


async def test_a_creation_names_every_error_by_its_path(checked: Client) -> None:
    status, problem, _ = await ask(checked, "POST", STATE, factories.creation(settings=WRONG))
    assert (status, problem["code"], fields(problem)) == (422, "validation-failed", places("settings"))
    assert (await ask(checked, "GET", f"{STATE}/inv-1"))[0] == 404


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/json", {"settings": WRONG}),
        ("application/merge-patch+json", {"settings": {"tools": WRONG["tools"]}}),
        ("application/json-patch+json", [{"op": "replace", "path": "/settings/tools", "value": WRONG["tools"]}]),
    ],
)
async def test_a_change_names_every_error_by_its_path(checked: Client, media_type: str, body: Any) -> None:
    await investigate(checked)
    headers = {"Content-Type": media_type}
    status, problem, _ = await ask(checked, "PATCH", f"{STATE}/inv-1", body, headers)
    assert (status, fields(problem)) == (422, places("settings"))
    assert (await ask(checked, "GET", f"{STATE}/inv-1"))[1]["version"] == 1


async def test_what_is_wrong_in_shape_and_what_the_catalogue_refuses_come_in_one_answer(checked: Client) -> None:
    body = {"name": "", "settings": WRONG}
    status, problem, _ = await ask(checked, "POST", TEMPLATES, body)
    assert (status, fields(problem)) == (422, {"name", *places("settings")})


async def test_parameters_of_disabled_tools_are_not_checked_until_they_are_enabled(checked: Client) -> None:
    off = {"tool_name": "device_graph", "enabled": False, "parameters": {"depth": 9}}
    await investigate(checked, settings=factories.settings(tools=[off]))
    on = factories.settings(tools=[{**off, "enabled": True}])
    status, problem, _ = await ask(checked, "PATCH", f"{STATE}/inv-1", {"settings": on})
    assert (status, fields(problem)) == (422, {"settings.tools.0.parameters.depth"})


async def test_a_run_is_checked_again_when_it_starts(serve: Serve) -> None:
    before = await serve({"device_graph": DEPTH})
    await investigate(before)
    after = await serve({"device_graph": {"properties": {"depth": {"maximum": 1}}}})
    status, problem, _ = await ask(after, "PATCH", f"{STATE}/inv-1", {"wizard_step": "PROGRESS"})
    assert (status, problem["code"]) == (409, "invalid-transition")
    assert fields(problem) == {"settings.tools.0.parameters.depth"}
    assert (problem["from"], problem["to"]) == ("SETTINGS", "PROGRESS")
    mended = {"wizard_step": "PROGRESS", "settings": using({"depth": 1})}
    assert (await ask(after, "PATCH", f"{STATE}/inv-1", mended))[0] == 200


async def test_a_tool_that_left_the_catalogue_hinders_the_start_and_no_other_change(serve: Serve) -> None:
    await investigate(await serve({"device_graph": DEPTH}))
    after = await serve({"geo_map": True})
    status, problem, _ = await ask(after, "PATCH", f"{STATE}/inv-1", {"wizard_step": "PROGRESS"})
    assert (status, fields(problem)) == (409, {"settings.tools.0.tool_name"})
    assert (await ask(after, "GET", f"{STATE}/inv-1"))[1]["version"] == 1
    assert (await ask(after, "PATCH", f"{STATE}/inv-1", {"status": "CANCELLED"}))[0] == 200


async def test_a_template_names_every_error_by_its_path(checked: Client) -> None:
    for method, path in (("POST", TEMPLATES), ("PATCH", f"{TEMPLATES}/{(await make(checked))['template_id']}")):
        status, problem, _ = await ask(checked, method, path, {"name": "Mules", "settings": WRONG})
        assert (status, problem["code"], fields(problem)) == (422, "validation-failed", places("settings"))


async def test_an_application_names_what_its_overrides_do_wrong(checked: Client) -> None:
    template = await make(checked)
    status, problem, _ = await apply(checked, template, overrides={"tools": WRONG["tools"]})
    assert (status, fields(problem)) == (422, places("overrides"))
    assert await uses(checked, template) == 0
    assert (await ask(checked, "GET", f"{STATE}/inv-1"))[0] == 404


async def test_a_template_whose_tool_left_the_catalogue_is_applied_only_with_other_tools(serve: Serve) -> None:
    template = await make(await serve({"device_graph": DEPTH}))
    after = await serve({"geo_map": True})
    status, problem, _ = await apply(after, template)
    assert (status, problem["code"]) == (422, "validation-failed")
    assert [field.endswith("tools.0.tool_name") for field in fields(problem)] == [True]
    assert (await apply(after, template, overrides={"tools": [{"tool_name": "geo_map"}]}))[0] == 201
    assert (await ask(after, "PATCH", f"{TEMPLATES}/{template['template_id']}", {"name": "Kept"}))[0] == 200


async def test_an_investigation_with_such_tools_makes_no_template(serve: Serve) -> None:
    await investigate(await serve({"device_graph": DEPTH}))
    after = await serve({"geo_map": True})
    status, problem, _ = await ask(after, "POST", TEMPLATES, {"name": "Ring", "from_investigation_id": "inv-1"})
    assert status == 422
    assert [field.endswith("tools.0.tool_name") for field in fields(problem)] == [True]


async def test_the_catalogue_is_listed(serve: Serve) -> None:
    client = await serve({"device_graph": DEPTH, "geo_map": True, "größe": {"title": "Größe"}})
    status, listed, _ = await ask(client, "GET", "/api/v1/tools")
    assert status == 200
    assert listed == {
        "items": [
            {"tool_name": "device_graph", "parameters": DEPTH},
            {"tool_name": "geo_map", "parameters": True},
            {"tool_name": "größe", "parameters": {"title": "Größe"}},
        ],
        "total": 3,
    }


async def test_without_a_catalogue_every_tool_is_taken_and_none_is_listed(client: Client) -> None:
    await investigate(client, settings=using("palm_reading", {"depth": "any"}))
    assert (await ask(client, "PATCH", f"{STATE}/inv-1", {"wizard_step": "PROGRESS"}))[0] == 200
    status, problem, _ = await ask(client, "GET", "/api/v1/tools")
    assert (status, problem["code"]) == (404, "feature-disabled")
