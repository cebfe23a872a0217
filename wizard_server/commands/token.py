"""``wizard-server token``: a development token (contract 10)."""

import jwt

from wizard_server.config.loading import ServerConfig
from wizard_server.domain.callers import ADMIN, AGENT, READ, USER, USER_RULE, WRITE
from wizard_server.domain.clock import utc_now
from wizard_server.errors import WizardError
from wizard_server.web.auth.signing_keys import load_keys

SCOPES = (READ, WRITE, AGENT, ADMIN)
MAX_TTL_SECONDS = 10 * 365 * 86400


class TokenRequestError(WizardError):
    """The requested token cannot be made, or would not be accepted."""

    code = "invalid-token-request"


def mint(config: ServerConfig, user: str, scope: str, ttl_seconds: int) -> int:
    """Print a token for `user` that expires in `ttl_seconds`, alone on standard output; return the exit status.

    Raises `TokenRequestError`, and `ConfigError` for a secret that cannot be used.
    """
    auth = config.auth
    if auth.mode == "none":
        raise TokenRequestError('[auth] mode is "none": no token is needed, the user is whoever X-User-Id names')
    if auth.algorithm != "HS256" or auth.jwt_secret is None:
        raise TokenRequestError(
            f"[auth] algorithm is {auth.algorithm}: such tokens come from whoever has the private key; this command"
            " makes HS256 ones"
        )
    _check(user, scope, ttl_seconds)
    load_keys(auth)
    now = int(utc_now().timestamp())
    claims = {
        auth.user_claim: user,
        auth.scope_claims[0]: " ".join(scope.split()),
        "iat": now,
        "exp": now + ttl_seconds,
    }
    fixed = {"iss": auth.issuer, "aud": auth.audience}
    claims |= {name: value for name, value in fixed.items() if value is not None}
    print(jwt.encode(claims, auth.jwt_secret.get_secret_value(), algorithm="HS256"))
    return 0


def _check(user: str, scope: str, ttl_seconds: int) -> None:
    if not USER.fullmatch(user):
        raise TokenRequestError(f"--user {USER_RULE}")
    if not scope.split() or not set(scope.split()) <= set(SCOPES):
        raise TokenRequestError(f"--scope takes one or more of {', '.join(SCOPES)}, separated by spaces")
    if not 1 <= ttl_seconds <= MAX_TTL_SECONDS:
        raise TokenRequestError(f"--ttl must be 1 to {MAX_TTL_SECONDS} seconds")
