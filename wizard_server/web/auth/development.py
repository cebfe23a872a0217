"""Mode ``none``, for development on a loopback address: ``X-User-Id`` names the caller."""

import socket
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from wizard_server.config.sources import REFUSAL
from wizard_server.domain.callers import READ, USER, USER_RULE, WRITE, Caller
from wizard_server.errors import ConfigError, ForeignOriginError, ValidationFailedError
from wizard_server.web.auth.leases import Lease, Unending
from wizard_server.web.auth.tokens import FOREIGN_HOST, FOREIGN_ORIGIN

DEVELOPER = "dev"
_READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})


class TrustingAuthenticator:
    """Mode ``none``, on loopback addresses only: the user is ``X-User-Id`` or ``dev``, with the scopes of a user.

    The developer's browser runs on this machine and has other sites' pages open. A page whose host name resolves to
    127.0.0.1 (DNS rebinding) is refused by its ``Host``, and one that sends a change or opens a WebSocket by its
    ``Origin``: for some of these browsers ask no permission, so that CORS does not cover them. What a page only reads
    it does not get to see, and browsers do not always say where a reading request comes from. With `public_url` a proxy
    is in front, and ``Host`` is not checked, because the proxy decides on it.
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
            raise ForeignOriginError("Host", FOREIGN_HOST)
        if hdrs.ORIGIN in headers and (request.method not in _READING or hdrs.UPGRADE in headers):
            self._check_origin(headers[hdrs.ORIGIN])
        user_id = headers.get("X-User-Id", DEVELOPER)
        if not USER.fullmatch(user_id):
            raise ValidationFailedError.of("X-User-Id", USER_RULE, "pattern")
        return Caller(user_id, self._scopes)

    def credential(self, request: web.Request) -> str:
        """See `Authenticator`."""
        return self.authenticate(request).user_id

    def caller_of(self, credential: str) -> Caller | None:
        """See `Authenticator`."""
        return Caller(credential, self._scopes)

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
            raise ForeignOriginError("Origin", FOREIGN_ORIGIN)


@lru_cache(maxsize=64)
def _is_nearby(authority: str) -> bool:
    """Whether a ``Host`` may be this machine: no public site has a name without a dot, or one under .local."""
    try:
        host = urlsplit(f"//{authority}").hostname or ""
        is_plain_name = "." not in host and ":" not in host
        return is_plain_name or host.endswith((".localhost", ".local")) or ip_address(host).is_loopback
    except ValueError:
        return False


def require_loopback(host: str) -> None:
    """Raise `ConfigError` when `host` resolves to an address beyond this machine."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return  # listening fails with the reason
    beyond = sorted(str(address) for address in found if not ip_address(address).is_loopback)
    if beyond:
        raise ConfigError(f'{REFUSAL}[server] host: mode "none" needs a loopback address, {host} is {beyond[0]}')
