"""Use cases queued for the writer: each is answered by its deadline, whatever the database does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from wizard_server.domain.keyed import Claim
from wizard_server.domain.ports import Transaction
from wizard_server.errors import StorageUnavailableError, bare

if TYPE_CHECKING:
    from wizard_server.storage.recording import Recording

UseCase = Callable[[Transaction], Awaitable[Any]]
# Who is refused for being late takes those along who would be next: each refusal has the others run again.
_SLACK_SECONDS = 0.25


class Job:
    """One use case and the future of its caller; `claim` is set when the request has a key.

    Unless `is_writing`, it is refused `patience` seconds after it came: nothing of it is on disk then, nor will be.
    """

    __slots__ = (
        "_alarm",
        "_loop",
        "_patience",
        "claim",
        "deadline",
        "done",
        "is_aside",
        "is_refused",
        "is_writing",
        "ran",
        "use_case",
    )

    def __init__(self, use_case: UseCase, patience: float, claim: Claim | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._patience = patience
        self.use_case = use_case
        self.claim = claim
        self.done: asyncio.Future[Any] = self._loop.create_future()
        self.deadline = self._loop.time() + patience
        self.is_writing = False
        self.is_refused = False
        # Whether it waits for a row that somebody else holds.
        self.is_aside = False
        # What it read and wrote when it ran last.
        self.ran: Recording | None = None
        self._alarm = self._loop.call_at(self.deadline, self._ring)

    @property
    def is_waiting(self) -> bool:
        """Whether its caller still waits."""
        return not self.done.done()

    @property
    def is_late(self) -> bool:
        """Whether its deadline has passed."""
        return self._loop.time() >= self.deadline

    def _ring(self) -> None:
        if not self.is_writing:
            self.refuse(f"the turn of this change did not come within {self._patience:g} s; nothing was written")

    def refuse_if_late(self, message: str) -> None:
        """Refuse it with `message` when its deadline has passed or is imminent."""
        if self._loop.time() >= self.deadline - _SLACK_SECONDS:
            self.refuse(message)

    def refuse(self, message: str) -> None:
        """Refuse it because the database did not take it; nothing of it may be written from now on."""
        self.is_refused = True
        self.fail(StorageUnavailableError(message))

    def fail(self, error: Exception) -> None:
        """Raise `error`, without the frames that it passed, where the outcome is awaited."""
        if self.is_waiting:
            self.done.set_exception(bare(error))

    def succeed(self, result: object) -> None:
        """Return `result` where the outcome is awaited."""
        if self.is_waiting:
            self.done.set_result(result)

    def forget(self) -> None:
        """Cancel its timer: it has been answered, or its caller is gone."""
        self._alarm.cancel()


def refuse(jobs: list[Job], message: str) -> None:
    """Refuse each of `jobs`; see `Job.refuse`."""
    for job in jobs:
        job.refuse(message)
