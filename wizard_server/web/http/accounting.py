"""What is counted and said about each request: a number by route and status, and one log event.

Counting happens for every request, so it costs one addition to a dictionary that exists. A log event is built only
when somebody listens: changes, refusals and open connections are told at INFO, what only reads at DEBUG, because ten
thousand pollers would bury everything else.
"""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from aiohttp import web

from wizard_server.domain.callers import Caller
from wizard_server.sparing import Sparing
from wizard_server.web.http.context import CALLER, request_id
from wizard_server.web.http.problems import CODE

logger = logging.getLogger(__name__)

UNMATCHED = "unmatched"
OTHER_METHOD = "OTHER"
# Of each status that who has no token, or no quota left, is answered.
LINES_PER_SECOND = 10
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = _READING | {"POST", "PUT", "PATCH", "DELETE"}
_VERSION_TAG = re.compile(r'"version-([0-9]+)"')


class RouteTally:
    """The answers of one route, or of everything that is no route, to one method.

    `opens` says that the route has opened push connections; `cancelled` counts clients that did not wait for an answer.
    """

    __slots__ = ("by_status", "cancelled", "level", "method", "opens", "route")

    def __init__(self, route: str, method: str) -> None:
        self.route = route
        self.method = method
        self.level = logging.DEBUG if method in _READING else logging.INFO
        self.by_status: defaultdict[int, int] = defaultdict(int)
        self.cancelled = 0
        self.opens = False


@dataclass(frozen=True, slots=True)
class _Push:
    """An open push connection, and the fields of its events."""

    transport: str
    status: int
    begun: float
    fields: dict[str, Any]


_PUSH = web.RequestKey("push", _Push)


class Requests:
    """The tallies of one application; every route is in it before the first request comes."""

    def __init__(self) -> None:
        self.by_route: dict[web.AbstractRoute, RouteTally] = {}
        # A client may invent paths and methods without end: they share labels.
        self._unmatched = {method: RouteTally(UNMATCHED, method) for method in (*sorted(_METHODS), OTHER_METHOD)}
        self.problems: Counter[str] = Counter()
        self.open = {"sse": 0, "websocket": 0}
        self._refusals = Sparing(logger, logging.INFO, "request refused", LINES_PER_SECOND)
        self._spared: dict[int, Sparing] = {}

    def tallies(self) -> Iterator[RouteTally]:
        """Yield every tally."""
        yield from self.by_route.values()
        yield from self._unmatched.values()

    def watch(self, router: web.UrlDispatcher) -> None:
        """Make a tally for each route that is there now; what comes later counts as no route."""
        for route in router.routes():
            if route.resource is not None:
                self.by_route[route] = RouteTally(route.resource.canonical, route.method)

    def of(self, request: web.Request) -> RouteTally:
        """Return the tally of the route that takes the request, or of what no route takes."""
        return self.by_route.get(request.match_info.route) or self._unmatched_to(request.method)

    def _unmatched_to(self, method: str) -> RouteTally:
        return self._unmatched.get(method) or self._unmatched[OTHER_METHOD]

    def refused(self, request: web.Request, response: web.Response) -> None:
        """Count and log what the parser refused; nothing of it is repeated, it may hold a token."""
        status, code = response.status, response[CODE]
        self._unmatched_to(OTHER_METHOD).by_status[status] += 1
        self.problems[code] += 1
        self._refusals.log({"request_id": request_id(request), "status": status, "code": code})

    def tell(
        self, request: web.Request, response: web.StreamResponse, tally: RouteTally, begun: float, caller: Caller | None
    ) -> None:
        """Log how a request of `caller` was answered, or that its push connection has closed.

        What a stranger is refused, and what a quota refuses, can be had without end: it is logged sparingly.
        """
        status, code = response.status, None
        if status >= 400 and (code := response.get(CODE)) is not None:
            self.problems[code] += 1
        if tally.opens and self.closed(request) is not None:
            return
        level = logging.ERROR if status >= 500 else logging.INFO if status >= 400 else tally.level
        if status >= 400 and (caller is None or status == 429) and not self._sparing(level, status).admits():
            return
        if logger.isEnabledFor(level):
            fields = _fields(request, response.headers.get("ETag"), caller)
            _log(level, "request answered", fields, tally, begun, status=status, code=code)

    def _sparing(self, level: int, status: int) -> Sparing:
        if status not in self._spared:
            self._spared[status] = Sparing(logger, level, "request answered", LINES_PER_SECOND, {"status": status})
        return self._spared[status]

    def cancelled(self, request: web.Request, begun: float, caller: Caller | None) -> None:
        """Count and log a request whose client went away, or that was still under way when the server stopped."""
        tally = self.of(request)
        status = self.closed(request) if tally.opens else None
        if status is not None:
            tally.by_status[status] += 1
            return
        tally.cancelled += 1
        if logger.isEnabledFor(tally.level):
            _log(tally.level, "request cancelled", _fields(request, None, caller), tally, begun)

    def opened(self, request: web.Request, response: web.StreamResponse) -> None:
        """Count and log a push connection whose head was just sent."""
        transport = "websocket" if isinstance(response, web.WebSocketResponse) else "sse"
        self.of(request).opens = True
        self.open[transport] += 1
        fields = {**_fields(request, None, request[CALLER]), "transport": transport}
        request[_PUSH] = _Push(transport, response.status, perf_counter(), fields)
        logger.info("connection opened", extra=fields)

    def closed(self, request: web.Request) -> int | None:
        """Count and log the end of the request's push connection; return its status, None when it has none open."""
        push: _Push | None = request.pop(_PUSH, None)
        if push is None:
            return None
        self.open[push.transport] -= 1
        logger.info("connection closed", extra={**push.fields, "duration_ms": _milliseconds(push.begun)})
        return push.status


def _fields(request: web.Request, etag: str | None, caller: Caller | None) -> dict[str, Any]:
    """Return who asked for what: never a token, a query or a body."""
    fields = {"request_id": request_id(request)}
    if caller is not None:
        fields["user"] = caller.user_id
    investigation = request.match_info.get("investigation_id")
    if investigation is not None:
        fields["investigation"] = investigation
    version = _VERSION_TAG.search(etag or "")
    return {**fields, "version": int(version[1])} if version else fields


def _log(level: int, event: str, fields: dict[str, Any], tally: RouteTally, begun: float, **more: object) -> None:
    told = {key: value for key, value in more.items() if value is not None}
    where = {"method": tally.method, "route": tally.route}
    extra = {**fields, **where, **told, "duration_ms": _milliseconds(begun)}
    # `logger.log` would look through the stack for a file and a line that nobody sees: a quarter of the time.
    logger.handle(logger.makeRecord(logger.name, level, "", 0, event, (), None, extra=extra))


def _milliseconds(begun: float) -> float:
    return round((perf_counter() - begun) * 1000, 3)


REQUESTS: "web.AppKey[Requests]" = web.AppKey("requests")
