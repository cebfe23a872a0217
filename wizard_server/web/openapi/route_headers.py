"""The headers of a route's requests and answers, as references to the described ones."""

from collections.abc import Sequence
from http import HTTPStatus

from wizard_server.web.http import idempotency
from wizard_server.web.http.route import AnyRoute
from wizard_server.web.openapi import problems
from wizard_server.web.openapi.headers import ANSWER_HEADERS, REQUEST_HEADERS
from wizard_server.web.openapi.schemas import Schema

_ALWAYS = ("Cache-Control", "X-Request-Id")


def parameters(route: AnyRoute) -> list[Schema]:
    """Return references to the request headers that a route honours."""
    keyed = ["Idempotency-Key"] if route.scopes and route.method in idempotency.KEYED_METHODS else []
    names = dict.fromkeys([*route.headers, *keyed, "X-Request-Id"])
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def header_parameter(name: str) -> Schema:
    """Return the description of the request header `name`."""
    description, schema = REQUEST_HEADERS[name]
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def header(name: str) -> Schema:
    """Return the description of the answer header `name`."""
    description, schema = ANSWER_HEADERS[name]
    return {"description": description, "schema": schema}


def references(names: Sequence[str]) -> Schema:
    """Return references to the answer headers `names`."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def common_headers(route: AnyRoute, status: int) -> Sequence[str]:
    """Return the names of the headers of every answer of a route; a 401 has no caller and so no quota."""
    limited = route.scopes and status != HTTPStatus.UNAUTHORIZED
    return (*_ALWAYS, "RateLimit-Policy", "RateLimit") if limited else _ALWAYS


def of_problems(route: AnyRoute, status: int, codes: Sequence[str]) -> Schema:
    """Return references to the answer headers of a route's problems with `status`."""
    names = [*common_headers(route, status)]
    if status == HTTPStatus.UNAUTHORIZED:
        names.append("WWW-Authenticate")
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        names.append("Retry-After")
    if status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE and route.method == "PATCH":
        names.append("Accept-Patch")
    if any(problems.MODELS.get(code) is problems.ConflictProblem for code in codes):
        names.append("ETag")
    if route.scopes and route.method in idempotency.KEYED_METHODS:
        names.append("Idempotency-Key")
    return references(names)
