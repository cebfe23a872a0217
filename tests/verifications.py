"""How often the signature of a token is verified."""

from typing import Any

import jwt
import pytest


class Verifications:
    """Counts them, in the library: an authenticator shows nobody whether it remembers a token."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.refuses = False
        original = jwt.decode

        def counted(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            if self.refuses:
                raise jwt.ExpiredSignatureError("expired")
            return original(*arguments, **options)

        monkeypatch.setattr(jwt, "decode", counted)
