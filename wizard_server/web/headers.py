"""The headers that every answer has, whatever it is: success, error, stream or WebSocket handshake.

They are set when an answer is about to be sent, the one place that all answers pass. It is passed for every request, so
nothing is computed here that can be computed before.
"""

from collections.abc import Sequence

from aiohttp import hdrs, web
from multidict import CIMultiDict, istr

from wizard_server.web.cors import Origins
from wizard_server.web.limits import LIMIT
from wizard_server.web.problems import request_id

# The answers are data: a browser that is led to one shows no page, guesses no type, and embeds it nowhere.
FIXED: Sequence[tuple[istr, str]] = (
    (istr("X-Content-Type-Options"), "nosniff"),
    (istr("Referrer-Policy"), "no-referrer"),
    (istr("Cross-Origin-Resource-Policy"), "same-origin"),  # says nothing of fetch with CORS, which has its own rules
    (hdrs.SERVER, "wizard-server"),  # without the versions that the framework tells
)
CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'"

_POLICY = istr("Content-Security-Policy")
_REQUEST_ID = istr("X-Request-Id")
_LIMIT_POLICY = istr("RateLimit-Policy")
_LIMIT = istr("RateLimit")

Pair = tuple[str, str]


class CommonHeaders:
    """Sets the common headers of every answer of an application."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins

    def pairs(self, request: web.Request) -> list[Pair]:
        """Return the common headers of the answer to `request`, but ``Content-Security-Policy`` and ``Vary``.

        Those two depend on the answer: a page may have a policy of its own, and ``Vary`` is a list to add to.
        """
        found: list[Pair] = [*FIXED, (_REQUEST_ID, request_id(request))]
        limit = request.get(LIMIT)
        if limit is not None:
            found += ((_LIMIT_POLICY, limit[0]), (_LIMIT, limit[1]))
        if self._origins:
            found += self._origins.pairs(request)
        return found

    def put(self, request: web.Request, headers: CIMultiDict[str]) -> None:
        """Put the common headers into those of an answer."""
        headers.setdefault(_POLICY, CONTENT_SECURITY_POLICY)
        for name, value in self.pairs(request):
            headers[name] = value
        if self._origins.vary:
            vary = headers.get(hdrs.VARY)
            headers[hdrs.VARY] = f"{vary}, Origin" if vary else "Origin"

    async def on_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Put them into an answer that is about to be sent; a signal of the framework."""
        self.put(request, response.headers)
