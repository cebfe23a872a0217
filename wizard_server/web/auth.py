"""Who sends a request (contract 7): a bearer token, or in development whoever the header names."""

import socket
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from time import time
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import jwt
from aiohttp import hdrs, web

from wizard_server.config import AuthConfig
from wizard_server.config_sources import REFUSAL
from wizard_server.domain.callers import READ, USER, USER_RULE, WRITE, Caller
from wizard_server.errors import ConfigError, ForeignOriginError, InvalidTokenError, ValidationFailedError
from wizard_server.web.leases import Lease, Leases, Unending
from wizard_server.web.signing_keys import SigningKeys

DEVELOPER = "dev"
# A browser cannot set headers on a WebSocket: it offers the token as a subprotocol.
TOKEN_PROTOCOL = "bearer."  # noqa: S105 - a prefix, no secret
# Longer ones are refused before anything looks into them; with `token_cache_size` this bounds the memory.
MAX_TOKEN_LENGTH = 4096
_SCHEME = "Bearer "
_FOREIGN_HOST = (
    'Host is no name of this machine, and mode "none" answers to no other: set [server] public_url to the address by'
    ' which browsers reach the server, or [auth] mode = "jwt"'
)
_FOREIGN_ORIGIN = (
    'Origin is of another machine, and mode "none" opens no WebSocket to it: add it to [cors] allowed_origins'
)


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


class TrustingAuthenticator:
    """Mode ``none``, on loopback addresses only: the user is ``X-User-Id`` or ``dev``, with the scopes of a user.

    The developer's browser is on this machine too, and other people's pages are in it. One whose name was made to
    resolve to 127.0.0.1 is told apart by ``Host``, and one that opens a WebSocket, which CORS does not hold back, by
    ``Origin``. Everything else that a page may send without asking is refused for its Content-Type, or changes nothing.
    With `public_url` a proxy is in front, and which names lead here is for it to decide.
    """

    _scopes = frozenset({READ, WRITE})

    def __init__(self, allowed_origins: Sequence[str] = (), public_url: str | None = None) -> None:
        self._any_host = public_url is not None
        own = "/".join((public_url or "").split("/")[:3])
        self._allowed_origins = frozenset((*allowed_origins, own))

    def authenticate(self, request: web.Request) -> Caller:
        """See `Authenticator`."""
        headers = request.headers
        if not (self._any_host or _is_nearby(headers.get(hdrs.HOST, ""))):
            raise ForeignOriginError("Host", _FOREIGN_HOST)
        if hdrs.UPGRADE in headers and hdrs.ORIGIN in headers:
            self._check_origin(headers[hdrs.ORIGIN])
        user_id = headers.get("X-User-Id", DEVELOPER)
        if not USER.fullmatch(user_id):
            raise ValidationFailedError.of("X-User-Id", USER_RULE, "pattern")
        return Caller(user_id, self._scopes)

    async def newer_keys(self) -> None:
        """See `Authenticator`."""

    def unready(self) -> str | None:
        """See `Authenticator`."""
        return None

    def lease(self, request: web.Request, wake: Callable[[], object]) -> Lease:
        """See `Authenticator`."""
        return Unending()

    async def look(self) -> None:
        """See `Authenticator`."""

    def _check_origin(self, origin: str) -> None:
        allowed = bool(origin) and not self._allowed_origins.isdisjoint((origin, "*"))
        if not allowed and not (origin.startswith(("http://", "https://")) and _is_nearby(origin.partition("//")[2])):
            raise ForeignOriginError("Origin", _FOREIGN_ORIGIN)


@lru_cache(maxsize=64)
def _is_nearby(authority: str) -> bool:
    """Whether a ``Host`` may be this machine: a name without a dot, or under .local, is nobody's on the Internet."""
    try:
        host = urlsplit(f"//{authority}").hostname or ""
        is_plain_name = "." not in host and ":" not in host
        return is_plain_name or host.endswith((".localhost", ".local")) or ip_address(host).is_loopback
    except ValueError:
        return False


def require_loopback(host: str) -> None:
    """Raise `ConfigError` when `host` is a name that leads beyond this machine, whatever it says."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return  # listening fails, and says why
    beyond = sorted(str(address) for address in found if not ip_address(address).is_loopback)
    if beyond:
        raise ConfigError(f'{REFUSAL}[server] host: mode "none" needs a loopback address, {host} is {beyond[0]}')


class _Verified(NamedTuple):
    """Who a token names, when it expires, and until when nothing else need be looked at."""

    until: float
    caller: Caller
    expires: float


class TokenAuthenticator:
    """Mode ``jwt``: a signed token with a user, scopes and ``exp``, and what of ``iss`` and ``aud`` is configured.

    The user is the claim `user_claim`. The scopes are those of all `scope_claims` together, since issuers spread them:
    each a text of words or a list of texts; whatever else stands there grants nothing and harms nothing.

    A token that names an audience while none is configured is meant for somebody else and refused (RFC 7519, 4.1.3).
    ``nbf`` and ``iat`` may not lie ahead. The leeway counts for all of them.

    Checking a signature costs more than a poll, so a verified token is remembered until it expires or the keys change,
    under the header that brings it: then it costs one look-up and one comparison. Where keys may
    change it has them looked at now and then, so that a withdrawn key ends its tokens though no other token comes. Of
    what was refused nothing is kept.
    """

    def __init__(self, keys: SigningKeys, config: AuthConfig) -> None:
        self._keys = keys
        self._algorithms = [config.algorithm]
        self._issuer = config.issuer
        self._audience = config.audience
        self._leeway = config.leeway_seconds
        self._user_claim = config.user_claim
        self._scope_claims = config.scope_claims
        self._cache_size = config.token_cache_size
        self._verified: OrderedDict[str, _Verified] = OrderedDict()
        self._leases = Leases()

    def authenticate(self, request: web.Request) -> Caller:
        """See `Authenticator`."""
        remembered = self._verified.get(request.headers.get(hdrs.AUTHORIZATION, ""))
        if remembered is not None and remembered[0] > time():
            return remembered[1]
        return self._of_token(_token(request))

    async def newer_keys(self) -> None:
        """See `Authenticator`."""
        await self._keys.newer()

    def unready(self) -> str | None:
        """See `Authenticator`."""
        return self._keys.unready()

    def lease(self, request: web.Request, wake: Callable[[], object]) -> Lease:
        """See `Authenticator`: until the token expires; one that comes within the leeway after that has the leeway."""
        token = _token(request)
        self._of_token(token)
        expires = self._verified[_SCHEME + token].expires
        ahead = expires - self._leeway
        return self._leases.open(ahead if ahead > time() else expires, lambda: self._verifies(request), wake)

    def _verifies(self, request: web.Request) -> bool:
        try:
            self._of_token(_token(request))
        except InvalidTokenError:
            return False
        return True

    async def look(self) -> None:
        """See `Authenticator`."""
        self._renew()
        await self._leases.tell()

    def _renew(self) -> None:
        if self._keys.renewed():
            self._verified.clear()
            self._leases.generation += 1

    def _of_token(self, token: str) -> Caller:
        """Return the caller of a token that is new, came in another way than the last time, or is due for a look."""
        self._renew()
        header = _SCHEME + token
        known = self._verified.pop(header) if header in self._verified else None
        now = time()
        expires, caller = (known.expires, known.caller) if known and known.expires > now else self._verify(token)
        self._verified[header] = _Verified(min(expires, now + self._keys.look_seconds), caller, expires)
        if len(self._verified) > self._cache_size:
            self._verified.popitem(last=False)
        return caller

    def _verify(self, token: str) -> tuple[float, Caller]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._keys.key_for(token),
                algorithms=self._algorithms,
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                options={"require": ["exp", self._user_claim], "verify_sub": False},
            )
            expires = float(claims["exp"]) + self._leeway
        except (jwt.PyJWTError, ValueError, OverflowError) as error:
            raise InvalidTokenError(f"the token does not verify: {error}") from None
        user_id = claims[self._user_claim]
        if not (isinstance(user_id, str) and USER.fullmatch(user_id)):
            raise InvalidTokenError(f"the token's {self._user_claim} {USER_RULE}")
        return expires, Caller(user_id, frozenset(_scopes(claims, self._scope_claims)))


def _scopes(claims: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    """Yield the scopes of the claims called `names`."""
    for name in names:
        found = claims.get(name)
        for text in found if isinstance(found, list) else [found]:
            if isinstance(text, str):
                yield from text.split()


def _token(request: web.Request) -> str:
    """Return the token of ``Authorization: Bearer``, or of the subprotocol ``bearer.<token>`` of a WebSocket."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        token = _offered(request)
    if len(token) > MAX_TOKEN_LENGTH:
        raise InvalidTokenError(f"the token is longer than {MAX_TOKEN_LENGTH} characters")
    return token


def _offered(request: web.Request) -> str:
    upgrades = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
    for protocol in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",") if upgrades else ():
        if protocol.strip().startswith(TOKEN_PROTOCOL):
            return protocol.strip().removeprefix(TOKEN_PROTOCOL)
    raise InvalidTokenError("send a token: Authorization: Bearer <token>")
