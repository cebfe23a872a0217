"""The one writer: whatever has queued is committed in one transaction, and acknowledged once that is on disk.

While a commit is under way the next use cases queue, so the batches grow with the load and the wait stays short.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from wizard_server.domain.ports import Transaction
from wizard_server.errors import RequestError, StorageUnavailableError, bare
from wizard_server.metrics import Histogram
from wizard_server.storage.batch import Batch

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
UseCase = Callable[[Transaction], Awaitable[Any]]
MAX_BATCH = 256
_SIZE_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, MAX_BATCH)
_SECONDS_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class StaleBaseError(Exception):
    """The database is not what the batch was computed from: another process has written."""


@dataclass(frozen=True, slots=True)
class _Job:
    use_case: UseCase
    done: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    job: _Job
    result: Any = None
    error: Exception | None = None

    def tell(self) -> None:
        if self.job.done.done():
            return
        if self.error is not None:
            self.job.done.set_exception(self.error)
        else:
            self.job.done.set_result(self.result)


class GroupCommit:
    """Runs use cases one after the other and commits their writes together.

    `refresh` drops what is remembered of the database if another process has written to it; `overtaken` does the same
    and says whether one has since a batch was begun, so that one that writes nothing rests on the newest state too;
    `begin` makes an empty batch; `flush` writes one to disk, raising `StaleBaseError` or `StorageUnavailableError` with
    nothing written; `committed` is called after the commit and before anybody is told; `forget` drops what is
    remembered of the database.

    `sizes` has the number of use cases in each batch that was committed, `seconds` how long that took from the first
    use case until all of it was on disk.
    """

    def __init__(
        self,
        *,
        refresh: Callable[[], Awaitable[object]],
        overtaken: Callable[[Batch], Awaitable[bool]],
        begin: Callable[[], Batch],
        flush: Callable[[Batch], Awaitable[None]],
        committed: Callable[[Batch], None],
        forget: Callable[[], None],
    ) -> None:
        self._refresh = refresh
        self._overtaken = overtaken
        self._begin = begin
        self._flush = flush
        self._committed = committed
        self._forget = forget
        self._queue: deque[_Job] = deque()
        self._queued = asyncio.Event()
        self._closing = False
        self.sizes = Histogram(_SIZE_BOUNDS)
        self.seconds = Histogram(_SECONDS_BOUNDS)
        self._task = asyncio.create_task(self._run(), name="group-commit")

    async def submit(self, use_case: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """Return what `use_case` returns, once everything it wrote is on disk; raise what it raises."""
        if self._closing:
            raise StorageUnavailableError("the server is shutting down")
        job = _Job(use_case, asyncio.get_running_loop().create_future())
        self._queue.append(job)
        self._queued.set()
        try:
            result: Result = await job.done
        finally:
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
                await self._commit([job for job in jobs if not job.done.cancelled()])

    async def _commit(self, jobs: list[_Job]) -> None:
        try:
            outcomes = await self._attempt(jobs)
        except Exception as error:  # noqa: BLE001 - one use case must not take the others with it
            logger.warning(
                "batch refused, running its use cases alone", extra={"reason": repr(error), "jobs": len(jobs)}
            )
            self._forget()
            outcomes = [await self._alone(job) for job in jobs]
        for outcome in outcomes:
            outcome.tell()

    async def _alone(self, job: _Job) -> _Outcome:
        try:
            await self._refresh()
            [outcome] = await self._attempt([job])
        except StaleBaseError as error:
            self._forget()
            return _Outcome(job, error=StorageUnavailableError(f"another process keeps changing this: {error}"))
        except Exception as error:  # noqa: BLE001 - it belongs to the one who asked
            return _failed(job, error)
        return outcome

    async def _attempt(self, jobs: list[_Job]) -> list[_Outcome]:
        """Run and commit `jobs` together; nobody is told before the commit, not even of a refusal that rests on it."""
        batch, begun = self._begin(), perf_counter()
        try:
            outcomes = [await self._outcome(job, batch) for job in jobs]
            if batch.is_empty:
                if await self._overtaken(batch):
                    raise StaleBaseError("another process has written to the database")
                return outcomes
            await self._flush(batch)
        except StorageUnavailableError as error:
            return [_failed(job, copy(error)) for job in jobs]
        self._measure(len(jobs), perf_counter() - begun)
        try:
            self._committed(batch)
        except Exception:
            logger.exception("a committed batch could not be told")
        return outcomes

    def _measure(self, jobs: int, seconds: float) -> None:
        self.sizes.observe(jobs)
        self.seconds.observe(seconds)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("batch committed", extra={"jobs": jobs, "duration_ms": round(seconds * 1000, 3)})

    @staticmethod
    async def _outcome(job: _Job, batch: Batch) -> _Outcome:
        try:
            return _Outcome(job, result=await job.use_case(batch))
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the one who asked
            return _failed(job, error)


def _failed(job: _Job, error: Exception) -> _Outcome:
    """Return what to tell the one who asked: an error that holds no frames; those of a mistake go into the log."""
    if not isinstance(error, RequestError):
        logger.error("use case failed", exc_info=error)
    return _Outcome(job, error=bare(error))
