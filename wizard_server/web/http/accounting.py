"""The request log and the request counts: one log event per request, and numbers by route and status for ``/metrics``.

Every request is counted, so counting costs one addition in an existing dictionary. A log event is built only when its
level is enabled: changes, refusals and push connections are logged at INFO, requests that only read at DEBUG, because
ten thousand pollers would hide all other lines.
"""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import Any

from aiohttp import web

from wizard_server.domain.callers import Caller
from wizard_server.sparing import Sparing
from wizard_server.web.http.context import CALLER, request_id
from wizard_server.web.http.prepared import Prepared
from wizard_server.web.http.problems import CODE

logger = logging.getLogger(__name__)

UNMATCHED = "unmatched"
OTHER_METHOD = "OTHER"
# Lines for each status of refusals that come without limit: of strangers, for want of quota, for want of the database.
LINES_PER_SECOND = 10
_IN_MASSES = frozenset({429, 503})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = _READING | {"POST", "PUT", "PATCH", "DELETE"}
_VERSION_TAG = re.compile(r'"version-([0-9]+)"')


class RouteCounts:
    """The answers to one method of one route, or of all requests that no route matches.

    `opens` says that the route has opened push connections; `cancelled` counts clients that went away unanswered.
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
    """The request counts of one application, and its request log; routes are registered before the first request."""

    def __init__(self) -> None:
        self.by_route: dict[web.AbstractRoute, RouteCounts] = {}
        # Unknown paths and methods share labels, because clients can invent any number of them.
        self._unmatched = {method: RouteCounts(UNMATCHED, method) for method in (*sorted(_METHODS), OTHER_METHOD)}
        self.problems: Counter[str] = Counter()
        self.open = {"sse": 0, "websocket": 0}
        self._refusals = Sparing(logger, logging.INFO, "request refused", LINES_PER_SECOND)
        self._spared: dict[int, Sparing] = {}

    def counts(self) -> Iterator[RouteCounts]:
        """Yield the counts of every route, then those of unmatched requests."""
        yield from self.by_route.values()
        yield from self._unmatched.values()

    def watch(self, router: web.UrlDispatcher) -> None:
        """Register each route of `router`; routes that are added later count as unmatched."""
        for route in router.routes():
            if route.resource is not None:
                self.by_route[route] = RouteCounts(route.resource.canonical, route.method)

    def of(self, request: web.Request) -> RouteCounts:
        """Return the counts of the route that matches the request, or of unmatched requests."""
        return self.by_route.get(request.match_info.route) or self._unmatched_to(request.method)

    def _unmatched_to(self, method: str) -> RouteCounts:
        return self._unmatched.get(method) or self._unmatched[OTHER_METHOD]

    def refused(self, request: web.Request, response: web.Response) -> None:
        """Count and log a request that the parser refused; none of its text is logged, because it may hold a token."""
        status, code = response.status, response[CODE]
        self._unmatched_to(OTHER_METHOD).by_status[status] += 1
        self.problems[code] += 1
        self._refusals.log({"request_id": request_id(request), "status": status, "code": code})

    def may_log(self, counts: RouteCounts) -> bool:
        """Whether successful answers of a route are logged."""
        return counts.opens or logger.isEnabledFor(counts.level)

    def answered(
        self,
        request: web.Request,
        response: web.StreamResponse,
        counts: RouteCounts,
        begun: float,
        caller: Caller | None,
    ) -> None:
        """Log the answer to a request of `caller`, or the end of its push connection.

        Refusals that come in masses are logged at most `LINES_PER_SECOND` times a second for each status.
        """
        status, code = response.status, None
        if status >= 400 and (code := response.get(CODE)) is not None:
            self.problems[code] += 1
        if counts.opens and self.closed(request) is not None:
            return
        level = logging.ERROR if status >= 500 else logging.INFO if status >= 400 else counts.level
        if status >= 400 and (caller is None or status in _IN_MASSES) and not self._sparing(level, status).admits():
            return
        if logger.isEnabledFor(level):
            fields = _fields(request, caller)
            version = _VERSION_TAG.search(_tag(response))
            if version:
                fields["version"] = int(version[1])
                if status == HTTPStatus.CREATED:  # the path that was asked for does not name it
                    fields["investigation"] = response.headers["Location"].rpartition("/")[2]
            _log(level, "request answered", fields, counts, begun, status, code)

    def _sparing(self, level: int, status: int) -> Sparing:
        if status not in self._spared:
            self._spared[status] = Sparing(logger, level, "request answered", LINES_PER_SECOND, {"status": status})
        return self._spared[status]

    def cancelled(self, request: web.Request, begun: float, caller: Caller | None) -> None:
        """Count and log a request whose client went away, or that was still in flight when the server stopped."""
        counts = self.of(request)
        status = self.closed(request) if counts.opens else None
        if status is not None:
            counts.by_status[status] += 1
            return
        counts.cancelled += 1
        if logger.isEnabledFor(counts.level):
            _log(counts.level, "request cancelled", _fields(request, caller), counts, begun)

    def opened(self, request: web.Request, response: web.StreamResponse) -> None:
        """Count and log a push connection whose head was just sent."""
        transport = "websocket" if isinstance(response, web.WebSocketResponse) else "sse"
        self.of(request).opens = True
        self.open[transport] += 1
        fields = {**_fields(request, request[CALLER]), "transport": transport}
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


def _tag(response: web.StreamResponse) -> str:
    tag = response.entity_tag if isinstance(response, Prepared) else response.headers.get("ETag")
    return tag or ""


def _fields(request: web.Request, caller: Caller | None) -> dict[str, Any]:
    """Return the fields that identify request, user and investigation: never a token, a query or a body."""
    fields: dict[str, Any] = {"request_id": request_id(request)}
    if caller is not None:
        fields["user"] = caller.user_id
    investigation = request.match_info.get("investigation_id")
    if investigation is not None:
        fields["investigation"] = investigation
    return fields


def _log(
    level: int,
    event: str,
    fields: dict[str, Any],
    counts: RouteCounts,
    begun: float,
    status: int | None = None,
    code: str | None = None,
) -> None:
    fields["method"], fields["route"] = counts.method, counts.route
    if status is not None:
        fields["status"] = status
    if code is not None:
        fields["code"] = code
    fields["duration_ms"] = _milliseconds(begun)
    # `logger.log` would search the stack for file and line, which no formatter prints: a quarter of the time.
    logger.handle(logger.makeRecord(logger.name, level, "", 0, event, (), None, extra=fields))


def _milliseconds(begun: float) -> float:
    return round((perf_counter() - begun) * 1000, 3)


REQUESTS: "web.AppKey[Requests]" = web.AppKey("requests")
