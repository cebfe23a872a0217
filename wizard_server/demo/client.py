"""HTTP as the demo's actors speak it: a refusal or a broken connection is one `DemoError` that says what was asked."""

from typing import Any, NamedTuple

import aiohttp

JSON = "application/json"
REQUEST_SECONDS = 60.0


class DemoError(Exception):
    """Something in the demo did not go as expected; the message is for the person who watches."""


class Answer(NamedTuple):
    """What the server said: the version in the ETag (0 without one), and the body (None without one)."""

    version: int
    body: Any


class Api:
    """The server at `url`, as one actor sees it: each write carries a key ``<actor>.<number>`` that the trail keeps."""

    def __init__(self, session: aiohttp.ClientSession, url: str, actor: str, *, source: str = "SYSTEM") -> None:
        self._session = session
        self._url = url
        self._actor = actor
        self._source = source
        self._sent = 0

    async def get(self, path: str, **parameters: str | int) -> Answer:
        """Return the answer to a GET; raises `DemoError` unless it is a success."""
        return await self._request("GET", path, parameters, None, {})

    async def post(self, path: str, body: object) -> Answer:
        """Return the answer to a POST of JSON; raises `DemoError` unless it is a success."""
        return await self._request("POST", path, {}, body, self._written(JSON))

    async def report(self, path: str, body: object) -> Answer:
        """Send progress; the answer has no body. Raises `DemoError` unless it is a success."""
        return await self._request("POST", path, {}, body, {**self._written(JSON), "Prefer": "return=minimal"})

    async def patch(self, path: str, body: object, *, based_on: int | None = None) -> Answer:
        """Change a state, only while it is at version `based_on` where that is given; the answer has no body.

        Raises `DemoError` unless it is a success.
        """
        headers = {**self._written(JSON), "Prefer": "return=minimal"}
        if based_on is not None:
            headers["If-Match"] = f'"version-{based_on}"'
        return await self._request("PATCH", path, {}, body, headers)

    def _written(self, media_type: str) -> dict[str, str]:
        self._sent += 1
        return {
            "Content-Type": media_type,
            "Idempotency-Key": f"{self._actor}.{self._sent}",
            "X-Audit-Source": self._source,
        }

    async def _request(
        self, method: str, path: str, parameters: dict[str, str | int], body: object, headers: dict[str, str]
    ) -> Answer:
        asked = f"{self._actor}: {method} {path}"
        try:
            async with self._session.request(
                method,
                f"{self._url}/api/v1{path}",
                params=parameters,
                json=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
            ) as response:
                content = await response.json(content_type=None) if await response.read() else None
                if not response.ok:
                    raise DemoError(f"{asked} answered {response.status}: {_reason(content)}")
                return Answer(_version(response.headers.get("ETag", "")), content)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise DemoError(f"{asked} failed: {error or type(error).__name__}") from error


def _reason(content: object) -> str:
    return f"{content.get('code')}, {content.get('detail')}" if isinstance(content, dict) else str(content)


def _version(tag: str) -> int:
    number = tag.strip('"').removeprefix("version-")
    return int(number) if number.isdecimal() else 0
