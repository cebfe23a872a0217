"""`Wizard`: the server of one test."""

import asyncio
import secrets
import time
from collections.abc import Generator, Mapping
from typing import Any, Self

import jwt

from wizard_server.client import WizardClient
from wizard_server.config.loading import ServerConfig
from wizard_server.server import Server
from wizard_server.testing.faults import Faults
from wizard_server.testing.loops import LoopThread
from wizard_server.testing.proxy import Proxy

READ_AND_WRITE = "wizard:read wizard:write"
AGENT = "wizard:read wizard:agent"
TOKEN_SECONDS = 3600
PARKED_WITHIN_SECONDS = 10.0
_MANY = 1_000_000


class Done:
    """What is done; to wait for it is allowed and changes nothing."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


class Wizard:
    """A whole server in this process; `url` stays the same over `restart` and `kill`."""

    def __init__(self, loop: LoopThread, database_url: str, config: Mapping[str, Mapping[str, Any]]) -> None:
        self._loop = loop
        self._secret = secrets.token_hex(32)
        self._config = _config(database_url, self._secret, config)
        self._server: Server | None = None
        self.database_url = database_url
        self.faults = Faults()
        self._proxy = Proxy(self.faults)
        self._url = ""

    @property
    def url(self) -> str:
        """Where the server is, as clients have it: behind `faults`."""
        if not self._url:
            raise RuntimeError("the server of this test has stopped: its url is of no use any more")
        return self._url

    def token(self, user: str, scope: str = READ_AND_WRITE, *, ttl: float = TOKEN_SECONDS) -> str:
        """Return a token that the server takes for `ttl` seconds; negative: one that has expired."""
        now = time.time()
        claims = {"sub": user, "scope": scope, "iat": int(now), "exp": now + ttl}
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def client(self, user: str, scope: str = READ_AND_WRITE, **given: Any) -> WizardClient:
        """Return a client to enter: ``async with wizard.client("alice") as client``."""
        return WizardClient(self.url, get_token=lambda: self.token(user, scope), **given)

    def agent(self, user: str = "agent", **given: Any) -> WizardClient:
        """Return a client to enter that works on everybody's investigations."""
        return self.client(user, AGENT, **given)

    async def parked(self, count: int, *, within: float = PARKED_WITHIN_SECONDS) -> None:
        """Return once `count` polls are parked; raises `AssertionError` when they are not `within` seconds."""
        await self._loop.awaited(self._parked(count, within))

    async def _parked(self, count: int, within: float) -> None:
        if self._server is None:
            raise RuntimeError("the server does not run, so no poll is parked")
        hub = self._server.hub
        try:
            async with asyncio.timeout(within):
                await hub.until_parked(count)
        except TimeoutError:
            raise AssertionError(f"{hub.polls} polls are parked after {within:g} seconds, not {count}") from None

    def restart(self) -> Done:
        """Stop the server, as SIGTERM does, and start it again; after `kill` only start it."""
        self._loop.run(self._stop())
        self._loop.run(self._start())
        return Done()

    def stop(self) -> Done:
        """Stop the server, as SIGTERM does: parked polls are answered, what is under way ends."""
        self._loop.run(self._stop())
        return Done()

    def kill(self) -> Done:
        """Stop the server without a word: connections are reset; what was not committed may or may not be."""
        if self._server is not None:
            server, self._server = self._server, None
            self._loop.run(server.kill())
        return Done()

    def __enter__(self) -> Self:
        self._loop.run(self._start())
        self._url = self._loop.run(self._proxy.start())
        return self

    def __exit__(self, *exception: object) -> None:
        self._url = ""
        self._loop.run(self._proxy.stop())
        self._loop.run(self._stop())
        left = self._loop.left()
        assert not left, f"the server left tasks behind: {', '.join(left)}"  # noqa: S101 - for a test

    async def _start(self) -> None:
        self._server = Server(self._config)
        self._proxy.target = await self._server.start()

    async def _stop(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop()


def _config(database_url: str, secret: str, sections: Mapping[str, Mapping[str, Any]]) -> ServerConfig:
    """Return a configuration that depends on neither a file nor the environment."""
    given: dict[str, Mapping[str, Any]] = {
        "database": {"url": database_url, "require_durability": False},  # what tests write is thrown away
        "polling": {"fast_interval_ms": 500, "normal_interval_ms": 2000, "slow_interval_ms": 5000},
        "server": {"port": 0, "shutdown_timeout_seconds": 2},
        "auth": {"mode": "jwt", "jwt_secret": secret},
        "rate_limit": {
            "requests_per_second": _MANY,
            "burst": _MANY,
            "agent_requests_per_second": _MANY,
            "agent_burst": _MANY,
        },
    }
    merged = {name: {**given.get(name, {}), **sections.get(name, {})} for name in {**given, **sections}}
    return ServerConfig.model_validate(merged)
