"""The database goes and comes back: what is lost, what is refused meanwhile, and how soon everything goes on."""

import asyncio
import signal
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.acceptance.client import Connection, connect
from tests.benchmarks.database import topic
from tests.benchmarks.nodes.world import World
from tests.benchmarks.parking import arrive
from tests.benchmarks.subjects import STATE, authorization
from tests.benchmarks.swarm import PATIENCE_SECONDS, Swarm

_WRITERS, _PARKED = 16, 100
_FIRST_WRITER, _FIRST_PARKED = 700, 800
_FIRST_WRITE_SECONDS, _REFUSED_SECONDS = 1.0, 2.0
_AGAIN_SECONDS = 0.01
_SETTLED = 50


@dataclass
class Writer:
    """One client that changes a state of its own, and repeats what was not acknowledged, with its key."""

    number: int
    versions: list[int] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)

    async def write(self, connection: Connection, ended: asyncio.Event) -> None:
        """Write until it has `ended`."""
        path = STATE.format(topic(self.number)) + "/progress"
        while not ended.is_set():
            key = f"{self.number}-{len(self.versions)}"
            body = {"logs": [key]}
            headers = {**dict(authorization()), "Idempotency-Key": key}
            while (answer := await connection.ask("POST", path, body, headers)).status != HTTPStatus.OK:
                if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise RuntimeError(f"a write was answered with {answer.status}: {answer.body!r}")
                await asyncio.sleep(_AGAIN_SECONDS)
            self.versions.append(answer.json()["version"])
            self.acknowledged.append(time.monotonic())


def away(world: World) -> None:
    """Stop PostgreSQL as a crash does, under writers and with parked polls, and start it again."""
    with Swarm(world.a.port) as swarm:
        numbers = range(_FIRST_PARKED, _FIRST_PARKED + _PARKED)
        arrive(swarm, world.a, numbers, world.a.version(_FIRST_PARKED))
        asyncio.run(_away(world))
        left = _PARKED - world.a.parked()
    world.section.limit("database away: parked polls that ended", [float(left)], "", "<=", 0.0)


async def _away(world: World) -> None:
    writers = [Writer(_FIRST_WRITER + number) for number in range(_WRITERS)]
    ended = asyncio.Event()
    async with connect(world.a.port, _WRITERS + 1) as [reader, *connections]:
        tasks = [
            asyncio.create_task(writer.write(connection, ended))
            for writer, connection in zip(writers, connections, strict=True)
        ]
        await _more(writers, tasks)
        world.cluster.stop(signal.SIGQUIT)
        try:
            refused = await _refused(reader)
        finally:
            world.cluster.start()  # not in a thread: it ends with the thread that has started it
        accepts = time.monotonic()
        await _more(writers, tasks)
        ended.set()
        await asyncio.gather(*tasks)
        found = [await _version(reader, writer.number) for writer in writers]
    first = min(at for writer in writers for at in writer.acknowledged if at > accepts)
    expected = [world.a.version(writer.number) + len(writer.versions) for writer in writers]
    wrong = sum(version != wanted for version, wanted in zip(found, expected, strict=True))
    backwards = sum(writer.versions != sorted(set(writer.versions)) for writer in writers)
    section = world.section
    section.limit("database away: states with a write lost or repeated", [float(wrong)], "", "<=", 0.0)
    section.limit("database away: writers that saw versions go back", [float(backwards)], "", "<=", 0.0)
    section.limit("database back: first write after it accepts", [first - accepts], "s", "<=", _FIRST_WRITE_SECONDS)
    section.limit("database away: GET is answered 503 after", [refused], "s", "<=", _REFUSED_SECONDS)


async def _refused(reader: Connection) -> float:
    """Return after how many seconds a GET is refused; raise when it is answered otherwise."""
    began = time.monotonic()
    answer = await reader.ask("GET", STATE.format(topic(0)), headers=dict(authorization()))
    if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:
        raise RuntimeError(f"without a database a state was answered with {answer.status}")
    return time.monotonic() - began


async def _more(writers: list[Writer], tasks: list["asyncio.Task[Any]"]) -> None:
    """Return once `_SETTLED` more writes are acknowledged; raise what a writer has met."""
    wanted = sum(len(writer.versions) for writer in writers) + _SETTLED
    async with asyncio.timeout(PATIENCE_SECONDS):
        while sum(len(writer.versions) for writer in writers) < wanted:
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(_AGAIN_SECONDS)


async def _version(reader: Connection, number: int) -> int:
    answer = await reader.ask("GET", STATE.format(topic(number)), headers=dict(authorization()))
    return int(answer.json()["version"])
