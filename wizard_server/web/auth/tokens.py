"""Mode ``jwt``: bearer tokens in ``Authorization`` or, of a WebSocket, in its subprotocol (contract 7)."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jwt
from aiohttp import hdrs, web

from wizard_server.config.loading import AuthConfig
from wizard_server.domain.callers import USER, USER_RULE, Caller
from wizard_server.domain.clock import utc_now
from wizard_server.domain.ports import Clock
from wizard_server.errors import InvalidTokenError
from wizard_server.web.auth.leases import Lease, Leases
from wizard_server.web.auth.signing_keys import SigningKeys

# A browser cannot set headers on a WebSocket, so it offers the token as a subprotocol.
TOKEN_PROTOCOL = "bearer."  # noqa: S105 - a prefix, no secret
# Longer tokens are refused unread; with `token_cache_size` this bounds the memory.
MAX_TOKEN_LENGTH = 4096
_SCHEME = "Bearer "
FOREIGN_HOST = (
    'Host is no name of this machine, and mode "none" answers to no other: set [server] public_url to the address by'
    ' which browsers reach the server, or [auth] mode = "jwt"'
)
FOREIGN_ORIGIN = (
    'Origin is of another machine, and mode "none" takes no change from its pages and opens no WebSocket to them:'
    " add it to [cors] allowed_origins"
)


class _Verified(NamedTuple):
    """A verified token: its caller, when it expires, and until when the result may be used unchecked."""

    until: float
    caller: Caller
    expires: float
    header: str


class TokenAuthenticator:
    """Mode ``jwt``: a signed token with a user, scopes and ``exp``, and with ``iss`` and ``aud`` where configured.

    The user is the claim `user_claim`. The scopes are those of all `scope_claims` together, because issuers use
    different claims: each is a text of words or a list of texts; values of other types grant nothing.

    A token with an audience is refused while none is configured, because it is meant for another service (RFC 7519,
    4.1.3). ``nbf`` and ``iat`` may not lie in the future. The leeway applies to all times.

    Verifying a signature costs more than a poll. So a verified token is cached by its header until it expires or the
    keys change, and then costs one look-up and one comparison. Cached tokens have the keys checked every
    `look_seconds`, so that a withdrawn key ends its tokens. Refused tokens are not cached.
    """

    def __init__(self, keys: SigningKeys, config: AuthConfig, clock: Clock = utc_now) -> None:
        self._keys = keys
        self._algorithms = [config.algorithm]
        self._issuer = config.issuer
        self._audience = config.audience
        self._leeway = config.leeway_seconds
        self._user_claim = config.user_claim
        self._scope_claims = config.scope_claims
        self._cache_size = config.token_cache_size
        self._verified: OrderedDict[str, _Verified] = OrderedDict()
        self.leases = Leases(clock)

    @property
    def remembered(self) -> int:
        """How many tokens are cached."""
        return len(self._verified)

    def authenticate(self, request: web.Request) -> Caller:
        """See `Authenticator`."""
        return self.caller_of(request.headers.get(hdrs.AUTHORIZATION, "")) or self._of_token(_token(request))

    def credential(self, request: web.Request) -> str:
        """See `Authenticator`: the header, as the same text that is cached."""
        header = request.headers.get(hdrs.AUTHORIZATION, "")
        return self._verified[header].header if header in self._verified else header

    def caller_of(self, credential: str) -> Caller | None:
        """See `Authenticator`."""
        remembered = self._verified.get(credential)
        return remembered[1] if remembered is not None and remembered[0] > self.leases.now() else None

    async def newer_keys(self) -> None:
        """See `Authenticator`."""
        await self._keys.newer()

    def unready(self) -> str | None:
        """See `Authenticator`."""
        return self._keys.unready()

    def lease(self, request: web.Request, wake: Callable[[], object]) -> Lease:
        """See `Authenticator`: until the token expires; for one that comes in its leeway, until that ends."""
        token = _token(request)
        self._of_token(token)
        expires = self._verified[_SCHEME + token].expires
        ahead = expires - self._leeway
        return self.leases.open(ahead if ahead > self.leases.now() else expires, lambda: self._verifies(request), wake)

    def _verifies(self, request: web.Request) -> bool:
        try:
            self._of_token(_token(request))
        except InvalidTokenError:
            return False
        return True

    async def look(self) -> None:
        """See `Authenticator`."""
        self._renew()
        await self.leases.wake_all()

    def _renew(self) -> None:
        if self._keys.renewed():
            self._verified.clear()
            self.leases.generation += 1

    def _of_token(self, token: str) -> Caller:
        """Return the caller of a token that is not cached under this header, or is due for a check."""
        self._renew()
        header = _SCHEME + token
        known = self._verified.pop(header) if header in self._verified else None
        now = self.leases.now()
        expires, caller = (known.expires, known.caller) if known and known.expires > now else self._verify(token)
        self._verified[header] = _Verified(min(expires, now + self._keys.look_seconds), caller, expires, header)
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
