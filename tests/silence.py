"""How long the loop serves nobody: the longest silence while something is asked of the server (contract 4).

Use it on a server that no observer watches (`unobserved`), with bodies encoded before, and parse answers after::

    async with Silence() as silence:
        answer = await ask(client, "PATCH", url(), body)
    assert silence.longest < LOUD
"""

import asyncio
import gc
import io
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from aiohttp.test_utils import TestClient

from tests import factories
from tests.conftest import Client, Server
from wizard_server.app import create_app
from wizard_server.commands import process

# The contract promises 20 ms; with tests on every core what takes 20 alone takes 50 now and then.
LOUD = 0.1
_TICK = 0.001
# A short request needs three turns of the loop: it is read, parsed, and answered.
_MORE_TURNS = 2


class Silence:
    """Ticks in the running loop; `longest` is the longest time between two ticks, in seconds.

    A tick takes three turns, as a short request does, so that what the loop computes in the meantime is one silence.
    Of a gap only what this process computed counts (all threads, for they share one lock), so that neighbours on a busy
    machine are not taken for the server.
    """

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> Self:
        self._thresholds = gc.get_threshold()
        process.relax_garbage_collector()  # as `serve` does, so that it spends no time on what earlier tests left
        self._ticking = asyncio.create_task(self._tick())
        await asyncio.sleep(0)  # the first tick
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await asyncio.sleep(2 * _TICK)  # what was begun last is counted
        self._ticking.cancel()
        await asyncio.gather(self._ticking, return_exceptions=True)
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()

    async def _tick(self) -> None:
        wall, computed = time.perf_counter(), time.process_time()
        while True:
            await asyncio.sleep(_TICK)
            for _ in range(_MORE_TURNS):
                await asyncio.sleep(0)
            since, wall = time.perf_counter() - wall, time.perf_counter()
            busy, computed = time.process_time() - computed, time.process_time()
            self.longest = max(self.longest, min(since, busy))


@asynccontextmanager
async def unobserved(database: str, **sections: dict[str, Any]) -> AsyncIterator[Client]:
    """Run the whole server on `database`, without the observer: it would parse and check each answer in this loop."""
    client: Client = TestClient(Server(create_app(factories.config(database, **sections))))
    await client.start_server()
    try:
        yield client
    finally:
        await client.close()


async def ask(
    client: Client, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Send `body`, JSON unless told, and return status and text of the answer; nothing is encoded or parsed here."""
    given = {"Content-Type": "application/json", "Accept-Encoding": "identity", **(headers or {})}
    async with client.request(method, path, data=None if body is None else io.BytesIO(body), headers=given) as answer:
        return answer.status, await answer.read()
