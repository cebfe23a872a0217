"""HTTP with the caller's identity: one request, or one that is repeated until the server has decided."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic_core import to_json

from wizard_server.client.answers import Answer, answer_of
from wizard_server.client.backoff import Backoff
from wizard_server.client.identity import Identity
from wizard_server.client.problems import NotFound, Unreachable, WizardClientError

REQUEST_SECONDS = 30.0
# What a deletion that finds nothing is taken for when it was sent before: that was carried out, and its answer lost.
_DELETED = Answer(204, None, None, 0.0)


@dataclass
class _Sent:
    """When a request was sent, and how often: aiohttp itself sends a GET, PUT or DELETE again when it got no answer."""

    at: float
    times: int = 0


def _noting_when_sent() -> aiohttp.TraceConfig:
    async def note(_session: aiohttp.ClientSession, context: SimpleNamespace, _parameters: object) -> None:
        sent: _Sent = context.trace_request_ctx
        sent.at, sent.times = time.monotonic(), sent.times + 1

    tracing = aiohttp.TraceConfig()
    tracing.on_request_headers_sent.append(note)
    return tracing


class Transport:
    """The server at `url`, as one caller sees it."""

    def __init__(self, url: str, identity: Identity, give_up_seconds: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url must be as http://host:port, not {url!r}")
        self._base = url.rstrip("/").removesuffix("/api/v1")
        self._identity = identity
        self._give_up_seconds = give_up_seconds
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Take connections."""
        self._loop = asyncio.get_running_loop()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            json_serialize=lambda body: to_json(body).decode(),
            trace_configs=[_noting_when_sent()],
        )

    async def close(self) -> None:
        """Give up connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def backoff(self) -> Backoff:
        """Return the pauses of one series of attempts."""
        return Backoff(new_token=self._identity.renews)

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
        if asyncio.get_running_loop() is not self._loop:
            raise RuntimeError(
                "the client was opened on another event loop, perhaps by a fixture of a wider scope: enter it where it"
                " is used"
            )
        sent = _Sent(time.monotonic())
        parameters = [(name, _text(each)) for name, value in (query or {}).items() for each in _listed(value)]
        try:
            async with self._session.request(
                method,
                f"{self._base}/api/v1{path}",
                params=parameters,
                json=body,
                headers={**await self._identity.headers(), **(headers or {})},
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,  # which would make a GET of a POST
                trace_request_ctx=sent,
            ) as response:
                return await answer_of(response)
        except NotFound:
            if method == "DELETE" and sent.times > 1:
                return _DELETED
            raise
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            waited = time.monotonic() - sent.at
            raise Unreachable(f"{method} {path}: {error or type(error).__name__}", waited) from error

    async def insist(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        give_up_seconds: float | None = None,
        **given: Any,
    ) -> Answer:
        """Send a request until the server has decided; one `Idempotency-Key` makes that safe for a write.

        Raises `Problem` for what is decided, and after the time to give up the last failure.
        """
        sent = {**self._identity.signature(method), **(headers or {})}
        backoff, loop = self.backoff(), asyncio.get_running_loop()
        deadline = loop.time() + (self._give_up_seconds if give_up_seconds is None else give_up_seconds)
        while True:
            try:
                answer = await self.once(method, path, headers=sent, **given)
            except WizardClientError as error:
                if method == "DELETE" and isinstance(error, NotFound) and backoff.failures:
                    return _DELETED
                pause = backoff.pause(error)
                if pause is None or loop.time() + pause > deadline:
                    raise
                await asyncio.sleep(pause)
                continue
            backoff.reset()
            return answer


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
