"""Answers CORS preflight requests (``[cors]``).

A page of an allowed origin is granted every method and header that it asks for, on every path, because a refused
preflight shows it a network error in place of our answer, such as a 404 or 405.
"""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import hdrs, web

from wizard_server.web.http.cors import Origins
from wizard_server.web.http.pipeline import Pipeline

_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "X-Audit-Source",
    "X-Request-Id",
    "X-User-Id",
)
_KNOWN = frozenset(name.lower() for name in _HEADERS)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_PREFLIGHT_SECONDS = "7200"


def answer_preflights(app: web.Application, origins: Origins, pipeline: Pipeline) -> None:
    """Add a route for OPTIONS to every path of `app` that grants the preflights of `origins`; none without origins.

    It is a route of its own, so that other requests cost nothing more; `unmatched` answers for unknown paths. Call this
    after all other routes have been added.
    """
    if not origins:
        return
    methods: dict[str, set[str]] = {}
    for route in app.router.routes():
        if route.resource is not None:
            methods.setdefault(route.resource.canonical, {hdrs.METH_OPTIONS}).add(route.method)
    for path, known in methods.items():
        handler = pipeline.open(_preflight(", ".join(sorted(known)), origins))
        app.router.add_route(hdrs.METH_OPTIONS, path, handler)


def granted(request: web.Request, origins: Origins, methods: str = "") -> dict[str, str] | None:
    """Return the headers that grant the preflight and `methods`; None for another request or another origin."""
    method = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD, "")
    if request.method != hdrs.METH_OPTIONS or not _TOKEN.fullmatch(method) or not origins.pairs(request):
        return None
    known = [name for name in methods.split(", ") if name]
    named = [name.strip() for name in request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "").split(",")]
    own = [name for name in named if _TOKEN.fullmatch(name) and name.lower() not in _KNOWN]
    return {
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: ", ".join([*known, *({method} - set(known))]),
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: ", ".join([*_HEADERS, *own]),
        hdrs.ACCESS_CONTROL_MAX_AGE: _PREFLIGHT_SECONDS,
    }


def _preflight(methods: str, origins: Origins) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def options(request: web.Request) -> web.Response:
        grant = granted(request, origins, methods) or {}
        return web.Response(status=HTTPStatus.NO_CONTENT, headers={hdrs.ALLOW: methods, **grant})

    return options
