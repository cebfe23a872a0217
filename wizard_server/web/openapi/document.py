"""The description of the API in OpenAPI 3.1, made from the route table."""

import inspect
import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus

from pydantic import BaseModel

from wizard_server import __version__
from wizard_server.web.http import idempotency
from wizard_server.web.http.media import JSON, PROBLEM
from wizard_server.web.http.problems import STATUS
from wizard_server.web.http.route import Answer, AnyRoute
from wizard_server.web.openapi import examples, naming, problems, route_headers, security
from wizard_server.web.openapi.docs_page import FILE_PATTERN
from wizard_server.web.openapi.headers import ANSWER_HEADERS, REQUEST_HEADERS
from wizard_server.web.openapi.schemas import Mode, Schema, components, reference, without_null

_IDENTIFIERS = {"investigation_id": "Investigation identifier", "template_id": "Template identifier"}
_IDENTIFIER = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,255}$"}
_FILES = {"file": FILE_PATTERN, "module": r"^[a-z_]+(\.[a-z0-9]+)*\.(js|ts)$"}
_SOURCES = {"investigation_id": "$request.body#/investigation_id", "template_id": "$response.body#/template_id"}
_TYPES = {JSON: {"type": "object"}}
_PARAMETER = re.compile(r"{(\w+)}")
_DESCRIPTION = """\
Keeps the state of a multi-step investigation wizard and tells everybody who watches it the moment it changes.

Every GET also answers HEAD, in the same way and without a body. Bodies over 1 KiB are compressed with gzip when the
client asks. Unknown parameters and unknown fields are refused with 422, so that a typo loses nothing; in
`application/json` a null counts as absent. What belongs to somebody else answers 404, exactly as what does not exist.

Every error is `application/problem+json` (RFC 9457) with a stable `code`. Outside of the operations below a request is
answered 404 `not-found` (no such path), 405 `method-not-allowed` (with `Allow`), or is refused as no well-formed HTTP:
400, 414, 431. A 500 `internal-error` is a mistake of the server.
"""


def describe(routes: Sequence[AnyRoute], mode: str, url: str | None = None) -> Schema:
    """Return the whole document for the authentication `mode`; `url` is the public URL of the server, if any."""
    return _Document(routes, mode).whole(url or "/")


class _Document:
    def __init__(self, routes: Sequence[AnyRoute], mode: str) -> None:
        self._routes = routes
        self._mode = mode
        self._references, self._schemas = components(_models(routes))
        self._meanings = problems.meanings()

    def whole(self, url: str) -> Schema:
        paths: dict[str, Schema] = {}
        for route in self._routes:
            paths.setdefault(route.path, {})[route.method.lower()] = self._operation(route)
        used = {code for route in self._routes for code in problems.codes(route, self._mode)}
        queries = {self._name(route.query, "validation") for route in self._routes if route.query}
        models: list[type[problems.Problem]] = [problems.Problem, *problems.MODELS.values()]
        bases = {self._name(model, "serialization") for model in models}
        schemas = {name: schema for name, schema in self._schemas.items() if name not in queries | bases}
        schemas |= {_problem_name(code): self._problem(code) for code in sorted(used)}
        return {
            "openapi": "3.1.1",
            "info": {"title": "wizard-server", "version": __version__, "description": _DESCRIPTION},
            "servers": [{"url": url}],
            "tags": naming.tags(self._routes),
            "paths": paths,
            "components": {
                "schemas": dict(sorted(schemas.items())),
                "parameters": {name: route_headers.header_parameter(name) for name in REQUEST_HEADERS},
                "headers": {name: route_headers.header(name) for name in ANSWER_HEADERS},
                "securitySchemes": security.security_schemes(self._mode),
            },
        }

    def _operation(self, route: AnyRoute) -> Schema:
        text = inspect.getdoc(route.handler) or ""
        operation: Schema = {
            "operationId": naming.operation_id(route),
            "tags": [naming.tag(route)],
            "summary": naming.summary(text),
            "description": naming.described(route, text),
            "security": security.security(route, self._mode),
            "parameters": [*self._parameters(route), *route_headers.parameters(route)],
            "responses": dict(self._responses(route)),
        }
        if route.bodies:
            content = {media: self._content(model, "validation") for media, model in route.bodies.items()}
            operation["requestBody"] = {"required": True, "content": content}
        return operation

    def _parameters(self, route: AnyRoute) -> Iterator[Schema]:
        for name in _PARAMETER.findall(route.path):
            schema = _IDENTIFIER if name in _IDENTIFIERS else {"type": "string", "pattern": _FILES[name]}
            yield {
                "name": name,
                "in": "path",
                "required": True,
                "description": _IDENTIFIERS.get(name, "Name of a file"),
                "schema": schema,
            }
        if route.query:
            model = self._schemas[self._name(route.query, "validation")]
            for name, schema in model["properties"].items():
                given = {key: value for key, value in schema.items() if key not in ("description", "title")}
                yield {
                    "name": name,
                    "in": "query",
                    "required": name in model.get("required", ()),
                    "description": schema["description"],
                    "schema": without_null(given),
                }

    def _name(self, model: type[BaseModel], mode: Mode) -> str:
        return str(self._references[model, mode]["$ref"]).rpartition("/")[2]

    def _content(self, model: type[BaseModel], mode: Mode) -> Schema:
        return {"schema": self._references[model, mode], "example": examples.of(model)}

    def _responses(self, route: AnyRoute) -> Iterator[tuple[str, Schema]]:
        by_status: dict[int, list[str]] = {}
        for code in problems.codes(route, self._mode):
            by_status.setdefault(STATUS.get(code, HTTPStatus.BAD_REQUEST), []).append(code)
        answers = {answer.status: answer for answer in route.answers}
        for status in sorted({*answers, *by_status}):
            response = self._answer(route, answers[status]) if status in answers else {"description": "", "headers": {}}
            if status in by_status:
                response = self._with_problems(route, response, status, by_status[status])
            yield str(int(status)), response

    def _answer(self, route: AnyRoute, answer: Answer) -> Schema:
        names = [*answer.headers, *route_headers.common_headers(route, answer.status)]
        if route.scopes and route.method in idempotency.KEYED_METHODS:
            names.append("Idempotency-Key")
        response: Schema = {"description": answer.says, "headers": route_headers.references(names)}
        if answer.model is not None:
            response["content"] = {JSON: self._content(answer.model, "serialization")}
        elif answer.media:
            response["content"] = {media: {"schema": _TYPES.get(media, {"type": "string"})} for media in answer.media}
        if answer.creates:
            response["links"] = dict(self._links(answer.creates))
        return response

    def _links(self, identifier: str) -> Iterator[tuple[str, Schema]]:
        for route in self._routes:
            if f"{{{identifier}}}" in route.path:
                name = naming.operation_id(route)
                yield name, {"operationId": name, "parameters": {f"path.{identifier}": _SOURCES[identifier]}}

    def _with_problems(self, route: AnyRoute, response: Schema, status: int, codes: Sequence[str]) -> Schema:
        said = "\n".join(f"- `{code}`: {self._meanings[code]}" for code in codes)
        references = [reference(_problem_name(code)) for code in codes]
        schema = references[0] if len(references) == 1 else {"anyOf": references}
        headers = {**response["headers"], **route_headers.of_problems(route, status, codes)}
        content = {**response.get("content", {}), PROBLEM: {"schema": schema}}
        description = "\n\n".join(filter(None, [response["description"], said]))
        return {**response, "description": description, "headers": headers, "content": content}

    def _problem(self, code: str) -> Schema:
        """Return one flat schema, because some generators cannot read ``allOf`` with a ``const``."""
        model = problems.MODELS.get(code, problems.Problem)
        narrowed: dict[str, Schema] = {
            "type": {"const": f"urn:wizard-server:problem:{code}"},
            "code": {"const": code},
            "status": {"const": int(STATUS.get(code, HTTPStatus.BAD_REQUEST))},
        }
        base = self._schemas[self._name(model, "serialization")]
        properties = {name: {**schema, **narrowed.get(name, {})} for name, schema in base["properties"].items()}
        return {
            **base,
            "title": _problem_name(code),
            "description": self._meanings[code],
            "properties": properties,
        }


def _models(routes: Sequence[AnyRoute]) -> Iterator[tuple[type[BaseModel], Mode]]:
    yield problems.Problem, "serialization"
    for model in problems.MODELS.values():
        yield model, "serialization"
    for route in routes:
        if route.query:
            yield route.query, "validation"
        for body in route.bodies.values():
            yield body, "validation"
        for answer in route.answers:
            if answer.model is not None:
                yield answer.model, "serialization"


def _problem_name(code: str) -> str:
    return "".join(word.capitalize() for word in code.split("-")) + "Problem"
