"""Reports that return at once: they are merged while one is under way, sent in order, and repeated until they stand."""

import asyncio
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from wizard_server.client.outbox import Outbox
from wizard_server.client.problems import BodyTooLarge, StateTooLarge
from wizard_server.client.transport import Transport

# From one request to the next; what is reported meanwhile is one report.
PACE_SECONDS = 0.05


class Reporter:
    """The reports on one investigation, from all its agents in this process.

    `refusals` counts what the server refused for good (or did not take until it was given up), `refusal` is the newest.
    """

    def __init__(self, transport: Transport, path: str, busy: set["Reporter"]) -> None:
        self._transport = transport
        self._path = path
        self._busy = busy
        self._outbox = Outbox()
        self._sending: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self.refusal: Exception | None = None
        self.refusals = 0
        self.sent = 0

    def add(self, report: Mapping[str, Any]) -> None:
        """Have `report` sent; returns at once. Raises `ReportsFull`."""
        self._outbox.put(report)
        if self._sending is None or self._sending.done():
            self._busy.add(self)
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        # What is said within one turn of the loop is one report.
        await asyncio.sleep(0)
        try:
            while self._outbox:
                await self._send_one()
                await self._rest()
            self._busy.discard(self)
        except Exception as error:  # noqa: BLE001 - whatever it is, who reports next is told
            # What waits would be refused too: it goes to the same investigation.
            self._outbox.clear()
            self.refusal = error
            self.refusals += 1

    async def _send_one(self) -> None:
        report = self._outbox.take()
        try:
            await self._transport.insist("POST", self._path, body=report, headers={"Prefer": "return=minimal"})
        except (BodyTooLarge, StateTooLarge):
            if not self._outbox.part():
                raise
            return
        self._outbox.drop()
        self.sent += 1

    async def _rest(self) -> None:
        if self._hurry.is_set():
            return
        try:
            async with asyncio.timeout(PACE_SECONDS):
                await self._hurry.wait()
        except TimeoutError:
            return

    async def flush(self) -> None:
        """Return when nothing waits: every report stands, or was refused."""
        self._hurry.set()
        try:
            while self._sending is not None and not self._sending.done():
                await asyncio.wait([self._sending])
        finally:
            self._hurry.clear()

    async def stop(self) -> None:
        """Send nothing more."""
        if self._sending is not None and not self._sending.done():
            self._sending.cancel()
            await asyncio.wait([self._sending])

    def told(self) -> None:
        """Say that somebody was told of the newest refusal."""
        self._busy.discard(self)


class Reporters:
    """The reporter of each investigation, for as long as somebody has it or it has something to send."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._known: WeakValueDictionary[str, Reporter] = WeakValueDictionary()
        self._busy: set[Reporter] = set()

    def of(self, path: str) -> Reporter:
        """Return the reporter of what is at `path`."""
        reporter = self._known.get(path)
        if reporter is None:
            reporter = self._known[path] = Reporter(self._transport, f"{path}/progress", self._busy)
        return reporter

    async def flush(self) -> None:
        """Return when every report stands; raises a refusal that nobody was told of."""
        for reporter in [*self._busy]:
            await reporter.flush()
        for reporter in [*self._busy]:
            reporter.told()
            if reporter.refusal is not None:
                raise reporter.refusal

    async def stop(self) -> None:
        """Send nothing more."""
        for reporter in [*self._busy]:
            await reporter.stop()
        self._busy.clear()
