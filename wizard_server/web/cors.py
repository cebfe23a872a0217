"""Cross-origin requests: which pages may call the API, and which headers they may read (``[cors]``).

Tokens travel in headers, never in cookies, so credentials are not allowed to pages of other origins.
"""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

EXPOSED = (
    "Accept-Patch",
    "ETag",
    "Idempotency-Key",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "X-Recommended-Interval",
    "X-Request-Id",
)
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, X-Audit-Source,"
    " X-Request-Id, X-User-Id"
)
_PREFLIGHT_SECONDS = "7200"


def allow_origins(app: web.Application, origins: Sequence[str]) -> None:
    """Let pages of `origins` (``*``: of any) call `app` and read what clients need; without origins add nothing."""
    if not origins:
        return
    allowed = frozenset(origins)

    def permitted(request: web.Request) -> str | None:
        origin = request.headers.get("Origin")
        return origin if origin is not None and (origin in allowed or "*" in allowed) else None

    @web.middleware
    async def preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
        asks_first = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not asks_first or permitted(request) is None:
            return await handler(request)
        headers = {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _HEADERS,
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
        }
        return web.Response(status=HTTPStatus.NO_CONTENT, headers=headers)

    async def expose(request: web.Request, response: web.StreamResponse) -> None:
        origin = permitted(request)
        response.headers["Vary"] = ", ".join(filter(None, [response.headers.get("Vary"), "Origin"]))
        if origin is not None:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED)

    app.middlewares.insert(0, preflight)
    app.on_response_prepare.append(expose)
