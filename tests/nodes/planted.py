"""A node with a bug that the checker has to find: ``python -m tests.nodes.planted BUG serve ...``."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from random import random
from typing import Any

from wizard_server.cli import main
from wizard_server.storage.feed import Feed
from wizard_server.storage.postgresql.connection import Connection
from wizard_server.storage.postgresql.engine import PostgresqlEngine
from wizard_server.storage.queries import load_queries
from wizard_server.storage.store import StateStore

# What the bug `sequence` needs in the database.
SEQUENCE = ("CREATE SEQUENCE planted", "GRANT USAGE ON SEQUENCE planted TO wizard")


def unchecked() -> None:
    """Answers come from memory, whatever others have committed."""

    async def caught_up(self: StateStore, since: float | None = None) -> None:
        return None

    StateStore.caught_up = caught_up  # type: ignore[method-assign]


def sequence() -> None:
    """Places come from a sequence, so they become visible in another order than theirs; some commits take a while."""
    queries: Any = load_queries("postgresql")
    take = queries["places.take"]
    where = take.sql.partition("WHERE ")[2]
    given = f"SET change_seq = nextval('planted'), shown_seq = lastval()\nWHERE {where}, pg_sleep(0.1 * random())"
    queries["places.take"] = replace(take, sql=f"UPDATE investigations\n{given}")
    queries["places.lock"] = replace(queries["places.lock"], sql="SELECT 1")


def disordered() -> None:
    """A node tells its dashboards of its own commit before it has read those that came before; it reads late."""
    committed, tail = Feed.committed, PostgresqlEngine.tail

    def told(self: Feed, place: int) -> bool:
        committed(self, place)
        return True

    @asynccontextmanager
    async def late(self: PostgresqlEngine) -> AsyncIterator[Connection]:
        await asyncio.sleep(0.05 * random())
        async with tail(self) as reader:
            yield reader

    Feed.committed = told  # type: ignore[method-assign]
    PostgresqlEngine.tail = late  # type: ignore[method-assign]


BUGS: Mapping[str, Callable[[], None]] = {bug.__name__: bug for bug in (unchecked, sequence, disordered)}

if __name__ == "__main__":
    BUGS[sys.argv.pop(1)]()
    sys.exit(main())
