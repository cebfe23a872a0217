"""What signs the tokens of the unit tests, and such tokens."""

import json
from typing import Any

from jwt import api_jws

OTHER_KEY = "fedcba9876543210" * 4
KEY = "0123456789abcdef" * 4
FOREVER = 32_503_680_000


def token(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    """Return a signed token; a claim that is ``...`` is left out."""
    given = {"sub": "ann", "exp": FOREVER, "scope": "wizard:read wizard:agent", **claims}
    payload = json.dumps({name: value for name, value in given.items() if value is not ...}).encode()
    return api_jws.encode(payload, key, algorithm=algorithm)
