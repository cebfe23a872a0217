"""Who sends a request (contract 7): a bearer token, or in development whoever the header names."""

from collections import OrderedDict
from typing import Any, Protocol

import jwt
from aiohttp import web

from wizard_server.domain.callers import READ, WRITE, Caller
from wizard_server.domain.clock import utc_now
from wizard_server.errors import InvalidTokenError, ValidationFailedError
from wizard_server.web.requests import IDENTIFIER

DEVELOPER = "dev"
# A browser cannot set headers on a WebSocket: it offers the token as a subprotocol.
TOKEN_PROTOCOL = "bearer."  # noqa: S105 - a prefix, no secret


class Authenticator(Protocol):
    """Tells who sends a request."""

    def authenticate(self, request: web.Request) -> Caller:
        """Return the caller; raise `InvalidTokenError`, or `ValidationFailedError` for a malformed user id."""


class TrustingAuthenticator:
    """Mode ``none``, on loopback addresses only: the user is ``X-User-Id`` or ``dev``, with the scopes of a user."""

    _scopes = frozenset({READ, WRITE})

    def authenticate(self, request: web.Request) -> Caller:
        """See `Authenticator`."""
        user_id = request.headers.get("X-User-Id", DEVELOPER)
        if not IDENTIFIER.fullmatch(user_id):
            raise ValidationFailedError.of("X-User-Id", "must match [A-Za-z0-9_-]{1,255}", "pattern")
        return Caller(user_id, self._scopes)


class TokenAuthenticator:
    """Mode ``jwt``: a signed token with ``sub``, ``scope`` and ``exp``.

    Checking a signature costs more than a poll, so a verified token is remembered until it expires; the memory is
    bounded by `cache_size` tokens.
    """

    def __init__(self, *, key: str, algorithm: str, leeway_seconds: int, cache_size: int) -> None:
        self._key = key
        self._algorithm = algorithm
        self._leeway = leeway_seconds
        self._cache_size = cache_size
        self._verified: OrderedDict[str, tuple[float, Caller]] = OrderedDict()

    def authenticate(self, request: web.Request) -> Caller:
        """See `Authenticator`."""
        token = _token(request)
        remembered = self._verified.get(token)
        if remembered is not None and remembered[0] > utc_now().timestamp():
            return remembered[1]
        expires, caller = self._verify(token)
        self._verified[token] = (expires, caller)
        while len(self._verified) > self._cache_size:
            self._verified.popitem(last=False)
        return caller

    def _verify(self, token: str) -> tuple[float, Caller]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[self._algorithm],
                leeway=self._leeway,
                options={"require": ["exp", "sub"], "verify_aud": False},
            )
            expires = float(claims["exp"]) + self._leeway
        except (jwt.PyJWTError, UnicodeError, OverflowError) as error:
            raise InvalidTokenError(f"the token does not verify: {error}") from None
        scope = claims.get("scope", "")
        if not IDENTIFIER.fullmatch(claims["sub"]) or not isinstance(scope, str):
            raise InvalidTokenError("the token's sub must match [A-Za-z0-9_-]{1,255} and its scope must be a text")
        return expires, Caller(claims["sub"], frozenset(scope.split()))


def _token(request: web.Request) -> str:
    """Return the token of ``Authorization: Bearer``, or of the subprotocol ``bearer.<token>`` of a WebSocket."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token
    upgrades = request.headers.get("Upgrade", "").lower() == "websocket"
    for protocol in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if upgrades else ():
        if protocol.strip().startswith(TOKEN_PROTOCOL):
            return protocol.strip().removeprefix(TOKEN_PROTOCOL)
    raise InvalidTokenError("send a token: Authorization: Bearer <token>")
