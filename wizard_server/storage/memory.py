"""What the store holds in memory: current states, and instants of them that are not written yet."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from wizard_server.domain.record import StateRecord
from wizard_server.storage.batch import Batch
from wizard_server.storage.cache import StateCache
from wizard_server.storage.touches import Touches, newest


class Memory:
    """Current states, loaded by `read` where they are absent; never older than what this process committed."""

    def __init__(self, max_bytes: int, read: Callable[[str], Awaitable[StateRecord | None]]) -> None:
        self._read = read
        self._loads: dict[str, asyncio.Task[StateRecord | None]] = {}
        self.cache = StateCache(max_bytes)
        self.touched = Touches()
        self.heard = Touches()
        # A version that came in by a read has been published to nobody.
        self.read_unpublished: set[str] = set()

    async def state(self, investigation_id: str) -> StateRecord | None:
        """Return a state, loaded where it is absent."""
        return self.cache.get(investigation_id) or await self.loaded(investigation_id)

    async def loaded(self, investigation_id: str) -> StateRecord | None:
        """Load a state, once for all concurrent callers; one that a commit overtakes is not kept."""
        load = self._loads.get(investigation_id)
        if load is None:
            load = asyncio.create_task(self._load(investigation_id))
            self._loads[investigation_id] = load
            load.add_done_callback(lambda done: self._loaded(investigation_id, done))
        try:
            return await asyncio.shield(load)
        finally:
            del load  # an error keeps this frame, and the task would keep the error

    async def _load(self, investigation_id: str) -> StateRecord | None:
        pending = self.heard.pending
        record = await self._read(investigation_id)
        return record and replace(record, heard_at=self.last_sign(record.heard_at, investigation_id, pending))

    def last_sign(self, written: str | None, investigation_id: str, pending: Mapping[str, str]) -> str | None:
        """Return when agents last reported without a change: as `written`, or newer; see `Touches.pending`."""
        return newest(written, pending.get(investigation_id), self.heard.pending.get(investigation_id))

    def _loaded(self, investigation_id: str, load: asyncio.Task[StateRecord | None]) -> None:
        record = None if load.cancelled() or load.exception() is not None else load.result()
        if self._loads.get(investigation_id) is load:
            del self._loads[investigation_id]
            # What is in memory knows more than the row of its version, and has its renderings.
            if record is not None and not self.cache.holds(record):
                self.cache.put(record)
                self.read_unpublished.add(investigation_id)

    def committed(self, batch: Batch) -> None:
        """Keep the states that `batch` has written."""
        for key, _, record in batch.heads():
            self._loads.pop(key, None)
            if record is None:
                self.cache.drop(key)
                self.touched.drop(key)
                self.heard.drop(key)
            else:
                self.cache.put(record)
        for key, record in batch.heard_only().items():
            self._loads.pop(key, None)
            self.cache.put(record)
            if key not in batch.revived:
                self.heard.note(key, record.heard_at or "")

    def overtaken(self, batch: Batch) -> None:
        """Forget the states that `batch` has written, because others may have written them since."""
        for key, _, _ in batch.heads():
            self.drop(key)

    def drop(self, investigation_id: str) -> None:
        """Forget one state; one that is being loaded is not kept."""
        self._loads.pop(investigation_id, None)
        self.cache.drop(investigation_id)

    def forget(self) -> None:
        """Forget every state."""
        self._loads.clear()
        self.cache.clear()

    async def close(self) -> None:
        """Return when nothing is being read."""
        await asyncio.gather(*self._loads.values(), return_exceptions=True)
