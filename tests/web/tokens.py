"""Tokens as an issuer signs them."""

import time
from typing import Any

import jwt

SECRET = "0123456789abcdef0123456789abcdef"
USER = "wizard:read wizard:write"


def token(user: object = "ann", scope: object = USER, *, secret: str = SECRET, **claims: Any) -> str:
    content = {"sub": user, "scope": scope, "exp": int(time.time()) + 600, **claims}
    present = {key: value for key, value in content.items() if value is not None}
    return jwt.encode(present, secret, algorithm=claims.pop("algorithm", "HS256"))


def bearer(*args: Any, **kwargs: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(*args, **kwargs)}"}
