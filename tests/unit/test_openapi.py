"""The description of the API is valid OpenAPI 3.1, and holds what the code has and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import wizard_server.web
from tests.observer import document
from wizard_server.web.http.problems import STATUS
from wizard_server.web.openapi import problems
from wizard_server.web.openapi.headers import ANSWER_HEADERS, REQUEST_HEADERS
from wizard_server.web.openapi.naming import operation_id
from wizard_server.web.routes import ROUTES

MODES = ("jwt", "none")
# Headers that are no parameters: of HTTP itself, of CORS, of WebSockets, and those of the security schemes.
BESIDE = {
    "Accept",
    "Accept-Encoding",
    "Access-Control-Request-Method",
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Host",
    "Origin",
    "Sec-WebSocket-Protocol",
    "X-User-Id",
}
_READ = re.compile(
    r'headers\.get(?:all)?\(\s*(?:hdrs\.)?"?([A-Za-z_-]+)'
    r'|headers\["([A-Za-z-]+)"\]'
    r'|"([A-Za-z-]+)" in request\.headers'
    r'|_HEADER = istr\("([A-Za-z-]+)"\)'  # a name prepared for the lookup
)


def operations(mode: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document(mode)["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def contents(mode: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each media type object with a name for it."""
    for method, path, operation in operations(mode):
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{method} {path} {media}", content
        for status, response in operation["responses"].items():
            for media, content in response.get("content", {}).items():
                yield f"{method} {path} {status} {media}", content


def resolved(mode: str, parameter: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = document(mode)["components"]["parameters"]
    return known[parameter["$ref"].rpartition("/")[2]] if "$ref" in parameter else parameter


@pytest.mark.parametrize("mode", MODES)
def test_the_document_is_valid(mode: str) -> None:
    assert list(OpenAPIV31SpecValidator(document(mode)).iter_errors()) == []


@pytest.mark.parametrize("mode", MODES)
def test_every_route_is_in_it_and_nothing_else(mode: str) -> None:
    described = [(method, path) for method, path, _ in operations(mode)]
    assert sorted(described) == sorted((route.method.lower(), route.path) for route in ROUTES)


@pytest.mark.parametrize("mode", MODES)
def test_every_parameter_is_in_it_and_nothing_else(mode: str) -> None:
    for route in ROUTES:
        operation = document(mode)["paths"][route.path][route.method.lower()]
        found = [resolved(mode, parameter) for parameter in operation["parameters"]]
        named = {(parameter["in"], parameter["name"]) for parameter in found}
        assert len(found) == len(named)
        assert {name for place, name in named if place == "path"} == set(re.findall(r"{(\w+)}", route.path))
        fields = route.query.model_fields if route.query else {}
        assert {name for place, name in named if place == "query"} == set(fields)
        assert all(parameter["description"] for parameter in found)


def test_every_header_that_the_code_reads_is_described() -> None:
    folder = Path(wizard_server.web.__file__).parent
    texts = (path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    read = {next(filter(None, names)) for text in texts for names in _READ.findall(text)}
    read = {name for name in read if name[0].isupper() and not name.isupper()}
    assert read - BESIDE - set(ANSWER_HEADERS) <= set(REQUEST_HEADERS)
    assert set(REQUEST_HEADERS) <= read


def test_every_header_of_requests_and_answers_is_used() -> None:
    taken, given = set(), set()
    for _, _, operation in operations("jwt"):
        taken |= {resolved("jwt", parameter)["name"] for parameter in operation["parameters"]}
        given |= {name for response in operation["responses"].values() for name in response["headers"]}
    assert set(REQUEST_HEADERS) <= taken
    assert set(ANSWER_HEADERS) == given


def test_every_problem_code_is_of_some_route() -> None:
    used = {code for route in ROUTES for mode in MODES for code in problems.codes(route, mode)}
    assert used == set(STATUS) | {problems.NOT_A_HANDSHAKE}
    assert used == set(problems.meanings())


@pytest.mark.parametrize("mode", MODES)
def test_every_problem_stands_under_its_status(mode: str) -> None:
    for route in ROUTES:
        responses = document(mode)["paths"][route.path][route.method.lower()]["responses"]
        for code in problems.codes(route, mode):
            status = str(int(STATUS.get(code, 400)))
            assert f"`{code}`" in responses[status]["description"], f"{route.path} {code}"


@pytest.mark.parametrize("mode", MODES)
def test_examples_are_valid(mode: str) -> None:
    schemas = document(mode)["components"]["schemas"]
    checked = 0
    for name, content in contents(mode):
        if "example" in content:
            schema = {"components": {"schemas": schemas}, **content["schema"]}
            validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
            errors = [error.message for error in validator.iter_errors(content["example"])]
            assert errors == [], name
            checked += 1
    assert checked > len(ROUTES)


def test_each_schema_that_a_component_has_is_used() -> None:
    known = document("jwt")
    text = str(known)
    for name in known["components"]["schemas"]:
        assert f"'#/components/schemas/{name}'" in text, name


def test_operations_have_names_of_their_own_and_say_what_they_do() -> None:
    names = [operation["operationId"] for _, _, operation in operations("jwt")]
    assert sorted(set(names)) == sorted(names) == sorted(operation_id(route) for route in ROUTES)
    for _, path, operation in operations("jwt"):
        assert operation["summary"], path
        assert operation["tags"], path


def test_links_lead_to_parameters_that_exist() -> None:
    by_name = {operation["operationId"]: operation for _, _, operation in operations("jwt")}
    found = 0
    for operation in list(by_name.values()):
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                target = by_name[link["operationId"]]
                names = {f"{each['in']}.{each['name']}" for each in target["parameters"] if "$ref" not in each}
                assert set(link["parameters"]) <= names
                found += 1
    assert found


def test_tokens_name_any_of_the_scopes_of_the_route_and_development_names_a_user() -> None:
    for route in ROUTES:
        with_tokens = document("jwt")["paths"][route.path][route.method.lower()]["security"]
        assert with_tokens == [{"bearer": [scope]} for scope in route.scopes]
        without = document("none")["paths"][route.path][route.method.lower()]["security"]
        assert without == ([{"user": []}, {}] if route.scopes else [])


def test_patterns_are_written_as_json_schema_has_them() -> None:
    assert r"\z" not in str(document("jwt"))


def schemas_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of the document that is a schema or holds one."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from schemas_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from schemas_in(inner)


@pytest.mark.parametrize("mode", MODES)
def test_no_default_makes_a_generator_demand_an_optional_member_or_send_it_every_time(mode: str) -> None:
    known = document(mode)
    holders = [known["paths"], known["components"]["schemas"], known["components"]["parameters"]]
    assert [schema for schema in schemas_in(holders) if "default" in schema] == []


def test_a_default_is_told_in_the_description() -> None:
    parameters = document("jwt")["paths"]["/api/v1/wizard-state"]["get"]["parameters"]
    told = {each["name"]: each["description"] for each in parameters if "name" in each}
    assert told["page_size"].endswith("; default: 20")
    assert told["sort"].endswith('; default: "-updated_at"')


@pytest.mark.parametrize("mode", MODES)
def test_each_error_is_one_flat_schema_that_says_its_code(mode: str) -> None:
    schemas = document(mode)["components"]["schemas"]
    for code in {code for route in ROUTES for code in problems.codes(route, mode)}:
        schema = schemas["".join(word.capitalize() for word in code.split("-")) + "Problem"]
        assert schema["type"] == "object"
        assert not {"allOf", "$ref", "anyOf", "oneOf"} & set(schema)
        assert schema["properties"]["code"] == {**schema["properties"]["code"], "type": "string", "const": code}
        assert schema["properties"]["status"]["const"] == STATUS.get(code, 400)
        assert {"code", "status", "detail", "success", "error"} <= set(schema["required"])
