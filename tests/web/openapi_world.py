"""A server in one of the authentication modes, and for every route a request that succeeds unless it is changed."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import jwt
from aiohttp import ClientResponse

from tests.conftest import Client, StartServer
from wizard_server.web.http.problems import STATUS
from wizard_server.web.http.route import AnyRoute
from wizard_server.web.openapi import examples
from wizard_server.web.openapi.problems import codes
from wizard_server.web.routes import ROUTES

SECRET = "0123456789abcdef0123456789abcdef"
USER = "analyst-7"  # whom the examples name
INV = "inv-1"  # likewise
UNKNOWN = "nobody-has-this"
MODES = ("jwt", "none")
Place = tuple[str, str, int]  # method, path and status


def documented(code: str, mode: str) -> list[AnyRoute]:
    """Return the routes that may answer with the problem `code`."""
    return [route for route in ROUTES if code in codes(route, mode)]


def place(route: AnyRoute, code: str) -> Place:
    return route.method.lower(), route.path, int(STATUS.get(code, HTTPStatus.BAD_REQUEST))


class World:
    """The server, and who asks."""

    def __init__(self, client: Client, mode: str) -> None:
        self.client = client
        self.mode = mode
        self.template_id = UNKNOWN

    @classmethod
    async def start(cls, start_server: StartServer, mode: str, *, clock: Any = None, **sections: Any) -> "World":
        auth = {"mode": "jwt", "jwt_secret": SECRET} if mode == "jwt" else {"mode": "none"}
        return cls(await start_server(clock=clock, **{"auth": auth, **sections}), mode)

    def caller(self, scope: str = "wizard:read wizard:write", user: str = USER) -> dict[str, str]:
        """Return the headers that say who asks."""
        if self.mode == "none":
            return {"X-User-Id": user}
        claims = {"sub": user, "scope": scope, "exp": int(time.time()) + 600}
        return {"Authorization": f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"}

    async def investigate(self) -> None:
        """Make the investigation that the examples name, and a template."""
        await self.expect(201, "POST", "/api/v1/wizard-state")
        if any(route.features == ("templates_enabled",) for route in ROUTES):
            answer = await self.expect(201, "POST", "/api/v1/templates")
            self.template_id = (await answer.json())["template_id"]

    async def expect(self, status: int, method: str, path: str, **changed: Any) -> ClientResponse:
        """Send the request of a route and check the status of its answer."""
        answer = await self.ask(route(method, path), **changed)
        assert answer.status == status, f"{method} {path}: {answer.status} {(await answer.read())[:500]!r}"
        return answer

    async def ask(
        self,
        route: AnyRoute,
        *,
        headers: Mapping[str, str] | None = None,
        identifier: str | None = None,
        media: str | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | None = None,
    ) -> ClientResponse:
        """Send the request of `route`, with its example unless a body is given; a stream is not read to its end."""
        path = route.path.replace("{investigation_id}", quote(identifier or INV))
        path = path.replace("{template_id}", quote(identifier or self.template_id))
        path = path.replace("{file}", "docs.js").replace("{module}", "index.js")
        sent = {**self.caller(), **(headers or {})}
        if route.bodies:
            media = media or next(iter(route.bodies))
            sent.setdefault("Content-Type", media)
            if json is None and data is None:
                json = examples.of(route.bodies[media])
        async with self.client.request(route.method, path, headers=sent, params=params, json=json, data=data) as answer:
            if answer.content_type != "text/event-stream":
                await answer.read()
            return answer


def route(method: str, path: str) -> AnyRoute:
    """Return a route of the table."""
    return next(route for route in ROUTES if (route.method, route.path) == (method, path))
