"""The one writer: whatever has queued is committed in one transaction, and acknowledged once that is on disk.

While a commit is under way the next use cases queue, so the batches grow with the load and the wait stays short. Read
from top to bottom: `submit`, begin, run the use cases, commit, publish.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import copy
from time import perf_counter
from typing import Protocol, TypeVar

from wizard_server.counts import StoreCounts
from wizard_server.domain.keyed import Claim, KeptAnswer, Keyed
from wizard_server.domain.ports import Transaction
from wizard_server.domain.record import StateRecord
from wizard_server.errors import StorageUnavailableError, UnknownOutcomeError
from wizard_server.storage.aside import Aside
from wizard_server.storage.batch import Batch, Committed
from wizard_server.storage.engine import BusyError, Engine, Locked, OvertakenError, StaleError, Stored
from wizard_server.storage.feed import Feed
from wizard_server.storage.gathering import gathered
from wizard_server.storage.jobs import Job, refuse
from wizard_server.storage.memory import Memory
from wizard_server.storage.outcomes import Answered, Outcome, logged, run_all
from wizard_server.storage.statements.batches import plan
from wizard_server.storage.write_health import WriteHealth

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
MAX_BATCH = 256
# When a batch begins; see `gathered`. Measured: a tenth less processor per PATCH of 32 clients, a quarter with 4.
_QUIET_TURNS = 8
_GATHER_SECONDS = 0.005
# Beside another server that writes all the time most attempts are overtaken.
_MOST_OVERTAKEN = 30


class Source(Committed, Protocol):
    """What the database has, and what is kept in it of requests."""

    async def kept_answers(self, asked: Sequence[Keyed]) -> Sequence[KeptAnswer]:
        """Return what is kept under the keys of some requests."""


class _AgainError(Exception):
    """Nothing of the batch was written; it is to be made again without some of its jobs, or with more rows locked."""


class GroupCommit:
    """Runs use cases one after the other and commits their writes together.

    They run on what `source` has. What they wrote goes through `engine`, whose `health` is noted, into `memory`, and to
    `publish` with its place in the order of changes, before anybody is told. `feed` corrects memory when others have
    written: then only those run again that rest on what has changed. Entries are written with `audit` only.

    A use case is answered within `busy_timeout` seconds, unless it is being written just then: one whose time is up is
    refused, and not tried.
    """

    def __init__(
        self,
        engine: Engine,
        health: WriteHealth,
        *,
        source: Source,
        memory: Memory,
        feed: Feed,
        publish: Callable[[Batch, int], None],
        counts: StoreCounts,
        audit: bool,
        busy_timeout: float,
    ) -> None:
        self._engine = engine
        self._health = health
        self._source = source
        self._memory = memory
        self._feed = feed
        self._publish = publish
        self._counts = counts
        self._audit = audit
        self._busy_timeout = busy_timeout
        self._queue: deque[Job] = deque()
        self._queued = asyncio.Event()
        self._closing = False
        self._aside = Aside(engine.until_free, self._enqueue)
        self._task = asyncio.create_task(self._run(), name="group-commit")

    async def submit(self, use_case: Callable[[Transaction], Awaitable[Result]], claim: Claim | None) -> Result:
        """Return what `use_case` returns, once everything it wrote is on disk; raise what it raises.

        With a `claim` what is kept of its answer is on disk with it; one that was carried out before is not run: see
        `Batch.require_new` for what is raised then.
        """
        if self._closing:
            raise StorageUnavailableError("the server is shutting down")
        job = Job(use_case, self._busy_timeout, claim)
        self._enqueue([job])
        try:
            result: Result = await job.done
        finally:
            job.forget()
            del job  # an error keeps this frame, and its future would keep the error
        return result

    def _enqueue(self, jobs: Iterable[Job]) -> None:
        self._queue.extend(jobs)
        self._counts.queued = len(self._queue)
        self._queued.set()

    async def close(self) -> None:
        """Commit what has queued and stop; what waits for a row that somebody else holds is refused."""
        self._closing = True
        self._aside.cancel()
        self._queued.set()
        await self._task

    async def _run(self) -> None:
        while self._queue or not self._closing:
            await self._queued.wait()
            self._queued.clear()
            while self._queue:
                await gathered(
                    lambda: len(self._queue), quiet_turns=_QUIET_TURNS, seconds=_GATHER_SECONDS, most=MAX_BATCH
                )
                jobs = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]
                self._counts.queued = len(self._queue)
                await self._commit(jobs)

    async def _commit(self, jobs: list[Job], *, alone: bool = False) -> None:
        """Answer each of `jobs`: together as long as that goes, one by one when one of them may be what fails."""
        overtaken = 0
        answered: dict[tuple[str, str], KeptAnswer] = {}
        while jobs := [job for job in jobs if job.is_waiting and not job.is_aside]:
            try:
                await self._attempt(jobs, answered)
            except _AgainError:
                continue
            except OvertakenError as error:
                overtaken += 1
                if overtaken == _MOST_OVERTAKEN:
                    refuse(jobs, f"another process keeps writing: {error}")
                await self._learn(jobs, answered)
            except StaleError as error:
                if not await self._learn(jobs, answered):
                    await self._apart(jobs, error, alone=alone)
            except Exception as error:  # noqa: BLE001 - one use case must not take the others with it
                await self._apart(jobs, error, alone=alone)

    async def _attempt(self, jobs: list[Job], answered: Answered) -> None:
        """Run and commit `jobs` together, or the first of them where they write much.

        Nobody is told before the commit, not even of a refusal that rests on it.
        """
        begun, mark = perf_counter(), self._feed.mark
        try:
            batch, outcomes = await run_all(self._source, jobs, answered)
            jobs = [outcome.job for outcome in outcomes]
            keys = batch.keys
            locked = await self._engine.begin(keys, mark)
            try:
                if self._corrects_memory(batch, locked, jobs):
                    batch, outcomes = await run_all(self._source, jobs, answered)
                    if len(outcomes) < len(jobs) or not keys.has(batch.keys):
                        raise _AgainError
                if any(job.is_refused for job in jobs):
                    raise _AgainError
                place = await self._written(batch, locked, jobs)
            finally:
                await self._engine.release()
            if not batch.is_empty:
                self._measure(len(jobs), perf_counter() - begun)
            self._tell_others(batch, place)
        except StorageUnavailableError as error:
            self._counts.unknown_outcomes += isinstance(error, UnknownOutcomeError)
            outcomes = [Outcome(job, error=copy(error)) for job in jobs]
        for outcome in outcomes:
            outcome.tell()

    def _corrects_memory(self, batch: Batch, locked: Locked, jobs: list[Job]) -> bool:
        """Drop from memory what `batch` has read and the locked rows do not say; return whether to read again.

        Templates are in no memory: with those of a user locked they are always read again. Who needs a row that
        somebody else holds waits for it elsewhere: raises `_AgainError` for the others.
        """
        if locked.states is None:
            return False
        if not locked.held.is_empty:
            self._counts.set_aside += len(locked.held.states) + len(locked.held.owners)
            self._aside.put([job for job in jobs if job.ran and job.ran.keys.meets(locked.held)], locked.held)
            raise _AgainError
        outdated = [key for key, record in batch.bases.items() if _stored(record) != locked.states.get(key)]
        for key in outdated:
            self._memory.drop(key)
        return bool(outdated or batch.keys.owners)

    async def _written(self, batch: Batch, locked: Locked, jobs: list[Job]) -> int:
        """Write `batch` and return its place; whose time is up while another process holds the lock is refused."""
        if batch.is_empty:
            await self._require_newest(locked)
            return 0
        for job in jobs:
            job.is_writing = True
        writes = plan(batch, audit=self._audit, lists=self._engine.stores_listed)
        try:
            return await self._health.written(
                self._engine.commit(writes, locked, lambda: not any(job.is_late for job in jobs))
            )
        except BusyError as error:
            for job in jobs:
                job.refuse_if_late(error.message)
            raise _AgainError from None
        except StaleError:
            await self._require_newest(locked)
            raise
        finally:
            for job in jobs:
                job.is_writing = False

    async def _require_newest(self, locked: Locked) -> None:
        """Correct memory, and raise `OvertakenError` when a batch that rests on `locked` rests on old states.

        Locked rows are not old.
        """
        if locked.states is not None:
            return
        await self._feed.caught_up()
        if self._feed.mark != locked.mark:
            raise OvertakenError("another process has written to the database")

    def _tell_others(self, batch: Batch, place: int) -> None:
        """Publish what was committed; to lists only where it comes next, else the feed tells them in its turn."""
        try:
            if self._feed.has_passed(place):
                self._memory.overtaken(batch)
            else:
                self._memory.committed(batch)
                self._publish(batch, place if self._feed.committed(place) else 0)
            if place:
                self._engine.signal.send()
        except Exception:
            logger.exception("a committed batch could not be told")

    def _measure(self, jobs: int, seconds: float) -> None:
        self._counts.batch_sizes.observe(jobs)
        self._counts.batch_seconds.observe(seconds)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("batch committed", extra={"jobs": jobs, "duration_ms": round(seconds * 1000, 3)})

    async def _learn(self, jobs: list[Job], answered: dict[tuple[str, str], KeptAnswer]) -> bool:
        """Look which requests of `jobs` were carried out before, by this server or another; return whether any was."""
        claimed = [job for job in jobs if job.claim is not None]
        if not claimed:
            return False
        try:
            kept = await self._source.kept_answers([job.claim.request for job in claimed if job.claim is not None])
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked, where it is known who
            if len(jobs) == 1:
                jobs[0].fail(logged(error))
            return len(jobs) == 1
        known = len(answered)
        answered.update({(each.user_id, each.key): each for each in kept})
        return len(answered) > known

    async def _apart(self, jobs: list[Job], error: Exception, *, alone: bool) -> None:
        """Commit each of `jobs` alone, and tell it before the next one's turn; `error` is what they met together."""
        if alone and isinstance(error, StaleError):
            self._forget(jobs)
            refuse(jobs, f"another process keeps changing this: {error}")
        elif alone:
            jobs[0].fail(logged(error))
        else:
            what = "batch refused, running its use cases alone"
            logger.warning(what, extra={"reason": repr(error), "jobs": len(jobs)})
            await self._renew(jobs)
            for job in jobs:
                await self._commit([job], alone=True)

    async def _renew(self, jobs: list[Job]) -> None:
        """Look at the database anew; when that cannot be, tell all who wait for it."""
        self._forget(jobs)
        try:
            await self._feed.caught_up()
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked
            for job in jobs:
                job.fail(copy(logged(error)))

    def _forget(self, jobs: list[Job]) -> None:
        """Forget what `jobs` have read."""
        for job in jobs:
            for key in job.ran.keys.states if job.ran else ():
                self._memory.drop(key)


def _stored(record: StateRecord | None) -> Stored | None:
    return None if record is None else Stored(record.version, record.last_entry)
