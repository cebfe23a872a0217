"""Watches every answer that the tests ever see, and compares it with the description of the API.

Route, status, problem code, media type, headers and (up to 64 KiB) the body have to be as the document says.
"""

import gzip
import json
import re
from functools import cache
from http import HTTPStatus
from typing import Any

import jsonschema_rs
from aiohttp import web

from wizard_server.web.http.context import CONFIG
from wizard_server.web.http.prepared import Prepared
from wizard_server.web.http.unmatched import ANYTHING
from wizard_server.web.openapi.document import describe
from wizard_server.web.pages.site import FILE, SHELLS
from wizard_server.web.routes import ROUTES

MAX_BODY_BYTES = 64 * 1024
_JSON = ("application/json", "application/problem+json")
# What HTTP itself, CORS and the policies for browsers add to any answer: told once, in the text of the document.
_GENERAL = frozenset(
    {
        "access-control-allow-origin",
        "access-control-expose-headers",
        "connection",
        "content-encoding",
        "content-length",
        "content-security-policy",
        "content-type",
        "cross-origin-resource-policy",
        "date",
        "referrer-policy",
        "sec-websocket-accept",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "server",
        "transfer-encoding",
        "upgrade",
        "vary",
        "x-content-type-options",
        "x-frame-options",
    }
)
# The framework's names of the pages: a placeholder without its pattern.
_PAGES = frozenset(re.sub(r"{(\w+):(?:[^{}]|{\d+})*}", r"{\1}", path) for path in (*SHELLS, FILE))


@cache
def document(mode: str) -> dict[str, Any]:
    """Return the description of the API in an authentication mode."""
    return describe(ROUTES, mode)


@cache
def _validator(mode: str, path: str, method: str, status: str, media: str) -> Any:
    known = document(mode)
    schema = known["paths"][path][method]["responses"][status]["content"][media]["schema"]
    whole = {"components": {"schemas": known["components"]["schemas"]}, **schema}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


class Observer:
    """Collects what answers differ in from the description; `seen` are those that were as described.

    With `by_hand` the test puts into the database what no request could: then states may be anything.
    """

    def __init__(self, *, by_hand: bool = False) -> None:
        self._by_hand = by_hand
        self.differences: list[str] = []
        self.seen: set[tuple[str, str, int, str | None]] = set()

    def watch(self, app: web.Application) -> None:
        """See every answer of `app`, just before it is sent."""
        app.on_response_prepare.append(self._see)

    async def _see(self, request: web.Request, response: web.StreamResponse) -> None:
        resource = request.match_info.route.resource
        self._compare_keeping(request, response)
        undescribed = response.status == HTTPStatus.INTERNAL_SERVER_ERROR or request.method == "OPTIONS"
        if resource is None or resource.raw_match(ANYTHING) or undescribed or resource.canonical in _PAGES:
            return  # no route; a mistake that a test makes happen; a page that asks first; what is for browsers only
        mode = request.app[CONFIG].auth.mode
        method = "get" if request.method == "HEAD" else request.method.lower()
        where = f"{request.method} {resource.canonical} {response.status}"
        operation = document(mode)["paths"].get(resource.canonical, {}).get(method)
        described = operation and operation["responses"].get(str(response.status))
        if not described:
            self.differences.append(f"{where} is not described")
            return
        self._compare_headers(where, described, response)
        body = _body(response)
        media = response.content_type
        code = body.get("code") if media == "application/problem+json" and isinstance(body, dict) else None
        self.seen.add((method, resource.canonical, response.status, code))
        if body is None or (self._by_hand and media == "application/json"):
            return
        if media not in described.get("content", {}):
            self.differences.append(f"{where} is {media}: {str(body)[:200]}")
            return
        validator = _validator(mode, resource.canonical, method, str(response.status), media)
        for error in list(validator.iter_errors(body))[:1]:
            self.differences.append(f"{where}: {error.message[:300]} at {error.instance_path}: {str(body)[:600]}")

    def _compare_keeping(self, request: web.Request, response: web.StreamResponse) -> None:
        """Every answer says how it may be kept (contract 4), also where no route is described."""
        path, said = request.path, response.headers.get("Cache-Control")
        if said not in _kept(request.method, path, response):
            self.differences.append(f"{request.method} {path} {response.status} has Cache-Control {said}")

    def _compare_headers(self, where: str, described: dict[str, Any], response: web.StreamResponse) -> None:
        known = {name.lower() for name in described.get("headers", {})} | _GENERAL
        unknown = sorted({name.lower() for name in response.headers} - known)
        if unknown:
            self.differences.append(f"{where} has headers that are not described: {unknown}")


def _kept(method: str, path: str, response: web.StreamResponse) -> tuple[str, ...]:
    """Return what an answer may say of how it is kept."""
    if response.status >= HTTPStatus.BAD_REQUEST or method == "OPTIONS":
        return ("no-store",)
    if path.rstrip("/").endswith(("/openapi.json", "/docs")):
        return ("no-cache",)
    if "/docs/" in path or "/static/" in path:
        return ("public, max-age=31536000, immutable", "no-cache")
    is_state = response.headers.get("ETag", "").startswith('"version-') and "/polling/" not in path
    return ("private, no-cache",) if is_state else ("no-store",)


def _body(response: web.StreamResponse) -> Any:
    """Return the JSON of an answer; None for one that has no body, is too long, or is something else."""
    text = response.body if isinstance(response, web.Response | Prepared) else None
    if not isinstance(text, bytes) or not text or response.content_type not in _JSON:
        return None
    if response.headers.get("Content-Encoding") == "gzip":
        text = gzip.decompress(text)
    return json.loads(text) if len(text) <= MAX_BODY_BYTES else None
