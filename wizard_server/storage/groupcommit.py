"""The one writer: whatever has queued is committed in one transaction, and acknowledged once that is on disk.

While a commit is under way the next use cases queue, so the batches grow with the load and the wait stays short.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from wizard_server.counts import Histogram
from wizard_server.domain.keyed import AnsweredBeforeError, Claim, KeptAnswer
from wizard_server.domain.ports import Transaction
from wizard_server.errors import RequestError, StorageUnavailableError, bare
from wizard_server.storage.batch import Batch
from wizard_server.storage.jobs import Job
from wizard_server.storage.sqlite import connection as sqlite

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
MAX_BATCH = 256
_MOST_OVERTAKEN = 5
_SIZE_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, MAX_BATCH)
_SECONDS_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class StaleBaseError(Exception):
    """The database is not what the batch was computed from."""


class OvertakenError(StaleBaseError):
    """Another process has written since the batch was begun: none of its use cases is to blame."""


class AnsweredError(Exception):
    """Requests of the batch have been carried out before; `answers` is what is kept of them, by user and key."""

    def __init__(self, answers: Mapping[tuple[str, str], KeptAnswer]) -> None:
        super().__init__(f"{len(answers)} requests were carried out before")
        self.answers = answers


class _TooLateError(Exception):
    """Somebody of the batch was refused before anything of it was written: it is to be made again without them."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    job: Job
    result: Any = None
    error: Exception | None = None

    def tell(self) -> None:
        if self.error is not None:
            self.job.fail(self.error)
        else:
            self.job.succeed(self.result)


class GroupCommit:
    """Runs use cases one after the other and commits their writes together.

    `refresh` drops what is remembered of the database if another process has written to it; `overtaken` does the same
    and says whether one has since a batch was begun, so that one that writes nothing rests on the newest state too;
    `begin` makes an empty batch that knows what was answered before; `flush` writes one to disk, waiting for a lock
    while its second argument returns True, and raises `StaleBaseError`, `LockedError` or `StorageUnavailableError`
    with nothing written; `committed` is called after the commit and before anybody is told; `forget` drops what is
    remembered of the database.

    A use case is answered within `BUSY_TIMEOUT_SECONDS`, unless it is being written just then: one whose time is up is
    refused, and not tried.

    `sizes` has the number of use cases in each batch that was committed, `seconds` how long that took from the first
    use case until all of it was on disk.
    """

    def __init__(
        self,
        *,
        refresh: Callable[[], Awaitable[object]],
        overtaken: Callable[[Batch], Awaitable[bool]],
        begin: Callable[[Mapping[tuple[str, str], KeptAnswer]], Batch],
        flush: Callable[[Batch, Callable[[], bool]], Awaitable[None]],
        committed: Callable[[Batch], None],
        forget: Callable[[], None],
    ) -> None:
        self._refresh = refresh
        self._overtaken = overtaken
        self._begin = begin
        self._flush = flush
        self._committed = committed
        self._forget = forget
        self._queue: deque[Job] = deque()
        self._queued = asyncio.Event()
        self._closing = False
        self.sizes = Histogram(_SIZE_BOUNDS)
        self.seconds = Histogram(_SECONDS_BOUNDS)
        self._task = asyncio.create_task(self._run(), name="group-commit")

    async def submit(self, use_case: Callable[[Transaction], Awaitable[Result]], claim: Claim | None) -> Result:
        """Return what `use_case` returns, once everything it wrote is on disk; raise what it raises.

        With a `claim` what is kept of its answer is on disk with it; one that was carried out before is not run: see
        `Batch.require_new` for what is raised then.
        """
        if self._closing:
            raise StorageUnavailableError("the server is shutting down")
        job = Job(use_case, sqlite.BUSY_TIMEOUT_SECONDS, claim)
        self._queue.append(job)
        self._queued.set()
        try:
            result: Result = await job.done
        finally:
            job.forget()
            del job  # an error keeps this frame, and its future would keep the error
        return result

    async def close(self) -> None:
        """Commit what has queued and stop."""
        self._closing = True
        self._queued.set()
        await self._task

    async def _run(self) -> None:
        while self._queue or not self._closing:
            await self._queued.wait()
            self._queued.clear()
            while self._queue:
                jobs = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]
                await self._commit(jobs)

    async def _commit(self, jobs: list[Job], *, alone: bool = False) -> None:
        """Answer each of `jobs`: together as long as that goes, one by one when one of them may be what fails."""
        overtaken = 0
        answered: dict[tuple[str, str], KeptAnswer] = {}
        while jobs := [job for job in jobs if job.is_waiting]:
            try:
                await self._attempt(jobs, answered)
            except _TooLateError:
                continue
            except AnsweredError as error:
                answered.update(error.answers)
            except OvertakenError as error:
                overtaken += 1
                if overtaken == _MOST_OVERTAKEN:
                    _refuse(jobs, f"another process keeps writing: {error}")
                await self._renew(jobs)
            except Exception as error:  # noqa: BLE001 - one use case must not take the others with it
                await self._apart(jobs, error, alone=alone)

    async def _apart(self, jobs: list[Job], error: Exception, *, alone: bool) -> None:
        """Commit each of `jobs` alone, and tell it before the next one's turn; `error` is what they met together."""
        if alone and isinstance(error, StaleBaseError):
            self._forget()
            _refuse(jobs, f"another process keeps changing this: {error}")
        elif alone:
            jobs[0].fail(_logged(error))
        else:
            what = "batch refused, running its use cases alone"
            logger.warning(what, extra={"reason": repr(error), "jobs": len(jobs)})
            await self._renew(jobs)
            for job in jobs:
                await self._commit([job], alone=True)

    async def _renew(self, jobs: list[Job]) -> None:
        """Look at the database anew; when that cannot be, tell all who wait for it."""
        self._forget()
        try:
            await self._refresh()
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked
            for job in jobs:
                job.fail(copy(_logged(error)))

    async def _attempt(self, jobs: list[Job], answered: Mapping[tuple[str, str], KeptAnswer]) -> None:
        """Run and commit `jobs` together; nobody is told before the commit, not even of a refusal that rests on it."""
        batch, begun = self._begin(answered), perf_counter()
        try:
            outcomes = [await self._outcome(job, batch) for job in jobs]
            if any(job.is_refused for job in jobs):
                raise _TooLateError
            if batch.is_empty:
                if await self._overtaken(batch):
                    raise OvertakenError("another process has written to the database")
            else:
                await self._write(batch, jobs)
                self._measure(len(jobs), perf_counter() - begun)
            self._tell_others(batch)
        except StorageUnavailableError as error:
            outcomes = [_Outcome(job, error=copy(error)) for job in jobs]
        for outcome in outcomes:
            outcome.tell()

    async def _write(self, batch: Batch, jobs: list[Job]) -> None:
        """Write `batch`; whose time is up while another process holds the lock is refused."""
        for job in jobs:
            job.is_writing = True
        try:
            await self._flush(batch, lambda: not any(job.is_late for job in jobs))
        except sqlite.LockedError as error:
            for job in jobs:
                job.refuse_if_late(error.message)
            raise _TooLateError from None
        finally:
            for job in jobs:
                job.is_writing = False

    def _tell_others(self, batch: Batch) -> None:
        try:
            self._committed(batch)
        except Exception:
            logger.exception("a committed batch could not be told")

    def _measure(self, jobs: int, seconds: float) -> None:
        self.sizes.observe(jobs)
        self.seconds.observe(seconds)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("batch committed", extra={"jobs": jobs, "duration_ms": round(seconds * 1000, 3)})

    @staticmethod
    async def _outcome(job: Job, batch: Batch) -> _Outcome:
        try:
            if job.claim is not None:
                batch.require_new(job.claim.request)
            result = await job.use_case(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the one who asked
            return _Outcome(job, error=_logged(error))
        if job.claim is not None:
            batch.keep_answer(job.claim, result)
        return _Outcome(job, result=result)


def _logged(error: Exception) -> Exception:
    """Return what to tell the one who asked: an error that holds no frames; those of a mistake go into the log."""
    if not isinstance(error, RequestError | AnsweredBeforeError):
        logger.error("use case failed", exc_info=error)
    return bare(error)


def _refuse(jobs: list[Job], message: str) -> None:
    for job in jobs:
        job.refuse(message)
