"""What lies between a node and PostgreSQL: a TCP proxy that can be slow, half-open, or cut during a commit."""

import asyncio
import contextlib
from collections.abc import Callable
from enum import Enum
from pathlib import Path

_COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
# Ready for a query, in a transaction.
_IN_TRANSACTION = b"Z\x00\x00\x00\x05T"
_CHUNK = 1 << 16
# How much of what a node says is kept: its settings and its first question.
_BEGINNING = 1 << 12

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Cut(Enum):
    """Where a connection is cut: before the server hears of the commit, or after it has committed, unheard."""

    ABSENT = "absent"
    THERE = "there"


class Hold(Enum):
    """From where a connection passes nothing on.

    Before what is asked next in a transaction, in the midst of it, or before the answer to a commit.
    """

    BEFORE = "before"
    AMIDST = "amidst"
    UNANSWERED = "unanswered"


class Wire:
    """Listens on a port of its own in front of the socket of a PostgreSQL; a context manager.

    `delay` is how long what passes is held back, in seconds, each way. While `is_deaf`, new connections get no answer.
    """

    def __init__(self, upstream: Path) -> None:
        self._upstream = upstream
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.delay = 0.0
        self.is_deaf = False
        self.holds: Hold | None = None
        self.cut: Cut | None = None
        self.reached = asyncio.Event()

    async def __aenter__(self) -> "Wire":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def lead_to(self, upstream: Path) -> None:
        """Take new connections to another server."""
        self._upstream = upstream

    def swallow(self, who_asked: bytes = b"") -> int:
        """Take everything and pass nothing on, on the connections that are open now, of those who asked for that.

        Returns how many they are.
        """
        met = [link for link in self._links if who_asked in link.asked]
        for link in met:
            link.is_deaf = True
        return len(met)

    def cut_next(self, cut: Cut) -> None:
        """Cut the connection of the next commit; `reached` is set when that was done."""
        self.cut = cut
        self.reached.clear()

    def hold_next(self, where: Hold) -> None:
        """Hold what follows in the next transaction that is begun, for ever; `reached` is set when it is held."""
        self.holds = where
        self.reached.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = _Link(self)
        self._links.add(link)
        link.is_deaf = self.is_deaf
        try:
            with contextlib.suppress(OSError):
                server_reader, server_writer = await asyncio.open_unix_connection(str(self._upstream))
                try:
                    await link.pass_on((reader, writer), (server_reader, server_writer))
                finally:
                    server_writer.transport.abort()
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self._tasks.discard(task)
            self._links.discard(link)
            writer.transport.abort()


class _Link:
    """One connection of a node; `asked` is what the node said first."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._is_in_transaction = False
        self.is_deaf = False
        self.asked = b""

    async def pass_on(self, client: Ends, server: Ends) -> None:
        """Pass on what comes, until one side ends or the link is cut."""
        ways = [
            asyncio.create_task(self._way(client[0], server[1], self._asked)),
            asyncio.create_task(self._way(server[0], client[1], self._answered)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if self.is_deaf:  # nobody on the other side hears of the end either
                await asyncio.wait(ways[:1])
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)

    async def _way(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passed: Callable[[bytes], bytes | None]
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                if self._wire.delay:
                    await asyncio.sleep(self._wire.delay)
                if (passing := passed(chunk)) is None:
                    return
                writer.write(passing)
                await writer.drain()

    def _asked(self, chunk: bytes) -> bytes | None:
        """Return what is passed on of what the node sends; None: the link is cut."""
        self.asked = (self.asked + chunk)[:_BEGINNING]
        if self._is_in_transaction and self._wire.cut is Cut.ABSENT:
            self._cut()
            return None
        if self.is_deaf:
            return b""
        if self._is_in_transaction and self._wire.holds in (Hold.BEFORE, Hold.AMIDST):
            passing = chunk[: len(chunk) // 2] if self._wire.holds is Hold.AMIDST else b""
            self._hold()
            return passing
        return chunk

    def _answered(self, chunk: bytes) -> bytes | None:
        """Return what is passed on of what the server answers; None: the link is cut."""
        self._is_in_transaction = chunk.endswith(_IN_TRANSACTION)
        if self._wire.cut is Cut.THERE and _COMMITTED in chunk:
            self._cut()
            return None
        if self._wire.holds is Hold.UNANSWERED and _COMMITTED in chunk:
            self._hold()
        return b"" if self.is_deaf else chunk

    def _hold(self) -> None:
        self._wire.holds, self.is_deaf = None, True
        self._wire.reached.set()

    def _cut(self) -> None:
        self._wire.cut = None
        self._wire.reached.set()
