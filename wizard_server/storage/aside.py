"""Use cases that wait for rows that somebody else holds: others are committed meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.engine import Keys
from wizard_server.storage.jobs import Job, refuse


class Aside:
    """Waits with `until_free` until rows are free, and has `queue` take the jobs that need them."""

    def __init__(self, until_free: Callable[[Keys], Awaitable[Keys]], queue: Callable[[Sequence[Job]], None]) -> None:
        self._until_free = until_free
        self._queue = queue
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, jobs: list[Job], held: Keys) -> None:
        """Set `jobs` aside, because somebody else holds rows of `held` that they need."""
        for job in jobs:
            job.is_aside = True
        task = asyncio.create_task(self._queue_once_free(jobs, held))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _queue_once_free(self, jobs: list[Job], held: Keys) -> None:
        """Queue each of `jobs` again once nobody holds those of the rows `held` that it reads."""
        try:
            while jobs := [job for job in jobs if job.is_waiting]:
                needed = {job: job.ran.keys.among(held) for job in jobs if job.ran}
                free = await self._until_free(Keys.of_all(needed.values()))
                for job, keys in needed.items():
                    job.is_aside = not free.has(keys)
                self._queue([job for job in jobs if not job.is_aside])
                jobs = [job for job in jobs if job.is_aside]
        except asyncio.CancelledError:
            refuse(jobs, "the server is shutting down")
            raise
        except StorageUnavailableError as error:
            refuse(jobs, error.message)

    def cancel(self) -> None:
        """Refuse whatever waits."""
        for waiting in self._tasks:
            waiting.cancel()
