"""What browsers ask before they send a request of a page of another origin (``[cors]``)."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import hdrs, web

from wizard_server.web.cors import Origins
from wizard_server.web.pipeline import Pipeline

_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, X-Audit-Source,"
    " X-Request-Id, X-User-Id"
)
_PREFLIGHT_SECONDS = "7200"


def answer_preflights(app: web.Application, origins: Origins, pipeline: Pipeline) -> None:
    """Answer the browsers that ask before they send what a page of `origins` wants to; without origins, nobody.

    Every path of `app` gets a route for OPTIONS, so that no other request pays for it. Call this after all routes are
    in.
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


def _preflight(methods: str, origins: Origins) -> Callable[[web.Request], Awaitable[web.Response]]:
    told = {
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: methods,
        hdrs.ACCESS_CONTROL_ALLOW_HEADERS: _HEADERS,
        hdrs.ACCESS_CONTROL_MAX_AGE: _PREFLIGHT_SECONDS,
    }

    async def options(request: web.Request) -> web.Response:
        asks = hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers and origins.pairs(request)
        return web.Response(status=HTTPStatus.NO_CONTENT, headers={hdrs.ALLOW: methods, **(told if asks else {})})

    return options
