"""A little issuer on 127.0.0.1 that serves a key set, well or badly, as the test says."""

import asyncio
from typing import TYPE_CHECKING, Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from tests.accepting import Accepting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

KEYS = {kid: ec.generate_private_key(ec.SECP256R1()) for kid in ("old", "new")}
FOREVER = 32_503_680_000


def key_set(*kids: str) -> dict[str, Any]:
    algorithm = jwt.get_algorithm_by_name("ES256")
    return {"keys": [{**algorithm.to_jwk(KEYS[kid].public_key(), as_dict=True), "kid": kid} for kid in kids]}


def signed(kid: str, *, named: str | None = None, exp: float = FOREVER, **claims: Any) -> dict[str, str]:
    """Return the header with a token that the key `kid` signed, under the name `named`."""
    content = {"sub": "ann", "scope": "wizard:read wizard:write", "exp": exp, **claims}
    token = jwt.encode(content, KEYS[kid], algorithm="ES256", headers={"kid": named or kid})
    return {"Authorization": f"Bearer {token}"}


class Issuer:
    """Answers with `answer`, after `held` is set; counts in `asked`. A context manager; `port` 0 takes a free one."""

    def __init__(self, *kids: str, port: int = 0) -> None:
        self.asked = 0
        self.held = asyncio.Event()
        self.held.set()
        self.answer: Callable[[], Awaitable[web.StreamResponse]]
        self.serves(*kids)
        app = web.Application()
        app.router.add_get("/keys", self._asked)
        self._server = Accepting(app, host="127.0.0.1", port=port)

    def serves(self, *kids: str) -> None:
        async def answer() -> web.StreamResponse:
            return web.json_response(key_set(*kids))

        self.answer = answer

    def answers(self, status: int, body: bytes, **headers: str) -> None:
        async def answer() -> web.StreamResponse:
            return web.Response(status=status, body=body, headers=headers)

        self.answer = answer

    async def _asked(self, _: web.Request) -> web.StreamResponse:
        self.asked += 1
        await self.held.wait()
        return await self.answer()

    @property
    def url(self) -> str:
        return str(self._server.make_url("/keys"))

    async def __aenter__(self) -> "Issuer":
        await self._server.start_server()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        self.held.set()
        await self._server.close()
