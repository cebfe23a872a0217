"""A small HTTP proxy that does to requests and answers what `Faults` say."""

import asyncio
import contextlib

from wizard_server.testing.connections import Connection, connected, first_byte, pump, unless_gone
from wizard_server.testing.faults import Fault, Faults
from wizard_server.testing.messages import (
    MOST_HEAD_BYTES,
    Answer,
    Request,
    read_answer,
    read_request,
    refusal,
    weakened,
)

_GONE = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError)


class Proxy:
    """Listens on a free port of this machine, in front of `target`; each client connection has one to the server."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._first: dict[tuple[str, str], bytes] = {}
        self._passed = asyncio.Condition()
        self._answers = 0
        self.target = ""

    async def start(self) -> str:
        """Listen, and return the URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MOST_HEAD_BYTES)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """End every connection and listen no more."""
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - tells mypy what a coroutine runs in
        self._serving.add(task)
        try:
            with contextlib.suppress(*_GONE):
                async with connected(self.target) as server:
                    await self._exchange(Connection(reader, writer), server)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self._serving.discard(task)
            writer.transport.abort()

    async def _exchange(self, client: Connection, server: Connection) -> None:
        """Pass requests and answers, one after the other, until somebody leaves or a fault ends it."""
        first = asyncio.ensure_future(client.reader.read(1))
        try:
            while byte := await first_byte(first, server):
                request = await read_request(byte, *client)
                met = self._faults.met(request.method, request.target)
                first = asyncio.ensure_future(client.reader.read(1))
                answer = await self._answer(request, met, first, server)
                if answer is None or not await self._deliver(answer, met, client.writer):
                    return
                if answer.goes_on:
                    await pump(first, client, server)
                    return
        finally:
            first.cancel()

    async def _answer(
        self, request: Request, met: dict[str, Fault], gone: "asyncio.Future[bytes]", server: Connection
    ) -> Answer | None:
        """Return what the request is answered with, None when the connection ends without an answer."""
        if "lose" in met:
            return None
        if "refuse" in met:
            status = int(met["refuse"].value)
            return Answer(refusal(status), status, goes_on=False)
        key = (request.target.partition("?")[0], request.caller)
        if "stale" in met and key in self._first:
            return Answer(self._first[key], 200, goes_on=False)
        async with asyncio.timeout(met["timeout"].value if "timeout" in met else None):
            answer = await _asked(server, request, gone)
        if "duplicate" in met and not answer.goes_on:
            async with connected(self.target) as other:
                answer = await _asked(other, request, gone)
        if request.method == "GET" and answer.status == 200 and not answer.goes_on:
            self._first.setdefault(key, answer.raw)
        return None if "drop" in met else answer

    async def _deliver(self, answer: Answer, met: dict[str, Fault], writer: asyncio.StreamWriter) -> bool:
        """Send the answer, or as much of it as the faults leave; False when the connection ends."""
        if "delay" in met:
            await asyncio.sleep(met["delay"].value)
        if "reorder" in met:
            await self._be_passed(met["reorder"].value)
        raw = weakened(answer.raw) if "weak" in met else answer.raw
        writer.write(raw[: int(met["cut"].value)] if "cut" in met else raw)
        await writer.drain()
        async with self._passed:
            self._answers += 1
            self._passed.notify_all()
        if "cut" in met:
            writer.write_eof()
        return "cut" not in met

    async def _be_passed(self, seconds: float) -> None:
        """Return when another answer has passed, or after `seconds`."""
        before = self._answers
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._passed:
                await self._passed.wait_for(lambda: self._answers > before)


async def _asked(server: Connection, request: Request, gone: "asyncio.Future[bytes]") -> Answer:
    server.writer.write(request.raw)
    return await unless_gone(read_answer(server.reader, request.method), gone)
