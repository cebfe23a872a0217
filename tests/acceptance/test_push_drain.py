"""A server is asked to go while clients follow by every transport: each is told in its own way (contract 5, 6)."""

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path

import aiohttp
import orjson

from tests import factories
from tests.acceptance.client import STATES, connect, eventually, parked
from tests.acceptance.conftest import Serve
from tests.acceptance.process import PATIENCE_SECONDS, write_config

EACH = 100
INVESTIGATIONS = 10
Ending = tuple[str, object]


def investigation(number: int) -> str:
    return f"inv-{number % INVESTIGATIONS}"


async def poll(session: aiohttp.ClientSession, number: int, suffix: str) -> Ending:
    path = f"/api/v1/polling/wizard-state/{investigation(number)}{suffix}?since_version=1&wait=50"
    async with session.get(path) as response:
        assert int(response.headers["Retry-After"]) > 0
        return f"poll{suffix}", response.status


async def stream(session: aiohttp.ClientSession, number: int) -> Ending:
    async with session.get(f"/api/v1/events/wizard-state/{investigation(number)}") as response:
        text = await response.read()  # to the regular end: a broken one raises
    *_, last = text.decode().strip().split("\n\n")
    return "events", last.splitlines()[0]


async def follow(session: aiohttp.ClientSession, number: int) -> Ending:
    async with session.ws_connect(f"/ws/investigation/{investigation(number)}") as opened:
        kinds = []
        while (message := await opened.receive()).type is aiohttp.WSMsgType.TEXT:
            kinds.append(orjson.loads(message.data)["type"])
    assert kinds == ["connection_established", "connection_closed"]
    return "socket", (message.type, message.data, message.extra)


async def test_every_transport_is_told_in_its_own_way(config: Path, serve: Serve) -> None:
    write_config(config.parent, polling={"max_push_per_user": 2 * EACH})
    server = serve(config)
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        connect(server.port) as [control],
        aiohttp.ClientSession(server.url, connector=connector, timeout=timeout) as session,
    ):
        for number in range(INVESTIGATIONS):
            answer = await control.ask("POST", STATES, factories.creation(f"inv-{number}"))
            assert answer.status == 201
        following = [
            asyncio.create_task(kind)
            for number in range(EACH)
            for kind in (
                poll(session, number, ""),
                poll(session, number, "/changes"),
                stream(session, number),
                follow(session, number),
            )
        ]

        async def everybody_waits() -> bool:
            return await parked(control) == 4 * EACH

        await eventually(everybody_waits)
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        endings = Counter(await asyncio.gather(*following))
        answered = time.monotonic()
        assert await asyncio.to_thread(server.wait) == 0
        gone = time.monotonic()
    assert endings == {
        ("poll", 200): EACH,
        ("poll/changes", 304): EACH,
        ("events", "event: closed"): EACH,
        ("socket", (aiohttp.WSMsgType.CLOSE, 1001, "going away")): EACH,
    }
    print(f"\n{4 * EACH} clients: all told {answered - began:.2f} s after SIGTERM, gone after {gone - began:.2f} s")
