"""Who asks, and how the trail names what they write."""

import inspect
import secrets
from collections.abc import Awaitable, Callable

from wizard_server.domain.models.enumerations import AuditSource

GetToken = Callable[[], str | Awaitable[str]]

_KEYED = frozenset({"POST", "PUT", "PATCH"})


class Identity:
    """One caller; raises `ValueError` for a `token` beside a `get_token`."""

    def __init__(
        self,
        *,
        token: str | None,
        get_token: GetToken | None,
        user: str | None,
        name: str | None,
        source: AuditSource | None,
    ) -> None:
        if token is not None and get_token is not None:
            raise ValueError("either token or get_token")
        self._token = token
        self._get_token = get_token
        self._user = {} if user is None else {"X-User-Id": user}
        self._key_prefix = "" if name is None else f"{name}."
        self._source = {} if source is None else {"X-Audit-Source": str(source)}

    @property
    def renews(self) -> bool:
        """Whether there is another token when one is refused."""
        return self._get_token is not None

    async def headers(self) -> dict[str, str]:
        """Return what says who asks; a token is asked for."""
        token = self._token
        if self._get_token is not None:
            given = self._get_token()
            token = await given if inspect.isawaitable(given) else given
        return {"Authorization": f"Bearer {token}", **self._user} if token else self._user

    def signature(self, method: str) -> dict[str, str]:
        """Return what a write has beside that, the same each time that it is sent."""
        if method == "GET":
            return {}
        key = {"Idempotency-Key": self._key_prefix + secrets.token_hex(16)} if method in _KEYED else {}
        return {**self._source, **key}
