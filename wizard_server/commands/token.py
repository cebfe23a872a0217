"""``wizard-server token``: a development token (contract 10)."""

import jwt

from wizard_server.config import ServerConfig
from wizard_server.domain.clock import utc_now
from wizard_server.errors import ConfigError, WizardError
from wizard_server.web.requests import IDENTIFIER


class TokenRequestError(WizardError):
    """The token asked for would not be accepted."""

    code = "invalid-token-request"


def mint(config: ServerConfig, user: str, scope: str, ttl_seconds: int) -> int:
    """Print a token for `user` that expires in `ttl_seconds`, alone on standard output; return the exit status."""
    secret = config.auth.jwt_secret
    if config.auth.algorithm != "HS256" or secret is None:
        raise ConfigError(
            "Invalid wizard configuration - refusing to start: [auth] jwt_secret: tokens are made with algorithm HS256"
            " and its secret"
        )
    if not IDENTIFIER.fullmatch(user):
        raise TokenRequestError("--user must match [A-Za-z0-9_-]{1,255}")
    if ttl_seconds <= 0:
        raise TokenRequestError("--ttl must be at least 1 second")
    now = int(utc_now().timestamp())
    claims = {"sub": user, "scope": scope, "iat": now, "exp": now + ttl_seconds}
    print(jwt.encode(claims, secret.get_secret_value(), algorithm="HS256"))
    return 0
