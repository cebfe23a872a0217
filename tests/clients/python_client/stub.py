"""A server that answers as a test says, one answer after the other, and remembers what it was asked."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.accepting import Accepting
from wizard_server.client import WizardClient

HANGS_AFTER_SECONDS = 20.0


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    key: str | None
    token: str | None
    query: dict[str, str]
    body: Any


@dataclass
class Stub:
    """`answers` are given first, `otherwise` ever after; while `gate` is closed every request waits."""

    otherwise: tuple[int, Any] = (204, None)
    answers: deque[tuple[int, dict[str, str], Any]] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    def __post_init__(self) -> None:
        self.gate.set()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        body = await request.json() if request.can_read_body else None
        headers = request.headers
        self.asked.append(
            Asked(
                request.method,
                request.path.removeprefix("/api/v1"),
                headers.get("Idempotency-Key"),
                headers.get("Authorization"),
                dict(request.query),
                body,
            )
        )
        self.came.set()
        await self.gate.wait()
        status, extra, content = self.answers.popleft() if self.answers else (self.otherwise[0], {}, self.otherwise[1])
        if status == 204:
            return web.Response(status=204, headers=extra)
        return web.json_response(content, status=status, headers=extra)


@asynccontextmanager
async def stubbed(stub: Stub) -> AsyncIterator[Stub]:
    """Run `stub`; its `url` is known while it runs."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stub.answer)
    async with Accepting(app) as server:
        stub.url = str(server.make_url("/"))
        yield stub
        stub.gate.set()


@asynccontextmanager
async def client_of(stub: Stub, **given: Any) -> AsyncIterator[WizardClient]:
    """Run `stub` and yield a client of it."""
    async with stubbed(stub), WizardClient(stub.url, **{"user": "dev", **given}) as client:
        yield client


def refusal(status: int, code: str, **members: Any) -> tuple[int, dict[str, str], Any]:
    return status, {}, {"code": code, "detail": f"refused with {code}", **members}


def later(status: int, code: str) -> tuple[int, dict[str, str], Any]:
    return status, {"Retry-After": "0"}, {"code": code, "detail": "not now"}
