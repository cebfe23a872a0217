"""Runs use cases on one batch, each to its outcome, which is told only once the batch is on disk."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wizard_server.domain.keyed import AnsweredBeforeError, KeptAnswer
from wizard_server.errors import RequestError, bare
from wizard_server.storage.batch import Batch, Committed
from wizard_server.storage.jobs import Job
from wizard_server.storage.recording import Recording

logger = logging.getLogger(__name__)

Answered = Mapping[tuple[str, str], KeptAnswer]
# How long the documents of a batch are before no further use case joins it, in characters.
MAX_BATCH_SIZE = 8 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one use case returned or raised."""

    job: Job
    result: Any = None
    error: Exception | None = None

    def tell(self) -> None:
        """Return or raise it where it is awaited."""
        if self.error is not None:
            self.job.fail(self.error)
        else:
            self.job.succeed(self.result)


async def run_all(source: Committed, jobs: list[Job], answered: Answered) -> tuple[Batch, list[Outcome]]:
    """Run the use cases on what memory has, the first ones, until their documents fill a batch.

    Those that have run and would read the same are not run again.
    """
    batch = Batch(source, answered)
    outcomes: list[Outcome] = []
    for job in jobs:
        if batch.size >= MAX_BATCH_SIZE:
            break
        outcomes.append(await _outcome(job, batch))
    return batch, outcomes


async def _outcome(job: Job, batch: Batch) -> Outcome:
    """Run the use case, or take what it came to before where it would read the same."""
    try:
        if job.claim is not None:
            batch.require_new(job.claim.request)
        result = await _result(job, batch)
    except Exception as error:  # noqa: BLE001 - whatever it is belongs to the one who asked
        return Outcome(job, error=logged(error))
    if job.claim is not None:
        batch.keep_answer(job.claim, result)
    return Outcome(job, result=result)


async def _result(job: Job, batch: Batch) -> Any:
    """Return what the use case returns, or raise what it raises; where it would read the same it is not run again."""
    if job.ran is None or not await job.ran.holds_for(batch):
        job.ran = Recording(job.use_case)
        return await job.ran.run_on(batch)
    return job.ran.repeat_on(batch)


def logged(error: Exception) -> Exception:
    """Return what to tell the one who asked: an error that holds no frames; those of a mistake go into the log."""
    if not isinstance(error, RequestError | AnsweredBeforeError):
        logger.error("use case failed", exc_info=error)
    return bare(error)
