"""The protocol of authentication, which both modes implement."""

from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from wizard_server.domain.callers import Caller
from wizard_server.web.auth.leases import Lease


class Authenticator(Protocol):
    """Identifies the caller of a request."""

    def authenticate(self, request: web.Request) -> Caller:
        """Return the caller; raise `InvalidTokenError`, `ForeignOriginError` or `ValidationFailedError`.

        `UnknownKeyError` means that another try after `newer_keys` may succeed.
        """

    def credential(self, request: web.Request) -> str:
        """Return what names the caller of an authenticated request, and of all that are equal to it."""

    def caller_of(self, credential: str) -> Caller | None:
        """Return the caller whom a credential names; None when a request with it has to be authenticated again."""

    async def newer_keys(self) -> None:
        """Ask the issuer for missing keys, unless it was asked a moment ago."""

    def unready(self) -> str | None:
        """Return why no caller can be authenticated yet, None when they can."""

    def lease(self, request: web.Request, wake: Callable[[], object]) -> Lease:
        """Return the lease of an authenticated request's connection; `wake` is called when it has to be checked."""

    async def look(self) -> None:
        """Check whether keys have changed, and wake the connections whose tokens the old keys verified."""


AUTHENTICATOR: "web.AppKey[Authenticator]" = web.AppKey("authenticator")
