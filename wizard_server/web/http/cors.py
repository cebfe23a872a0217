"""Cross-origin requests: which pages may call the API, and which headers they may read (``[cors]``).

Tokens travel in headers, never in cookies, so credentials are not allowed to pages of other origins.
"""

from collections.abc import Sequence

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
_ANY = "*"
_EXPOSES = (hdrs.ACCESS_CONTROL_EXPOSE_HEADERS, ", ".join(EXPOSED))


class Origins:
    """The origins whose pages may read the answers; false when there are none.

    `vary` says whether an answer depends on the request's origin; with ``*`` it does not, and caches may share it.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = _ANY in origins
        self._pairs = {origin: ((hdrs.ACCESS_CONTROL_ALLOW_ORIGIN, origin), _EXPOSES) for origin in origins}
        self.vary = bool(origins) and not self._any

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def pairs(self, request: web.Request) -> Sequence[tuple[str, str]]:
        """Return the headers that let the page of `request` read the answer; none for other origins."""
        origin = _ANY if self._any else request.headers.get(hdrs.ORIGIN, "")
        return self._pairs.get(origin, ())

    def lines(self, request: web.Request) -> bytes:
        """Return `pairs` as lines of a head."""
        return "".join(f"{name}: {value}\r\n" for name, value in self.pairs(request)).encode()
