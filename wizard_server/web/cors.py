"""Cross-origin requests: which pages may call the API, and which headers they may read (``[cors]``).

Tokens travel in headers, never in cookies, so credentials are not allowed to pages of other origins.
"""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from aiohttp import hdrs, web

EXPOSED = (
    "Accept-Patch",
    "Allow",
    "ETag",
    "Idempotency-Key",
    "Link",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Recommended-Interval",
    "X-Request-Id",
)
_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, X-Audit-Source,"
    " X-Request-Id, X-User-Id"
)
_PREFLIGHT_SECONDS = "7200"
_ANY = "*"
_EXPOSES = (hdrs.ACCESS_CONTROL_EXPOSE_HEADERS, ", ".join(EXPOSED))


class Origins:
    """The origins whose pages may read the answers; false when there are none.

    `vary` says whether an answer depends on who asks: with ``*`` it does not, and caches may share it.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = _ANY in origins
        self._pairs = {origin: ((hdrs.ACCESS_CONTROL_ALLOW_ORIGIN, origin), _EXPOSES) for origin in origins}
        self.vary = bool(origins) and not self._any

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def pairs(self, request: web.Request) -> Sequence[tuple[str, str]]:
        """Return the headers that let the page that sends `request` read the answer; nothing for any other."""
        origin = _ANY if self._any else request.headers.get(hdrs.ORIGIN, "")
        return self._pairs.get(origin, ())


def answer_preflights(app: web.Application, origins: Origins) -> None:
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
        app.router.add_route(hdrs.METH_OPTIONS, path, _preflight(", ".join(sorted(known)), origins))


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
