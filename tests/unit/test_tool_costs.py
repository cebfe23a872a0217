"""What a catalogue's schemas may cost: refused at start where a pattern is the cause, bounded where values are."""

from time import process_time
from typing import Any

import pytest

from wizard_server.domain.patterns import MAX_MATCHED, objection
from wizard_server.domain.tools import ToolCatalogue
from wizard_server.errors import MAX_LISTED, FieldError

# The contract's 20 ms of the loop, with a slack factor of three and for a slow machine.
BOUND_SECONDS = 0.1
NESTED: dict[str, Any] = {}
for _ in range(40):
    NESTED = {"c": NESTED}
BLOWN_UP = {
    "$defs": {"n": {"properties": {"c": {"anyOf": [{"$ref": "#/$defs/n"}] * 8}}, "required": ["absent"]}},
    "$ref": "#/$defs/n",
}


def checked(schema: Any, parameters: Any) -> list[FieldError]:
    """Return what is wrong with the parameters; fail when it took too long to find out."""
    catalogue = ToolCatalogue.of({"t": schema})
    begun = process_time()
    errors = catalogue.errors({"tools": [{"tool_name": "t", "enabled": True, "parameters": parameters}]})
    assert process_time() - begun < BOUND_SECONDS
    return errors


def test_two_thousand_objects_are_told_apart_in_one_pass() -> None:
    schema = {"properties": {"a": {"uniqueItems": True}}}
    different = [{"x": number, "y": [number]} for number in range(2000)]
    assert checked(schema, {"a": different}) == []
    [error] = checked(schema, {"a": [*different, {"y": [7], "x": 7.0}]})
    assert (error.field, error.constraint) == ("settings.tools.0.parameters.a", "uniqueItems")


@pytest.mark.parametrize(
    ("items", "unique"),
    [([1, 1.0], False), ([1, True], True), ([0, False], True), (["1", 1], True), ([[1], [1]], False)],
)
def test_items_are_equal_as_json_schema_has_it(items: list[Any], unique: bool) -> None:
    assert (checked({"properties": {"a": {"uniqueItems": True}}}, {"a": items}) == []) is unique


@pytest.mark.parametrize("keyword", ["pattern", "patternProperties"])
@pytest.mark.parametrize(
    "pattern", ["^(a+)+$", "(a|aa)*$", "(x*)*", r"(\w+\s?)*$", "(.*)*", "(a{1,20}){1,20}b", r"(a)\1+", r"\s+\s+\s+x"]
)
def test_a_pattern_that_may_try_for_ever_is_refused_with_its_tool_and_keyword(keyword: str, pattern: str) -> None:
    schema = {"properties": {"a": {keyword: pattern if keyword == "pattern" else {pattern: True}}}}
    with pytest.raises(ValueError, match=f"^tool t: {keyword} "):
        ToolCatalogue.of({"t": schema})


@pytest.mark.parametrize(
    "pattern",
    [
        "^[a-z0-9]+(-[a-z0-9]+)*$",
        r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
        r"^([a-z]+\.)+[a-z]{2,}$",
        r"^(?:\d{1,3}\.){3}\d{1,3}$",
        "^https?://[^/]+(/.*)?$",
        "^[A-Za-z_][A-Za-z0-9_]*$",
        "^(low|medium|high)$",
        "a+$",
    ],
)
def test_patterns_that_people_write_are_taken(pattern: str) -> None:
    assert objection(pattern) is None


def test_a_text_that_is_too_long_for_a_pattern_is_refused() -> None:
    schema = {"properties": {"a": {"pattern": "a+a+b"}}, "patternProperties": {"a+a+b": False}}
    assert [each.constraint for each in checked(schema, {"a": "a" * MAX_MATCHED})] == ["pattern"]
    [error] = checked(schema, {"a": "a" * (MAX_MATCHED + 1)})
    assert error.message == "has over 256 characters, more than are matched with a pattern"
    [error] = checked(schema, {"a" * (MAX_MATCHED + 1): 1})
    assert error.constraint == "patternProperties"


@pytest.mark.parametrize(
    ("schema", "parameters"),
    [
        (BLOWN_UP, NESTED),
        ({"properties": {"a": {"items": {"type": "string"}}}}, {"a": ["x"] * 20_000}),
        ({"properties": {"a": {"items": {"contains": {"const": 1}}}}}, {"a": [[0] * 100] * 100}),
    ],
)
def test_what_takes_more_steps_than_a_request_may_is_refused(schema: Any, parameters: Any) -> None:
    assert [(each.field, each.constraint) for each in checked(schema, parameters)] == [
        ("settings.tools.0.parameters", "too_costly")
    ]


def test_every_request_has_its_own_steps() -> None:
    catalogue = ToolCatalogue.of({"t": {"properties": {"a": {"items": {"type": "integer"}}}}})
    settings = {"tools": [{"tool_name": "t", "enabled": True, "parameters": {"a": [1] * 1500}}]}
    assert [catalogue.errors(settings) for _ in range(3)] == [[], [], []]


def test_only_the_first_errors_are_looked_for_and_messages_have_an_end() -> None:
    errors = checked({"additionalProperties": {"type": "string"}}, {f"k{number}": ["x" * 500] for number in range(900)})
    assert len(errors) == MAX_LISTED + 1
    assert max(len(error.message) for error in errors) < 400
