"""A read of SQLite that is cancelled in its first step: what is read next is the database of that moment."""

import asyncio
import threading
from contextlib import aclosing

from wizard_server.storage.queries import Query
from wizard_server.storage.sqlite.opening import connect

SECONDS = 20.0


def query(sql: str) -> Query:
    return Query("test", "Tested here.", sql, frozenset())


async def test_what_is_read_after_a_cancelled_read_is_newer(database: str) -> None:
    began, goes_on, counted = threading.Event(), threading.Event(), threading.Event()

    def hold() -> int:
        began.set()
        return int(goes_on.wait(SECONDS))

    def seen() -> int:
        counted.set()
        return 1

    reader, writer = await connect(database), await connect(database)
    try:
        await reader.raw.create_function("hold", 0, hold)
        await reader.raw.create_function("seen", 0, seen)
        await writer.execute(query("CREATE TABLE noted (number INTEGER)"))
        await writer.write(query("INSERT INTO noted VALUES (:number)"), [{"number": 1}, {"number": 2}])

        async def read() -> None:
            async with aclosing(reader.stream(query("SELECT hold() FROM noted"))) as chunks:
                async for _ in chunks:
                    pass

        cancelled = asyncio.create_task(read())
        await asyncio.to_thread(began.wait, SECONDS)
        cancelled.cancel()
        await writer.write(query("INSERT INTO noted VALUES (:number)"), [{"number": 3}])
        counting = asyncio.create_task(reader.fetch_all(query("SELECT count(*) + seen() - 1 AS numbers FROM noted")))
        await asyncio.sleep(0)  # the thread is asked for it, behind the cancelled read
        goes_on.set()
        assert counted.wait(SECONDS)  # the loop stands still meanwhile, and drops nothing
        [row] = await counting
        assert row["numbers"] == 3
        await asyncio.wait([cancelled])
    finally:
        await reader.close()
        await writer.close()
