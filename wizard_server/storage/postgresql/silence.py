"""A question that has had no answer for a while: the server is still at work on it, or the answer has been lost."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.postgresql.connection import Connection
from wizard_server.storage.postgresql.refusals import refusals
from wizard_server.storage.queries import load_queries

# How long there may be no answer until the server is asked what it does, in seconds.
SILENCE_SECONDS = 2.0
# For so many looks the server may wait for the rest of a question: it is large, or the way to the server is broken.
_LOOKS_FOR_THE_REST = 3
_FOR_THE_REST = "ClientRead"
_HINDRANCES = {
    "SyncRep": "commits wait for a synchronous standby",
    _FOR_THE_REST: "the database waits for the rest of a commit",
}
Connect = Callable[[], Awaitable[Connection]]


@contextmanager
def watched(
    connection: Connection, connect: Connect, tell: Callable[[str | None], None] = lambda hindrance: None
) -> Iterator[None]:
    """Wait for answers of `connection` for as long as the server is at work on them; then take it for lost.

    `tell` hears what keeps the server from answering, and None when it has.
    """
    watch: list[asyncio.Task[None]] = []
    timer = asyncio.get_running_loop().call_later(
        SILENCE_SECONDS, lambda: watch.append(asyncio.create_task(_watch(connection, connect, tell)))
    )
    try:
        yield
    finally:
        timer.cancel()
        for task in watch:
            task.cancel()
            tell(None)


async def _watch(connection: Connection, connect: Connect, tell: Callable[[str | None], None]) -> None:
    left = _LOOKS_FOR_THE_REST
    while (wait := await _wait(connect, connection.pid)) is not None:
        left -= wait == _FOR_THE_REST
        if not left:
            break
        tell(_HINDRANCES.get(wait, f"the database has been at work on a commit for more than {SILENCE_SECONDS:g} s"))
        await asyncio.sleep(SILENCE_SECONDS)
    connection.cut()


async def _wait(connect: Connect, pid: int) -> str | None:
    """Return what the session `pid` waits for, "" when it is busy; None when it will never answer.

    It is asked on a connection of its own. A session that is not at work has answered, or has not heard the question;
    one that is not there, or of which nothing can be learned, will not answer either.
    """
    try:
        connection = await connect()
        try:
            with refusals("the database cannot answer"), connection.answered_within(SILENCE_SECONDS):
                found = await connection.fetch_all(load_queries("postgresql")["connection.doing"], {"pid": pid})
        finally:
            await connection.close()
    except StorageUnavailableError:
        return None
    if not found or found[0]["state"] != "active":
        return None
    return str(found[0]["wait_event"] or "")
