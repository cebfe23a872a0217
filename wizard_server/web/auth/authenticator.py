"""Who is asking: what every way of identifying a caller has in common."""

from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from wizard_server.domain.callers import Caller
from wizard_server.web.auth.leases import Lease


class Authenticator(Protocol):
    """Tells who sends a request."""

    def authenticate(self, request: web.Request) -> Caller:
        """Return the caller; raise `InvalidTokenError`, `ForeignOriginError` or `ValidationFailedError`.

        `UnknownKeyError` says that it is worth another try after `newer_keys`.
        """

    async def newer_keys(self) -> None:
        """Have the issuer asked for keys that may be missing, as often as that is good for it."""

    def unready(self) -> str | None:
        """Return why nobody can be authenticated yet, None where somebody can."""

    def lease(self, request: web.Request, wake: Callable[[], object]) -> Lease:
        """Return how long the connection of an authenticated request may stay open."""

    async def look(self) -> None:
        """Look whether keys have changed, and wake those who stay open on what the old ones verified."""


AUTHENTICATOR: "web.AppKey[Authenticator]" = web.AppKey("authenticator")
