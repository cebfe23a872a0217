"""The tool catalogue as a value: what it takes as a schema, and what it has against the tools of settings."""

import socket
from typing import Any, NoReturn

import pytest

from tests import factories
from wizard_server.domain.tools import ToolCatalogue
from wizard_server.errors import FieldError

DEPTH = {
    "type": "object",
    "properties": {"depth": {"type": "integer", "minimum": 1}, "hops": {"type": "array", "items": {"type": "string"}}},
    "required": ["depth"],
    "additionalProperties": False,
}


def tool(name: str = "device_graph", **values: Any) -> dict[str, Any]:
    return {"tool_name": name, "enabled": True, "parameters": {"depth": 2}, **values}


def errors(*tools: dict[str, Any], schema: Any = DEPTH) -> list[FieldError]:
    return ToolCatalogue.of({"device_graph": schema}).errors(factories.settings(tools=[*tools]))


def test_tools_as_the_catalogue_has_them_are_right() -> None:
    assert errors(tool(), tool(parameters={"depth": 1, "hops": ["u-1"]})) == []


def test_an_unknown_tool_is_named_by_its_path() -> None:
    (error,) = errors(tool(), tool("palm_reading"))
    assert (error.field, error.constraint) == ("settings.tools.1.tool_name", "catalog")
    assert "palm_reading" in error.message


def test_an_unknown_tool_is_an_error_also_while_disabled() -> None:
    assert [error.field for error in errors(tool("palm_reading", enabled=False))] == ["settings.tools.0.tool_name"]


def test_parameters_of_a_disabled_tool_are_not_checked() -> None:
    assert errors(tool(enabled=False, parameters={"depth": "deep"})) == []


@pytest.mark.parametrize("parameters", [None, {}])
def test_absent_parameters_count_as_none_given(parameters: dict[str, Any] | None) -> None:
    (error,) = errors(tool(parameters=parameters))
    assert (error.field, error.constraint) == ("settings.tools.0.parameters", "required")
    assert "depth" in error.message


def test_every_wrong_parameter_of_every_tool_is_named_by_its_path() -> None:
    found = errors(
        tool(parameters={"depth": 0, "hops": ["u-1", 7]}), tool("palm_reading"), tool(parameters={"depth": 1, "a": 1})
    )
    assert [(error.field, error.constraint) for error in found] == [
        ("settings.tools.0.parameters.depth", "minimum"),
        ("settings.tools.0.parameters.hops.1", "type"),
        ("settings.tools.1.tool_name", "catalog"),
        ("settings.tools.2.parameters", "additionalProperties"),
    ]


def test_the_paths_begin_where_the_caller_says() -> None:
    catalogue = ToolCatalogue.of({"device_graph": DEPTH})
    (error,) = catalogue.errors(factories.settings(tools=[tool(parameters={"depth": 0})]), "overrides")
    assert error.field == "overrides.tools.0.parameters.depth"


def test_an_empty_catalogue_knows_no_tool() -> None:
    (error,) = ToolCatalogue.of({}).errors(factories.settings())
    assert error.field == "settings.tools.0.tool_name"


def test_a_schema_may_be_true() -> None:
    assert errors(tool(parameters={"anything": []}), schema=True) == []


def test_a_schema_that_is_false_refuses_with_a_constraint_that_says_something() -> None:
    (error,) = errors(tool(), schema=False)
    assert error.field == "settings.tools.0.parameters"
    assert error.constraint not in ("", "None")


@pytest.mark.parametrize("reference", ["#/$defs/depth", "https://tools.example/graph#/$defs/depth"])
def test_a_reference_within_the_schema_is_followed(reference: str) -> None:
    schema = {
        "$id": "https://tools.example/graph",
        "$defs": {"depth": {"type": "integer"}},
        "properties": {"depth": {"$ref": reference}},
    }
    assert errors(tool(), schema=schema) == []
    (error,) = errors(tool(parameters={"depth": "deep"}), schema=schema)
    assert (error.field, error.constraint) == ("settings.tools.0.parameters.depth", "type")


def test_a_schema_may_be_recursive() -> None:
    schema = {"properties": {"within": {"$ref": "#"}, "depth": {"type": "integer"}}}
    (error,) = errors(tool(parameters={"within": {"within": {"depth": "x"}}}), schema=schema)
    assert error.field == "settings.tools.0.parameters.within.within.depth"


@pytest.mark.parametrize("value", [None, [], "device_graph", 1, [{"device_graph": {}}]])
def test_what_is_no_object_is_no_catalogue(value: Any) -> None:
    with pytest.raises(ValueError, match="must be an object that maps each tool_name"):
        ToolCatalogue.of(value)


@pytest.mark.parametrize(
    "schema", [None, [], "object", {"type": "objekt"}, {"properties": {"a": {"pattern": "("}}}, {"required": "depth"}]
)
def test_what_is_no_json_schema_is_refused_with_the_name_of_its_tool(schema: Any) -> None:
    with pytest.raises(ValueError, match="tool geo_map: not a JSON Schema"):
        ToolCatalogue.of({"device_graph": DEPTH, "geo_map": schema})


@pytest.mark.parametrize(
    "reference",
    [
        "https://schemas.example/graph.json",
        "http://127.0.0.1:9/graph.json",
        "file:///etc/passwd",
        "other.json",
        "#/$defs/absent",
    ],
)
@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef"])
def test_a_reference_that_leads_nowhere_within_the_schema_is_refused_at_once(keyword: str, reference: str) -> None:
    with pytest.raises(ValueError, match="tool geo_map"):
        ToolCatalogue.of({"geo_map": {"properties": {"depth": {keyword: reference}}}})


def test_a_schema_that_refers_to_nothing_but_itself_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="tool geo_map"):
        ToolCatalogue.of({"geo_map": {"$ref": "#"}})


def test_no_reference_ever_reaches_for_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[object] = []

    def refuse(*arguments: object, **_: object) -> NoReturn:
        reached.append(arguments)
        raise OSError("no network in this test")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(Exception, match=r"schemas\.example"):
        errors(tool(), schema={"$ref": "https://schemas.example/graph.json"})
    assert reached == []
