"""Hints between the servers on one database: who has committed notifies, and whose feed listens looks sooner.

A hint is never relied on. It is sent after the commit and on a connection of its own: within the transaction it would
take a lock of the whole cluster through the commit, and a full queue would fail the commit.
"""

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING

import psycopg

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.postgresql.connection import Connection
from wizard_server.storage.queries import load_queries
from wizard_server.storage.signals import Ticking

if TYPE_CHECKING:
    from wizard_server.storage.engine import Signal

logger = logging.getLogger(__name__)

# How often a server notifies itself, and the silence after which it takes the connection for dead; in seconds.
_PULSE_SECONDS = 10.0
_SILENCE_SECONDS = 15.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
# With hints a look without one is for those that were lost; without hints it is all there is.
_TIMER_SECONDS = 0.25
_BUSY_SECONDS = 0.025
_IDLE_SECONDS = 1.0
# How long a hint of our own may take at the start, and to be sent.
_TRIAL_SECONDS = 2.0


class Hints:
    """The signal of an engine: what `wake` asks for (auto, listen, poll), and with ``auto`` what works."""

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], wake: str, *, trial_seconds: float = _TRIAL_SECONDS
    ) -> None:
        self._wake = wake
        self._trial_seconds = trial_seconds
        self._listening = Listening(connect)
        self.signal: Signal = Ticking(busy_seconds=_BUSY_SECONDS, idle_seconds=_IDLE_SECONDS)

    async def start(self) -> None:
        """Listen, unless it is to be polled, or a hint of our own does not arrive in time."""
        if self._wake == "poll":
            return
        self._listening.start()
        if self._wake == "listen" or await self._listening.works(self._trial_seconds):
            self.signal = self._listening
            return
        await self._listening.close()
        logger.warning("hints do not arrive, as behind a pooler in transaction mode: the database is polled instead")

    async def close(self) -> None:
        """Listen no longer."""
        await self._listening.close()


class Listening:
    """A `Signal` by LISTEN and NOTIFY, on two connections that `connect` opens; make it work with `start`."""

    busy_seconds = idle_seconds = _TIMER_SECONDS

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._connect = connect
        self._queries = load_queries("postgresql")
        self._name = secrets.token_hex(8)
        self._hinted = asyncio.Event()
        self._unsent = asyncio.Event()
        self._heard_itself = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Listen and send until `close`."""
        work = ((self._listen, "hints-listen"), (self._send, "hints-send"))
        self._tasks = [asyncio.create_task(self._again_and_again(each), name=name) for each, name in work]

    async def works(self, seconds: float) -> bool:
        """Return whether a hint of its own arrives: a pooler in transaction mode delivers none, and says nothing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # `wait_for` may lose a cancellation
                await self._heard_itself.wait()
        return self._heard_itself.is_set()

    async def wait(self, seconds: float) -> bool:
        """Return when others may have committed, or after `seconds`; whether a hint came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # `wait_for` may lose a cancellation
                await self._hinted.wait()
        hinted = self._hinted.is_set()
        self._hinted.clear()
        return hinted

    def send(self) -> None:
        """Tell the others that there is something to read; what is told while one hint is on its way is one more."""
        self._unsent.set()

    async def _again_and_again(self, work: Callable[[Connection], Awaitable[None]]) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            begun = monotonic()
            try:
                connection = await self._connect()
                try:
                    await work(connection)
                finally:
                    await connection.close()
            except (psycopg.Error, StorageUnavailableError) as error:
                logger.warning("hints are interrupted", extra={"reason": " ".join(str(error).split())})
            pause = (
                _FIRST_PAUSE_SECONDS
                if monotonic() - begun > _SILENCE_SECONDS
                else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            )
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads the servers, is no secret

    async def _listen(self, connection: Connection) -> None:
        """Set the event for each hint of others; return when there was not even one of our own for too long."""
        with connection.answered_within(_TRIAL_SECONDS):
            await connection.fetch_all(self._queries["connection.listen"])
        self._hinted.set()  # what was committed before we listened
        self._unsent.set()
        heard = monotonic()
        while monotonic() - heard < _SILENCE_SECONDS:
            async for notification in connection.raw.notifies(timeout=_SILENCE_SECONDS, stop_after=1):
                heard = monotonic()
                if notification.payload == self._name:
                    self._heard_itself.set()
                else:
                    self._hinted.set()
        logger.warning("no hint of our own came back: listening anew")

    async def _send(self, connection: Connection) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PULSE_SECONDS):  # `wait_for` may lose a cancellation
                    await self._unsent.wait()
            self._unsent.clear()
            with connection.answered_within(_TRIAL_SECONDS):
                await connection.fetch_all(self._queries["connection.notify"], {"sender": self._name})

    async def close(self) -> None:
        """Stop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
