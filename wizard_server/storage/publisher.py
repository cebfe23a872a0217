"""Publishes states that others have changed, outside the looks, so that loading them delays no look."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from itertools import islice

from wizard_server.domain.events import Audience, StateEvent
from wizard_server.domain.ports import Clock
from wizard_server.domain.record import StateRecord
from wizard_server.errors import StorageUnavailableError, UnreadableRowError
from wizard_server.storage.memory import Memory

logger = logging.getLogger(__name__)

# How many states are loaded at a time: each needs a reader, of which requests need some too.
_AT_ONCE = 4


class Publisher:
    """Loads states into `memory` and publishes them to `audience`; those that cannot be loaded now are tried again."""

    def __init__(self, memory: Memory, audience: Audience, clock: Clock) -> None:
        self._memory = memory
        self._audience = audience
        self._clock = clock
        self._unpublished: dict[str, None] = {}
        self._loading: Collection[str] = ()
        self._task: asyncio.Task[None] | None = None

    def publish(self, investigation_ids: Iterable[str]) -> None:
        """Schedule those of the states that somebody waits for; memory has dropped them."""
        watched = self._audience.watched()
        self._unpublished |= {key: None for key in investigation_ids if key in watched or key in self._loading}
        if self._unpublished:
            self._begin().add_done_callback(_logged)

    async def flush(self) -> None:
        """Return when everything is published; raises `StorageUnavailableError` for what cannot be loaded."""
        if self._unpublished or self._task is not None:
            await asyncio.shield(self._begin())

    async def close(self) -> None:
        """Return when nothing is being published."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _begin(self) -> asyncio.Task[None]:
        if self._task is None:
            self._task = asyncio.create_task(self._publish_all())
        return self._task

    async def _publish_all(self) -> None:
        try:
            while self._unpublished:
                await self._publish_some(list(islice(self._unpublished, _AT_ONCE)))
        finally:
            self._task = None

    async def _publish_some(self, investigation_ids: Sequence[str]) -> None:
        """Publish states together; of what fails the first is raised, and all of it is tried again."""
        for key in investigation_ids:
            del self._unpublished[key]
        self._loading = failed = investigation_ids
        try:
            ends = await asyncio.gather(*map(self._publish, investigation_ids), return_exceptions=True)
            failed = [key for key, end in zip(investigation_ids, ends, strict=True) if end is not None]
        finally:
            self._loading = ()
            self._unpublished |= dict.fromkeys(failed)
        for end in ends:
            if end is not None:
                raise end

    async def _publish(self, investigation_id: str) -> None:
        read = await self._state(investigation_id)
        if investigation_id in self._unpublished:  # it has changed once more meanwhile, and somebody may know that
            return
        record = self._memory.cache.get(investigation_id) or read  # a commit may have overtaken the reading
        owner = record.user_id if record else None
        self._audience.publish(StateEvent(investigation_id, record, (), owner, 0, self._clock()))

    async def _state(self, investigation_id: str) -> StateRecord | None:
        """Return the state; None also for an unreadable one, whose watchers get the error when they ask."""
        try:
            return await self._memory.state(investigation_id)
        except UnreadableRowError:
            return None


def _logged(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, StorageUnavailableError):
        logger.warning("changes of others are not published yet", extra={"reason": str(error)})
    elif error is not None:
        logger.error("changes of others are not published yet", exc_info=error)
