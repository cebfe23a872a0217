"""A JSON Web Key Set that the issuer serves (``[auth] jwks_url``).

One task fetches it: at start, when a token names an unknown key, and now and then, so that a withdrawn key stops
working. Between two fetches it rests, whatever tokens arrive (`Pace`). While the issuer is unreachable or its
answer unusable, the known keys are kept.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from wizard_server.errors import KeysUnavailableError
from wizard_server.pace import PACE, Pace
from wizard_server.web.auth.key_sets import HeldKeys, PublicKey, UnusableError
from wizard_server.web.auth.name_lookup import NameLookup

logger = logging.getLogger(__name__)

MAX_SET_BYTES = 256 * 1024
_HEADERS = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}


async def fetched(url: str) -> bytes:
    """Return the answer of the issuer; redirects are not followed, because their target may not be the issuer's."""
    connector = aiohttp.TCPConnector(force_close=True, resolver=NameLookup())
    async with (
        aiohttp.ClientSession(connector=connector, auto_decompress=False) as session,
        session.get(url, headers=_HEADERS, allow_redirects=False) as answer,
    ):
        if answer.status != HTTPStatus.OK:
            raise UnusableError(f"the issuer answers {answer.status}")
        text = b""
        while chunk := await answer.content.read(MAX_SET_BYTES):
            text += chunk
            if len(text) > MAX_SET_BYTES:
                raise UnusableError(f"the issuer's answer is over {MAX_SET_BYTES} bytes")
        return text


class RemoteKeys:
    """The public keys of the set at a URL, which `fetch` reads; none before the first usable answer."""

    def __init__(
        self,
        url: str,
        algorithm: str,
        pace: Pace = PACE,
        fetch: Callable[[str], Awaitable[bytes]] = fetched,
    ) -> None:
        self.look_seconds = pace.issuer_rest
        self._url = url
        self._pace = pace
        self._fetch = fetch
        self._held = HeldKeys("jwks_url", algorithm)
        self._changed = False
        self._wanted = asyncio.Event()
        self._answered: asyncio.Future[None] | None = None  # of the next fetch or the one in flight; None while resting
        self._trouble: str | None = "not asked yet"

    async def kept(self, _app: web.Application) -> AsyncIterator[None]:
        """Fetch the set once, then keep the keys up to date while the application runs."""
        if not _is_safe(self._url):
            logger.warning("jwks_url is not https: whoever is in between can sign tokens")
        self._answered = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._keep())
        await asyncio.shield(self._answered)
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def unready(self) -> str | None:
        """Return why no token can be verified, None when they can."""
        return None if self._held else f"the issuer's keys are not known yet: {self._trouble}"

    def renewed(self) -> bool:
        """See `SigningKeys`."""
        changed, self._changed = self._changed, False
        return changed

    def key_for(self, token: str) -> PublicKey:
        """See `SigningKeys` and `HeldKeys.key_for`; raise `KeysUnavailableError` before the first usable answer."""
        if not self._held:
            raise KeysUnavailableError("the issuer's keys are not known yet, so no token can be verified")
        return self._held.key_for(token)

    async def newer(self) -> None:
        """Request a fetch and wait for it; while resting return at once, and the fetch follows."""
        self._wanted.set()
        if self._answered is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._answered), self._pace.issuer_wait)

    async def _keep(self) -> None:
        while True:
            self._wanted.clear()
            await self._refresh()
            if self._answered is not None:
                self._answered.set_result(None)
            self._answered = None
            await asyncio.sleep(self._pace.issuer_rest)
            self._answered = asyncio.get_running_loop().create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout(0 if self._trouble else self._pace.issuer_refresh):
                    await self._wanted.wait()

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(self._pace.issuer_timeout):
                text = await self._fetch(self._url)
            changed = self._held.replace(text)
        except Exception as error:  # noqa: BLE001 - after any error the keys are kept and waiting requests continue
            self._log_trouble(self._reason(error))
            return
        self._trouble, self._changed = None, self._changed or changed
        if changed:
            logger.info("jwks_url read", extra={"keys": len(self._held)})

    def _reason(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"the issuer does not answer within {self._pace.issuer_timeout:g} seconds"
        return str(error) or type(error).__name__

    def _log_trouble(self, reason: str) -> None:
        """Log why the set cannot be used, unless the last reason was the same."""
        if reason != self._trouble:
            logger.warning("jwks_url cannot be used, the keys stay", extra={"reason": reason, "keys": len(self._held)})
        self._trouble = reason


def _is_safe(url: str) -> bool:
    """Whether the issuer's answer cannot be modified in transit."""
    parts = urlsplit(url)
    try:
        return parts.scheme == "https" or parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
