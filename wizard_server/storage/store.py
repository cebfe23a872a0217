"""The store: current states from memory, everything else from the readers, all writes through the one writer."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from wizard_server.domain.events import Audience, StateEvent
from wizard_server.domain.keyed import Claim, expired_before
from wizard_server.domain.ports import Clock, Transaction
from wizard_server.domain.trail import AuditEntry
from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.batch import Batch
from wizard_server.storage.engine import Engine, LostError
from wizard_server.storage.engines import Opening, open_engine
from wizard_server.storage.feed import Feed
from wizard_server.storage.groupcommit import GroupCommit
from wizard_server.storage.options import StoreOptions
from wizard_server.storage.statements.answers import forgetting
from wizard_server.storage.statements.batches import PROBE, touching
from wizard_server.storage.statements.changes import Changes
from wizard_server.storage.store_reads import StoreReads
from wizard_server.storage.write_health import WriteHealth

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class StateStore(StoreReads):
    """A `Store` on an engine. Make one with `open`."""

    def __init__(self, engine: Engine, options: StoreOptions, hub: Audience, clock: Clock) -> None:
        super().__init__(engine, options)
        self._busy_timeout = options.busy_timeout
        self._publish = hub.publish
        self._clock = clock
        self._writes = WriteHealth(lambda: engine.commit(PROBE, may_wait=lambda: False))
        changes = Changes(engine.dialect, self._unreadable)
        self._feed = Feed(engine, self._memory, hub, clock, self.counts, changes, self._stamps)
        self._commits = GroupCommit(
            engine,
            self._writes,
            source=self,
            memory=self._memory,
            feed=self._feed,
            publish=self._publish_batch,
            counts=self.counts,
            audit=options.audit,
            busy_timeout=options.busy_timeout,
        )

    @classmethod
    async def open(
        cls,
        options: StoreOptions,
        *,
        hub: Audience,
        clock: Clock,
        opening: Opening = open_engine,
    ) -> "StateStore":
        """Open the database with `opening`; `hub` hears of every commit, after it."""
        store = cls(await opening(options), options, hub, clock)
        try:
            await store.notice_external_commits()
        except BaseException:
            await store.close()  # a thread that waits for statements would keep the process
            raise
        return store

    async def close(self) -> None:
        """Commit what has queued, write what was touched, close every connection, whatever happens on the way.

        What has not been written after the busy timeout has been refused: only a commit may be under way then, and
        nobody waits for it.
        """
        limit = asyncio.get_running_loop().call_later(self._busy_timeout, self.engine.break_off)
        try:
            await self._commits.close()
            await self.flush_touched()
            await self._feed.close()
            await self._memory.close()
            await self._kept.close()
        finally:
            limit.cancel()
            await self.engine.close()

    async def ping(self) -> None:
        """See `Store`."""
        await self._require_intact()
        await self._read(self._states.ping)

    async def try_writing(self) -> None:
        """See `Store`."""
        if self.engine.hindrance is not None:
            raise StorageUnavailableError(self.engine.hindrance)
        await self._writes.check()

    # --- writing

    async def transact(
        self, use_case: Callable[[Transaction], Awaitable[Result]], claim: Claim | None = None
    ) -> Result:
        """See `Store`."""
        return await self._commits.submit(use_case, claim)

    def _publish_batch(self, batch: Batch, place: int) -> None:
        """Publish what `batch` has written, at its place in the order of changes."""
        self.counts.versions += sum(entry.version is not None for entry in batch.entries)
        entries = defaultdict[str, list[AuditEntry]](list)
        for entry in batch.entries:
            entries[entry.investigation_id].append(entry)
        for key, owner, record in batch.heads():
            told = entries[key]
            instant = datetime.fromisoformat(told[-1].timestamp)
            self._publish(StateEvent(key, record, told, owner, place, instant))
        for key, record in batch.heard_only().items():
            self._publish(
                StateEvent(key, record, (), record.user_id, place if key in batch.revived else 0, self._clock())
            )

    # --- what happens beside the requests

    def touch(self, investigation_id: str, instant: str) -> None:
        """See `Store`."""
        self._memory.touched.note(investigation_id, instant)

    async def flush_touched(self) -> None:
        """Write what was noted since the last time; what cannot be written now is kept for the next time."""
        touched, heard = dict(self._memory.touched.pending), dict(self._memory.heard.pending)
        if not touched and not heard:
            return
        try:
            await self._writes.written(self.engine.commit(touching(touched, heard)))
        except StorageUnavailableError as error:
            logger.warning("last_accessed not written", extra={"reason": str(error), "states": len(touched)})
        else:
            self._memory.touched.written(touched)
            self._memory.heard.written(heard)

    async def forget_answers(self) -> None:
        """Remove the answers that were kept for a day, a few at a time: whoever writes is let in between."""
        expired = expired_before(self._clock())
        while await self._read(lambda reader: self._answers.any_expired(reader, expired)):
            await self.engine.commit(forgetting(expired))

    async def follow(self) -> None:
        """Look at what others commit, after each hint and after a while without one, until it is cancelled."""
        await self._feed.follow()

    async def look_around(self) -> None:
        """See whether the files are there, and keep the log short; the engine has told of a loss."""
        with contextlib.suppress(LostError):
            await self._require_intact()
            await self.engine.tidy()
            self.counts.log_bytes = self.engine.log_bytes

    async def _require_intact(self) -> None:
        try:
            await self.engine.require_intact()
        except LostError:
            self.forget()
            raise

    def forget(self, investigation_id: str | None = None) -> None:
        """Have the next reading of a state, or of every state, ask the database."""
        if investigation_id is None:
            self._memory.forget()
        else:
            self._memory.drop(investigation_id)

    async def notice_external_commits(self) -> bool:
        """Return whether others have committed since the last look; if so, correct memory and wake who is concerned."""
        found = await self._feed.caught_up()
        await self._feed.review()
        return found

    async def caught_up(self, since: float | None = None) -> None:
        """See `Store`."""
        self.counts.looks_asked["request"] += 1
        await self._feed.caught_up(since)

    def next_look(self) -> "asyncio.Future[bool]":
        """See `Store`."""
        self.counts.looks_asked["request"] += 1
        return self._feed.next_look()
