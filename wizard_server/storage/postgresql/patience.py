"""How an operator's command waits: as long as the server is at work, and it says for what; not for one that is gone.

A command may take hours, so no time limit tells the two apart. After a while without an answer the server is asked, on
a session of its own, what ours does.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import Ping

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.postgresql import connection as connections
from wizard_server.storage.postgresql.connection import Connection
from wizard_server.storage.queries import load_queries

Tell = Callable[[str], None]
# How long there may be no answer until the server is asked what our session does, and again, in seconds.
SILENCE_SECONDS = 2.0
# So many questions in a row must find that no answer will come: an answer may have been on its way during one.
_LOOKS = 2
# How long there is no answer until the operator is told what is waited for; then after twice, four times as long ...
TELL_SECONDS = 10.0
_CONNECT_SECONDS = 2


class Patience:
    """Waits for the answers of one connection to the server at `url`; `tell` is told what is waited for, a sentence."""

    def __init__(self, url: str, connection: Connection, tell: Tell) -> None:
        self._url = url
        self._connection = connection
        self._tell = tell
        self.given_up: str | None = None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait within for an answer; where none will come, the connection is lost and `given_up` says why."""
        watch: list[asyncio.Task[None]] = []
        timer = asyncio.get_running_loop().call_later(
            SILENCE_SECONDS, lambda: watch.append(asyncio.create_task(self._watch()))
        )
        try:
            yield
        finally:
            timer.cancel()
            for task in watch:
                task.cancel()

    async def _watch(self) -> None:
        began, told, silent = monotonic() - SILENCE_SECONDS, TELL_SECONDS, 0
        while silent < _LOOKS:
            answers, doing = await self._look()
            silent = 0 if answers else silent + 1
            waited = monotonic() - began
            if answers and waited >= told:
                told = 2 * waited
                self._tell(f"still waiting for the database after {waited:.0f} s: {doing}")
            if silent < _LOOKS:
                await asyncio.sleep(SILENCE_SECONDS)
        self.given_up = f"no answer for {monotonic() - began:.0f} s: {doing}"
        self._connection.cut()

    async def _look(self) -> tuple[bool, str]:
        """Return whether an answer may come, and what the session does, or why none will."""
        try:
            session = await connections.connect(self._url, target_session_attrs="any")
            try:
                with session.answered_within(SILENCE_SECONDS):
                    found = await session.fetch_all(
                        load_queries("postgresql")["connection.doing_now"], {"pid": self._connection.pid}
                    )
            finally:
                await session.close()
        except (StorageUnavailableError, psycopg.Error):
            return await self._takes_connections()
        if not found:  # behind a pooler the session has another number
            return True, "nothing can be learned of the session"
        state, event, holders = found[0]["state"], found[0]["wait_event"], found[0]["holders"]
        if state != "active":
            return False, "the server is not at work on what was asked; the connection is broken"
        pid = self._connection.pid
        if holders:
            return True, f"session {pid} needs a lock that another holds: {holders}"
        return True, f"session {pid} " + (f"waits: {event}" if event else "is at work")

    async def _takes_connections(self) -> tuple[bool, str]:
        asked = make_conninfo(self._url, connect_timeout=_CONNECT_SECONDS).encode()
        if await asyncio.to_thread(psycopg.pq.PGconn.ping, asked) in (Ping.OK, Ping.REJECT):
            return True, "it takes no further session that could tell more"
        return False, "the server cannot be reached"
