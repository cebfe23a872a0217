"""What others committed: another server, an operator's edit, a purge."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from wizard_server.counts import StoreCounts
from wizard_server.domain.events import Audience, StateEvent
from wizard_server.domain.ports import Clock
from wizard_server.domain.record import StateRecord
from wizard_server.errors import UnreadableRowError
from wizard_server.storage.engine import Engine
from wizard_server.storage.memory import Memory

logger = logging.getLogger(__name__)

Version = tuple[int, str | None]
_CHUNK = 500


class Feed:
    """Corrects `memory` and publishes to `audience` what others committed; memory has everything up to `mark`.

    `versions` reads version and ``heard_at`` of some states.
    """

    def __init__(
        self,
        engine: Engine,
        memory: Memory,
        audience: Audience,
        clock: Clock,
        counts: StoreCounts,
        versions: Callable[[Sequence[str]], Awaitable[Mapping[str, Version]]],
    ) -> None:
        self._engine = engine
        self._memory = memory
        self._audience = audience
        self._clock = clock
        self._counts = counts
        self._versions = versions
        self.mark: int | None = None

    async def look(self) -> bool:
        """Return whether others have committed since the last look; if so, correct memory and publish."""
        mark = await self._engine.mark()
        changed = self.mark is not None and mark != self.mark
        if changed:
            logger.info("another process has written to the database")
            self._counts.external_commits += 1
            versions = self._memory.cache.versions()
            known = {key: versions[key] for key in versions.keys() - self._memory.read_unpublished}
            self._memory.forget()
            await self._publish_changed(known)
        self.mark = mark
        self._memory.read_unpublished.clear()
        return changed

    async def _publish_changed(self, known: Mapping[str, Version]) -> None:
        for keys in chunks(list(self._audience.watched()), _CHUNK):
            versions = await self._versions(keys)
            for key in keys:
                if _is_news(versions.get(key), known.get(key)):
                    await self._publish(key)
        self._audience.refresh()

    async def _publish(self, investigation_id: str) -> None:
        read = await self._state(investigation_id)
        record = self._memory.cache.get(investigation_id) or read  # a commit may have overtaken the reading
        owner = record.user_id if record else None
        self._audience.publish(StateEvent(investigation_id, record, (), owner, 0, self._clock()))

    async def _state(self, investigation_id: str) -> StateRecord | None:
        """Return the state; None also for one that cannot be read: who watches it asks, and is told so."""
        try:
            return await self._memory.state(investigation_id)
        except UnreadableRowError:
            return None


def _is_news(found: Version | None, known: Version | None) -> bool:
    """Whether a row (its version, when its agents were heard; None: there is none) says what is not in memory."""
    if found is None or known is None:
        return True
    return found[0] != known[0] or (found[1] or "") > (known[1] or "")


def chunks(items: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    """Yield `items` in runs of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))
