"""HTTP with the caller's identity: one request, or one that is repeated until the server has decided."""

import asyncio
import inspect
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import aiohttp

from wizard_server.client.backoff import Backoff
from wizard_server.client.problems import InvalidToken, Problem, Unreachable, problem

GetToken = Callable[[], str | Awaitable[str]]

REQUEST_SECONDS = 30.0
_NOTHING = frozenset({204, 304})


class Answer(NamedTuple):
    """What the server said.

    The version in the ETag (0 without one), the body (None without one), and after how many seconds to come again.
    """

    status: int
    version: int
    body: Any
    retry_after: float | None


class Transport:
    """The server at `url`, as one caller sees it."""

    def __init__(
        self, url: str, *, token: str | None, get_token: GetToken | None, user: str | None, give_up_seconds: float
    ) -> None:
        self._base = url.rstrip("/").removesuffix("/api/v1")
        self._token = token
        self._get_token = get_token
        self._user = user
        self._give_up_seconds = give_up_seconds
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Take connections."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def close(self) -> None:
        """Give up connections."""
        if self._session is not None:
            await self._session.close()

    async def once(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = REQUEST_SECONDS,
    ) -> Answer:
        """Send one request; raises `Problem` for a refusal, `Unreachable` where no answer came within `seconds`."""
        if self._session is None:
            raise RuntimeError("the client is not open: async with WizardClient(...) as client")
        parameters = [(name, str(each)) for name, value in (query or {}).items() for each in _listed(value)]
        try:
            async with self._session.request(
                method,
                f"{self._base}/api/v1{path}",
                params=parameters,
                json=body,
                headers={**await self._identity(), **(headers or {})},
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as response:
                content = None if response.status in _NOTHING else await _content(response)
                retry_after = _retry_after(response.headers.get("Retry-After"))
                if response.status >= 400:
                    raise problem(response.status, content, retry_after)
                return Answer(response.status, _version(response.headers.get("ETag", "")), content, retry_after)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"{method} {path}: {error or type(error).__name__}") from error

    async def insist(self, method: str, path: str, *, body: object = None, **given: Any) -> Answer:
        """Send a write until the server has decided; the same `Idempotency-Key` makes that safe.

        Raises `Problem` for what is decided, and after the time to give up the last failure.
        """
        headers = {"Idempotency-Key": secrets.token_hex(16), **(given.pop("headers", None) or {})}
        backoff = Backoff()
        deadline = asyncio.get_running_loop().time() + self._give_up_seconds
        while True:
            try:
                return await self.once(method, path, body=body, headers=headers, **given)
            except (Problem, Unreachable) as error:
                pause = self.pause(error, backoff)
                if pause is None or asyncio.get_running_loop().time() + pause > deadline:
                    raise
            await asyncio.sleep(pause)

    def pause(self, error: Exception, backoff: Backoff) -> float | None:
        """Return the seconds after which to try again, None for a refusal that stands."""
        if isinstance(error, Unreachable):
            return backoff.next()
        if isinstance(error, InvalidToken) and self._get_token is not None and backoff.failures < 1:
            return backoff.next(0.0)
        return backoff.next(error.retry_after) if isinstance(error, Problem) and error.is_transient else None

    async def _identity(self) -> dict[str, str]:
        token = self._token
        if self._get_token is not None:
            given = self._get_token()
            token = await given if inspect.isawaitable(given) else given
        named = {"X-User-Id": self._user} if self._user is not None else {}
        return {"Authorization": f"Bearer {token}", **named} if token else named


async def _content(response: aiohttp.ClientResponse) -> Any:
    try:
        return await response.json(content_type=None)
    except ValueError as error:
        if response.status >= 400:
            return None  # a proxy's page
        raise Unreachable(f"the answer is no JSON: {error}") from error


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _version(tag: str) -> int:
    number = tag.removeprefix("W/").strip('"').removeprefix("version-")
    return int(number) if number.isdecimal() else 0


def _retry_after(header: str | None) -> float | None:
    if not header:
        return None
    if header.isdecimal():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return None
