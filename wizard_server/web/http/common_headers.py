"""The headers that every answer has: success, error, stream or WebSocket handshake.

All of them that do not depend on the request are computed once.
"""

from collections.abc import Sequence

from aiohttp import hdrs, web
from multidict import CIMultiDict, istr

from wizard_server.web.http.context import request_id
from wizard_server.web.http.cors import Origins
from wizard_server.web.http.quotas import Admission

# The answers are data: a browser that opens one must not render it as a page, guess its type or embed it.
FIXED: Sequence[tuple[istr, str]] = (
    (istr("X-Content-Type-Options"), "nosniff"),
    (istr("Referrer-Policy"), "no-referrer"),
    (istr("Cross-Origin-Resource-Policy"), "same-origin"),  # fetch with CORS is not affected
    (hdrs.SERVER, "wizard-server"),  # in place of the framework's name and version
)
CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'"

# Every answer says how it may be kept, because caches may keep one that does not, a 404 too (RFC 9111, 4.2.2).
KEPT_NOWHERE = "no-store"

_POLICY = istr("Content-Security-Policy")
_REQUEST_ID = istr("X-Request-Id")
_ORIGIN = "Origin"


class CommonHeaders:
    """The common headers of an application's answers."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._has_origins = bool(origins)
        fixed = ((_POLICY, CONTENT_SECURITY_POLICY), *FIXED, *([(hdrs.VARY, _ORIGIN)] if origins.vary else []))
        self._fixed = "".join(f"{name}: {value}\r\n" for name, value in fixed).encode()

    def lines(self, request: web.Request, admission: Admission | None) -> bytes:
        """Return the common headers of the answer to `request` as lines of its head."""
        quota = b"" if admission is None else admission.lines
        return self.joined(request_id(request), quota, self.origin_lines(request))

    def origin_lines(self, request: web.Request) -> bytes:
        """Return those of the lines that the page which sends `request` needs to read the answer."""
        return self._origins.lines(request) if self._has_origins else b""

    def joined(self, identifier: str, quota: bytes, origin: bytes) -> bytes:
        """Return the lines of the answer to the request called `identifier`."""
        return b"%sX-Request-Id: %s\r\n%s%s" % (self._fixed, identifier.encode(), quota, origin)

    def put(self, request: web.Request, headers: CIMultiDict[str], admission: Admission | None) -> None:
        """Add them to `headers`; a page's own Content-Security-Policy stays, and ``Vary`` is extended.

        An answer without ``Cache-Control`` gets ``no-store`` (contract 4).
        """
        headers.setdefault(_POLICY, CONTENT_SECURITY_POLICY)
        headers.setdefault(hdrs.CACHE_CONTROL, KEPT_NOWHERE)
        headers.update(FIXED)
        headers[_REQUEST_ID] = request_id(request)
        if admission is not None:
            headers.update(admission.pairs)
        if self._has_origins:
            headers.update(self._origins.pairs(request))
        if self._origins.vary:
            vary = headers.get(hdrs.VARY)
            headers[hdrs.VARY] = f"{vary}, {_ORIGIN}" if vary else _ORIGIN


HEADERS: "web.AppKey[CommonHeaders]" = web.AppKey("headers")
