"""PostgreSQL through psycopg: one connection. The only importer of the driver beside its neighbours in this folder."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, cast

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from wizard_server.config.urls import masked
from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.engine import Parameters
from wizard_server.storage.postgresql.addresses import Addresses
from wizard_server.storage.postgresql.forms import Raw, Record, adapt, records
from wizard_server.storage.queries import Query, load_queries

logger = logging.getLogger(__name__)

# What libpq takes where the URL does not say otherwise. A peer that is gone without a word is noticed within 6 s.
_DEFAULTS = {
    "application_name": "wizard-server",
    "connect_timeout": "2",
    "keepalives_idle": "3",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "tcp_user_timeout": "6000",
    "target_session_attrs": "read-write",
}


# How long the first question of a connection, and a rollback, may have no answer.
_SETTINGS_SECONDS = 2.0
_ROLLBACK_SECONDS = 2.0
# Warnings of a COMMIT that was not waited for to its end: what is visible here may be on no standby.
_DOUBTS = frozenset({"01000", "57P01"})


class Step(NamedTuple):
    """A statement and what it is bound to."""

    query: Query
    parameters: Parameters | None = None


def step(name: str, **parameters: Any) -> Step:
    """Return the statement `name` of this engine, bound to `parameters`."""
    return Step(load_queries("postgresql")[name], parameters)


class Connection:
    """One database connection; each statement is a transaction of its own unless one was begun.

    `doubt` is what the server said when a commit did not wait for its standby; None: it said nothing of the kind.
    """

    def __init__(self, raw: Raw, *, echo: bool) -> None:
        self.raw = raw
        self._echo = echo
        self.doubt: str | None = None
        self._is_cut = False
        raw.add_notice_handler(self._noted)

    def _noted(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.sqlstate in _DOUBTS:
            self.doubt = notice.message_primary or notice.sqlstate

    @property
    def is_usable(self) -> bool:
        """Whether it is open and at rest."""
        return not self.is_lost and not self._is_cut and self.raw.info.transaction_status == TransactionStatus.IDLE

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction was begun and has met no error."""
        return self.raw.info.transaction_status == TransactionStatus.INTRANS

    @property
    def is_lost(self) -> bool:
        """Whether the server is no longer at the other end, as far as is known."""
        return self.raw.closed

    async def fetch_all(self, query: Query, parameters: Parameters | None = None) -> list[Record]:
        """Return every row of `query`."""
        self._log(query)
        cursor = await self.raw.execute(query.sql.encode(), parameters)
        return await cursor.fetchall() if cursor.description else []

    async def stream(
        self, query: Query, parameters: Parameters | None = None, chunk: int = 100
    ) -> AsyncGenerator[list[Record], None]:
        """Yield the rows of `query`, at most `chunk` of them in memory at a time."""
        self._log(query)
        async with self.raw.cursor() as cursor:
            found = cast("AsyncGenerator[Record, None]", cursor.stream(query.sql.encode(), parameters, size=chunk))
            async with aclosing(found) as rows:
                run: list[Record] = []
                async for row in rows:
                    run.append(row)
                    if len(run) == chunk:
                        yield run
                        run = []
                if run:
                    yield run

    async def run(self, steps: Sequence[Step]) -> list[list[Record]]:
        """Run `steps` in one round trip and return the rows of each; after one that fails none is run."""
        cursors = []
        async with self.raw.pipeline():
            for step in steps:
                self._log(step.query)
                cursors.append(await self.raw.execute(step.query.sql.encode(), step.parameters))
        return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]

    async def rollback(self) -> None:
        """Give up the open transaction, if there is one.

        It is the driver's own: it forgets what was to be prepared in a pipeline that was broken off.
        """
        if not self.is_lost:
            lost = contextlib.suppress(psycopg.OperationalError)  # the transaction, with its connection
            with lost, self.answered_within(_ROLLBACK_SECONDS):
                await self.raw.rollback()

    @contextlib.contextmanager
    def answered_within(self, seconds: float) -> Iterator[None]:
        """Take the connection for lost where what is asked within has no answer after `seconds`.

        A server may be gone, or what lies before it, without a word. Nothing is cancelled: a commit would be visible
        then and on no standby, and what is left of a question might answer the next one.
        """
        timer = asyncio.get_running_loop().call_later(seconds, self.cut)
        try:
            yield
        except psycopg.OperationalError as error:
            if not self._is_cut:
                raise
            raise psycopg.OperationalError(f"no answer within {seconds:g} s") from error
        finally:
            timer.cancel()

    def cut(self) -> None:
        """Have whoever awaits an answer meet a lost connection; the server is told nothing."""
        self._is_cut = True
        if not self.is_lost:
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self.raw.fileno())) as other:
                other.shutdown(socket.SHUT_RDWR)

    @property
    def pid(self) -> int:
        """What the server calls the session by in ``pg_stat_activity``; behind a pooler it may be another's."""
        return self.raw.info.backend_pid

    async def close(self) -> None:
        """Close the connection."""
        await self.raw.close()

    def _log(self, query: Query) -> None:
        if self._echo:
            logger.info("statement", extra={"query": query.name, "sql": query.sql})


async def connect(
    url: str, *, echo: bool = False, pooler: bool = False, addresses: Addresses | None = None, **options: str
) -> Connection:
    """Open a connection to the server that `url` names; `options` are libpq's, where the URL does not say otherwise.

    `addresses` remembers those of its hosts from one connection to the next.

    Behind a `pooler` nothing is prepared: the next transaction may be another session's.

    Raises `StorageUnavailableError` when it cannot be opened.
    """
    try:
        given = conninfo_to_dict(url)
        raw: Raw = await AsyncConnection.connect(
            url,
            autocommit=True,
            row_factory=records,
            **{**_DEFAULTS, **options, **given, **await (addresses or Addresses()).of(given)},  # type: ignore[arg-type]
        )
    except psycopg.Error as error:
        raise StorageUnavailableError(f"cannot open {masked(url)}: {' '.join(str(error).split())}") from error
    adapt(raw)
    if pooler:
        raw.prepare_threshold = None
    connection = Connection(raw, echo=echo)
    try:
        with connection.answered_within(_SETTINGS_SECONDS):
            await connection.fetch_all(load_queries("postgresql")["connection.settings"])
    except psycopg.Error as error:
        await connection.close()
        raise StorageUnavailableError(f"cannot use {masked(url)}: {' '.join(str(error).split())}") from error
    return connection
