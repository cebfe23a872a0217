"""Refuses what a route does not take: preconditions, query names and bodies are never ignored (contract 4)."""

from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import hdrs, web
from multidict import istr

from wizard_server.errors import FieldError, RequestError, ValidationFailedError
from wizard_server.web.http.bodies import whole_body
from wizard_server.web.http.query_parameters import CACHE_BUSTER
from wizard_server.web.http.route import AnyRoute

_MOST_NAMED = 50
# ``If-Modified-Since`` is absent: it is no precondition of a write (RFC 9110, 13.1.3), and no answer has a date, so a
# GET with it rightly gets the whole answer. ``If-Range`` applies to ranges, which no route supports.
_READS = "it is for writes; If-None-Match names what the client has"
PRECONDITIONS: Mapping[istr, str] = MappingProxyType(
    {
        hdrs.IF_MATCH: "it has no version that could be named",
        hdrs.IF_NONE_MATCH: "it has no version that could be named",
        hdrs.IF_UNMODIFIED_SINCE: "dates are too coarse for it, ETag and If-Match name the version",
    }
)


class RouteInputs:
    """Whether a route takes a query and a body, and which preconditions."""

    __slots__ = ("_body", "_name", "_query", "_refused")

    def __init__(self, route: AnyRoute) -> None:
        self._name = f"{route.method} {route.path}"
        self._query = route.query is not None  # then its handler refuses unknown names
        self._body = bool(route.bodies)
        self._refused = tuple(name for name in PRECONDITIONS if name not in route.headers)

    def _reason(self, name: istr) -> str:
        reads = name is hdrs.IF_MATCH and self._name.startswith(hdrs.METH_GET)
        return _READS if reads and hdrs.IF_NONE_MATCH not in self._refused else PRECONDITIONS[name]

    def refuses(self, request: web.Request) -> bool:
        """Whether the request may have something that the route does not take; it runs for every request."""
        headers = request.headers
        for name in self._refused:
            if name in headers:
                return True
        if request.can_read_body and not self._body:
            return True
        return not self._query and bool(request.rel_url.raw_query_string)

    async def refuse(self, request: web.Request) -> None:
        """Raise `ValidationFailedError` that names what the route does not take; return if there is nothing after all.

        A chunked body may be empty, and the query of a GET may have cache busters only.
        """
        errors = [
            FieldError(name, f"{self._name} does not take it: {self._reason(name)}", "not_taken")
            for name in self._refused
            if name in request.headers
        ]
        if not self._query:
            names = [name for name in dict.fromkeys(request.query) if not is_ignored(request, name)]
            message = f"{self._name} takes no parameters"
            errors += [FieldError(name, message, "extra_forbidden") for name in names[:_MOST_NAMED]]
        if not self._body and await _has_body(request):
            message = f"{self._name} takes no body"
            if hdrs.IF_MATCH not in self._refused:
                message += "; the version it is based on is named by If-Match"
            errors.append(FieldError("body", message, "not_taken"))
        if errors:
            raise ValidationFailedError("; ".join(f"{each.field}: {each.message}" for each in errors[:3]), errors)


def is_ignored(request: web.Request, name: str) -> bool:
    """Whether a parameter of a GET is a cache buster (``_=1736409600``)."""
    return name.startswith(CACHE_BUSTER) and request.method in (hdrs.METH_GET, hdrs.METH_HEAD)


async def _has_body(request: web.Request) -> bool:
    if not request.can_read_body:
        return False
    if request.content_length is not None:
        return True
    try:
        return bool(await whole_body(request))
    except RequestError:
        return True  # too long, too slow, of another coding: it is not empty
