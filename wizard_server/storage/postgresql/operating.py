"""A PostgreSQL connection of the operators' commands."""

import json
import re
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager

import psycopg

from wizard_server.config.urls import masked
from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.database_schema import DatabaseSchema
from wizard_server.storage.engine import Parameters
from wizard_server.storage.operating import ConstraintError, Examination, ScriptError
from wizard_server.storage.postgresql import connection as connections
from wizard_server.storage.postgresql import fitness, inspecting
from wizard_server.storage.postgresql.connection import Connection
from wizard_server.storage.postgresql.forms import Record
from wizard_server.storage.postgresql.patience import Patience, Tell
from wizard_server.storage.queries import Query, load_queries

_INSTANTS = frozenset({"created_at", "updated_at", "last_accessed", "purged_at", "timestamp"})
_WIRE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_KEY = re.compile(r"Key \((.*?)\)=")
_UNIQUE, _REQUIRED, _FORBIDDEN = "23505", "23502", "42501"
_AS_OWNER = "; run it as the owner: DATABASE_URL=postgresql://OWNER@HOST/NAME wizard-server schema apply"
_EXISTS = frozenset({"42P07", "42701", "42710", "42723"})  # a table, column, object, function of that name


class OperatorConnection:
    """A `Database`; make one with `connect`."""

    dialect = "postgresql"

    def __init__(self, connection: Connection, name: str, patience: Patience) -> None:
        self._connection = connection
        self._name = name
        self._patience = patience
        self._queries: Mapping[str, Query] = load_queries(self.dialect)

    async def fetch_all(self, query: Query, parameters: Parameters | None = None) -> list[Record]:
        """Return every row of `query`."""
        with self._explained(), self._patience.waiting():
            return await self._connection.fetch_all(query, parameters)

    async def stream(
        self, query: Query, parameters: Parameters | None = None, chunk: int = 100
    ) -> AsyncGenerator[list[Record], None]:
        """Yield the rows of `query`, at most `chunk` of them in memory at a time."""
        with self._explained():
            async with aclosing(self._connection.stream(query, parameters, chunk)) as chunks:
                while rows := await self._next(chunks):
                    yield rows

    async def _next(self, chunks: AsyncGenerator[list[Record], None]) -> list[Record]:
        with self._patience.waiting():
            return await anext(chunks, [])

    async def execute(self, query: Query, parameters: Parameters | None = None) -> int:
        """See `Database`."""
        with self._explained(), self._patience.waiting():
            return (await self._connection.raw.execute(query.sql.encode(), parameters)).rowcount

    async def write(self, query: Query, rows: Sequence[Parameters]) -> int:
        """See `Database`."""
        for row in rows:
            _require_instants(row)
        columns = {name: [row[name] for row in rows] for name in query.parameters}
        try:
            with self._patience.waiting():
                return (await self._connection.raw.execute(query.sql.encode(), columns)).rowcount
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            raise _refused(error) from error
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    async def run_script(self, script: str) -> None:
        """See `Database`."""
        try:
            with self._patience.waiting():
                await self._connection.raw.execute(script.encode())
        except psycopg.Error as error:
            if self._patience.given_up:
                raise self._unavailable(error) from error
            await self.rollback()
            hint = _AS_OWNER if error.sqlstate == _FORBIDDEN else ""
            raise ScriptError(_said(error) + hint, was_there=error.sqlstate in _EXISTS) from error

    async def inspect(self) -> DatabaseSchema:
        """See `Database`."""
        return await inspecting.inspect(self)

    async def ledger(self) -> Mapping[int, tuple[str, str]]:
        """See `Database`."""
        return await inspecting.ledger(self)

    async def examine(self, tables: Collection[str], *, require_durability: bool) -> Examination:
        """See `Database`."""
        return await fitness.examine(self, tables, require_durability=require_durability)

    async def hold(self, investigation_ids: Sequence[str]) -> None:
        """See `Database`."""
        for name in ("connection.lock", "connection.lock_parents"):
            await self.fetch_all(self._queries[name], {"ids": list(investigation_ids)})

    async def place(self, investigation_ids: Sequence[str]) -> None:
        """See `Database`."""
        if investigation_ids:
            await self.fetch_all(self._queries["places.lock"])
            ids = list(investigation_ids)
            await self.fetch_all(self._queries["places.take"], {"ids": ids, "changed": ids, "shown": ids})

    async def outdate(self) -> None:
        """See `Database`."""
        await self.execute(self._queries["archive.settle"])
        await self.fetch_all(self._queries["places.lock"])
        await self.execute(self._queries["places.raise_floor"], {"gone": 0})

    async def rollback(self) -> None:
        """See `Database`."""
        await self._connection.rollback()

    async def close(self) -> None:
        """See `Database`."""
        await self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: psycopg.Error) -> StorageUnavailableError:
        return StorageUnavailableError(f"database {self._name}: {self._patience.given_up or _said(error)}")


async def connect(url: str, *, read_only: bool = False, tell: Tell = lambda sentence: None) -> OperatorConnection:
    """Open a connection that waits for locks and for its user as long as it takes; reading does for a standby.

    `tell` is told what is waited for when that takes long. Raises `StorageUnavailableError`, also where no answer will
    come.
    """
    server = "any" if read_only else "read-write"
    raw = await connections.connect(url, target_session_attrs=server)
    connection = OperatorConnection(raw, masked(url), Patience(url, raw, tell))
    session = {"read_only": "on" if read_only else "off"}
    await connection.fetch_all(load_queries("postgresql")["connection.patient"], session)
    return connection


def _require_instants(row: Parameters) -> None:
    """Raise `ConstraintError` for a timestamp in another form than ours, which would come back as something else."""
    for name in _INSTANTS.intersection(row):
        if row[name] is not None and not (isinstance(row[name], str) and _WIRE.fullmatch(row[name])):
            value = json.dumps(row[name], ensure_ascii=False)
            raise ConstraintError(name, f"{value} is no timestamp that PostgreSQL could give back as it is")


def _refused(error: psycopg.Error) -> ConstraintError:
    """Return what a refusal says of the row."""
    if error.sqlstate == _REQUIRED:
        return ConstraintError(error.diag.column_name or "", "is required")
    key = _KEY.search(error.diag.message_detail or "")
    if error.sqlstate == _UNIQUE and key:
        return ConstraintError(key[1], "exists already")
    return ConstraintError(error.diag.column_name or "", _said(error))


def _said(error: psycopg.Error) -> str:
    """Return what the server says in one line, or the driver where no server answers."""
    return error.diag.message_primary or " ".join(str(error).split())
