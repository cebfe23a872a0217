"""The one connection that writes: row locks, then everything in one round trip, then the place.

A batch is ``begin`` (locks, and what the use cases may rest on) and ``commit``. A commit is never cancelled: who is cut
off while it is under way would not know what became of it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeVar

from wizard_server.errors import StorageUnavailableError, UnknownOutcomeError
from wizard_server.storage.engine import (
    BUSY_TIMEOUT_SECONDS,
    UNKNOWN_PLACE,
    BusyError,
    Keys,
    Locked,
    OvertakenError,
    StaleError,
    Write,
    patience,
)
from wizard_server.storage.postgresql.connection import Connection, Step, step
from wizard_server.storage.postgresql.forms import Record
from wizard_server.storage.postgresql.locks import LOCK_TIMEOUT_MS, PATIENCE_MS, held_of, lock
from wizard_server.storage.postgresql.outcome import Unfinished, was_committed
from wizard_server.storage.postgresql.refusals import CANNOT_WRITE, refusals
from wizard_server.storage.postgresql.silence import watched
from wizard_server.storage.queries import Query, load_queries

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
# What takes a place in the order of changes. That agents were heard makes no version, but other servers show it.
# Of that dashboards show versions, and that a stalled state goes on.
_VERSIONS = frozenset({"states.insert", "states.update", "states.delete"})
_SHOWN = _VERSIONS | {"states.revive"}
_PLACED = _SHOWN | {"states.heard"}
# How long a batch waits for rows that the batch of another node holds: so many times what the last commit took.
_COMMITS_OF_PATIENCE = 10
# How often it is looked whether what was left out is free.
_LOOK_SECONDS = 0.05
# How long everything else may take that is no commit: it waits for locks for two seconds at most.
_ANSWER_SECONDS = 4.0
# How long it is tried to find out what became of a commit, in seconds.
RESOLVE_SECONDS = 10.0
_AGAIN_SECONDS = 0.1
_LOCKS_LOST = "the locks of the batch were lost with its connection"


class Writer:
    """Writes through a connection of its own, which `connect` opens and opens again when it is lost."""

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], busy_timeout: float = BUSY_TIMEOUT_SECONDS
    ) -> None:
        self._queries: Mapping[str, Query] = load_queries("postgresql")
        self._connect = connect
        self._busy_timeout = busy_timeout
        self._connection: Connection | None = None
        # What looked last whether rows are free: they are held often where many write the same.
        self._spare: list[Connection] = []
        self._turn = asyncio.Lock()
        self._begun: Locked | None = None
        self._last_commit_ms = 0.0
        self._is_broken_off = False
        self.hindrance: str | None = None

    async def begin(self, keys: Keys, base: int | None) -> Locked:
        """See `engine.Writer`; without `keys` nothing is locked, nor asked."""
        if keys.is_empty:
            return Locked(base, {})
        await self._turn.acquire()
        try:
            with refusals(CANNOT_WRITE):
                self._begun = await self._locked_anew(keys, base)
        except BaseException:
            await self._end()
            raise
        return self._begun

    async def _locked_anew(self, keys: Keys, base: int | None) -> Locked:
        """Lock, and once more on a new connection where the old one turns out to be lost: nothing rests on it yet."""
        try:
            return await self._locked(keys, base)
        except StorageUnavailableError:
            if self._connection is None or not self._connection.is_lost:
                raise
        return await self._locked(keys, base)

    async def _locked(self, keys: Keys, base: int | None) -> Locked:
        connection = await self._ready()
        with connection.answered_within(_ANSWER_SECONDS):
            milliseconds = min(max(PATIENCE_MS, int(self._last_commit_ms * _COMMITS_OF_PATIENCE)), LOCK_TIMEOUT_MS)
            with refusals(CANNOT_WRITE):
                return Locked(base, *await lock(connection, keys, milliseconds))

    async def until_free(self, keys: Keys) -> Keys:
        """See `engine.Writer`."""
        deadline = monotonic() + self._busy_timeout
        connection = self._spare.pop() if self._spare else await self._connect()
        try:
            while True:
                await asyncio.sleep(_LOOK_SECONDS)
                with refusals(CANNOT_WRITE), connection.answered_within(_ANSWER_SECONDS):
                    held = await held_of(connection, keys)
                if not held.has(keys):
                    return Keys(keys.states - held.states, keys.owners - held.owners)
                if monotonic() > deadline:
                    raise BusyError(f"somebody else has held the rows for {self._busy_timeout:g} s")
        finally:
            if connection.is_usable and not self._spare:
                self._spare.append(connection)
            else:
                await connection.close()

    async def release(self) -> None:
        """See `engine.Writer`."""
        if self._begun is not None:
            await self._end()

    async def commit(
        self, writes: Sequence[Write], locked: Locked | None = None, may_wait: Callable[[], bool] | None = None
    ) -> int:
        """See `engine.Writer`; what rests on locks is not tried again here: they are gone with the first try."""
        if locked is not None and locked is self._begun:
            return await to_its_end(self._committed(writes))
        may_wait = may_wait or patience(self._busy_timeout)
        while True:
            await self._turn.acquire()
            try:
                return await to_its_end(self._committed(writes))
            except BusyError:
                if not may_wait():
                    raise

    async def _committed(self, writes: Sequence[Write]) -> int:
        """Commit `writes` and end the turn."""
        begun = monotonic()
        try:
            with refusals(CANNOT_WRITE):
                return await self._attempt(writes)
        finally:
            self._last_commit_ms = (monotonic() - begun) * 1000
            await self._end()

    async def _attempt(self, writes: Sequence[Write]) -> int:
        """Write and commit; after a lost connection find out whether that was done, and if not, do it again.

        That is safe: a step changes nothing unless the rows have the versions that it is based on. Where they were
        locked and have others now, somebody has written after the locks were lost.
        """
        deadline = None
        rests_on_locks = is_begun = self._begun is not None
        unfinished = Unfinished.of(writes)
        while True:
            connection = None
            try:
                connection = await self._ready()
                with _overtaking(rests_on_locks and not is_begun):
                    return await self._write(connection, writes, is_begun=is_begun)
            except Exception as error:
                if connection is None or not connection.is_lost:
                    raise
                if unfinished is None or self._is_broken_off:
                    raise UnknownOutcomeError(f"the connection was lost during a commit: {error}") from error
            deadline = deadline or monotonic() + RESOLVE_SECONDS
            if await self._is_committed(unfinished, deadline):
                return UNKNOWN_PLACE
            is_begun = False

    async def _write(self, connection: Connection, writes: Sequence[Write], *, is_begun: bool) -> int:
        if is_begun and not connection.is_in_transaction:
            raise OvertakenError(_LOCKS_LOST)
        placed = _ids(writes, _PLACED)
        begun = [step("connection.begin"), step("connection.lock", ids=sorted(placed))]
        steps = [] if is_begun else begun
        steps += [
            Step(self._queries[write.query], _columns(self._queries[write.query], write.rows)) for write in writes
        ]
        if placed:
            changed, shown = sorted(_ids(writes, _VERSIONS)), sorted(_ids(writes, _SHOWN))
            steps += [step("places.lock"), step("places.take", ids=sorted(placed), changed=changed, shown=shown)]
        answers = await self._answers(connection, [*steps, step("connection.commit")])
        doubt, connection.doubt = connection.doubt, None
        if doubt is not None:
            raise UnknownOutcomeError(f"the commit may be on this database server alone: {doubt}")
        return _place(answers[-2]) if placed else 0

    async def _answers(self, connection: Connection, steps: Sequence[Step]) -> list[list[Record]]:
        """Run the steps of a commit, for as long as the server is at work on it; then the connection is lost."""
        with watched(connection, self._connect, self._hindered):
            return await connection.run(steps)

    def _hindered(self, hindrance: str | None) -> None:
        self.hindrance = hindrance

    async def _is_committed(self, unfinished: Unfinished, deadline: float) -> bool:
        """Return whether what was being committed was; raise when that cannot be found out."""
        while monotonic() < deadline and not self._is_broken_off:
            try:
                return await was_committed(await self._ready(), unfinished)
            except (StorageUnavailableError, StaleError):  # what cannot be asked now can be asked again
                await self._rolled_back()
                await asyncio.sleep(_AGAIN_SECONDS)
        raise UnknownOutcomeError("the connection was lost during a commit, of which nothing could be learned")

    async def settle(self) -> None:
        """Give what was done by hand its places."""
        steps = [step(name) for name in ("connection.begin", "places.lock", "places.settle", "connection.commit")]
        async with self._turn:
            connection = await self._ready()
            try:
                with refusals(CANNOT_WRITE), connection.answered_within(_ANSWER_SECONDS):
                    await connection.run(steps)
            finally:
                await self._rolled_back()

    async def _ready(self) -> Connection:
        if self._connection is None or self._connection.is_lost:
            self._connection = await self._connect()
        if self._is_broken_off:  # maybe while it was opened
            raise StorageUnavailableError("the server is shutting down")
        return self._connection

    async def _end(self) -> None:
        """Give up what is open and let the next write."""
        self._begun = None
        try:
            await self._rolled_back()
        finally:
            self._turn.release()

    async def _rolled_back(self) -> None:
        if self._connection is not None:
            await self._connection.rollback()

    def break_off(self) -> None:
        """See `engine.Upkeep`."""
        self._is_broken_off = True
        if self._turn.locked():
            logger.error("commit broken off", extra={"reason": self.hindrance or "it has not ended in time"})
        if self._connection is not None:
            self._connection.cut()

    async def close(self) -> None:
        """Close the connection after what is under way."""
        async with self._turn:
            for connection in (self._connection, *self._spare):
                if connection is not None:
                    await connection.close()


@contextmanager
def _overtaking(are_locks_lost: bool) -> Iterator[None]:
    """Raise that others have written, for what is stale because the locks that it rested on were lost."""
    if not are_locks_lost:
        yield
        return
    try:
        with refusals(CANNOT_WRITE):
            yield
    except StaleError as error:
        raise OvertakenError(f"{_LOCKS_LOST}: {error}") from error


def _columns(query: Query, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return `rows` as a statement takes them: a list for each of its parameters."""
    return {name: [row[name] for row in rows] for name in query.parameters}


def _ids(writes: Sequence[Write], queries: Collection[str]) -> set[str]:
    """Return the investigations of those of `writes` that run one of `queries`."""
    return {row["investigation_id"] for write in writes if write.query in queries for row in write.rows}


def _place(rows: Sequence[Record]) -> int:
    return max((row["change_seq"] for row in rows), default=0)


async def to_its_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Await `work`, which goes on to its end when the one who awaits it is cancelled."""
    return await asyncio.shield(asyncio.ensure_future(work))
