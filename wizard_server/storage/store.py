"""The store: current states from memory, everything else from the readers, all writes through the one writer."""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

from wizard_server.counts import StoreCounts
from wizard_server.domain.events import Audience, StateEvent
from wizard_server.domain.filters import (
    ActiveFilter,
    ActivePage,
    EntriesEnd,
    HistoryFilter,
    Listed,
    StateFilter,
    StatesEnd,
    TemplateFilter,
    TemplatesEnd,
)
from wizard_server.domain.keyed import Claim, KeptAnswer, Keyed, expired_before, same_request
from wizard_server.domain.ports import Clock, Transaction
from wizard_server.domain.record import Stamp, StateRecord, last_report
from wizard_server.domain.trail import AuditEntry, Investigation, Template
from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.batch import Batch
from wizard_server.storage.engine import Engine, LostError, Reader
from wizard_server.storage.engines import Opening, open_engine
from wizard_server.storage.feed import Feed
from wizard_server.storage.groupcommit import GroupCommit
from wizard_server.storage.kept_answers import KeptAnswers
from wizard_server.storage.memory import Memory
from wizard_server.storage.options import StoreOptions
from wizard_server.storage.statements.answers import Answers, forgetting
from wizard_server.storage.statements.batches import PROBE, touching
from wizard_server.storage.statements.changes import Changes
from wizard_server.storage.statements.dashboards import Dashboards
from wizard_server.storage.statements.states import States
from wizard_server.storage.statements.templates import Templates
from wizard_server.storage.statements.trail import Trail
from wizard_server.storage.unreadable import UnreadableRows
from wizard_server.storage.write_health import WriteHealth

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
# Whose share of the readers it costs to read what belongs to everybody; no user is called so.
_EVERYBODY = "every body"


class StateStore:
    """A `Store` on an engine. Make one with `open`."""

    def __init__(self, engine: Engine, options: StoreOptions, hub: Audience, clock: Clock) -> None:
        unreadable = UnreadableRows()
        self.engine = engine
        self._states = States(engine.dialect, unreadable)
        self._trail = Trail(engine.dialect, unreadable, options.largest_part)
        self._templates = Templates(engine.dialect, unreadable)
        self._dashboards = Dashboards(engine.dialect, unreadable)
        self._answers = Answers(engine.dialect, unreadable)
        self._unreadable = unreadable
        self._publish = hub.publish
        self._clock = clock
        self._memory = Memory(options.cache_max_bytes, self._read_state)
        self._kept = KeptAnswers(self.kept_answers)
        self._writes = WriteHealth(lambda: engine.commit(PROBE, may_wait=lambda: False))
        self.counts = StoreCounts(self._memory.cache)
        changes = Changes(engine.dialect, unreadable)
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
        """Commit what has queued, write what was touched, close every connection, whatever happens on the way."""
        try:
            await self._commits.close()
            await self.flush_touched()
            await self._feed.close()
            await self._memory.close()
            await self._kept.close()
        finally:
            await self.engine.close()

    # --- reading

    @property
    def is_shared(self) -> bool:
        """See `Store`."""
        return self.engine.is_shared

    def cached(self, investigation_id: str) -> StateRecord | None:
        """Return the newest committed state if it is in memory."""
        return self._memory.cache.get(investigation_id)

    def in_memory(self, investigation_id: str) -> bool:
        """See `Store`."""
        return investigation_id in self._memory.cache

    async def state(self, investigation_id: str) -> StateRecord | None:
        """See `Store`."""
        return await self._memory.state(investigation_id)

    async def loaded(self, investigation_id: str) -> StateRecord | None:
        """See `Store`."""
        return await self._memory.loaded(investigation_id)

    async def _read_state(self, investigation_id: str) -> StateRecord | None:
        return await self._read(lambda reader: self._states.state(reader, investigation_id))

    async def _stamps(self, investigation_ids: Sequence[str]) -> Mapping[str, Stamp]:
        return await self._read(lambda reader: self._states.stamps(reader, investigation_ids))

    async def _read(self, ask: Callable[[Reader], Awaitable[Result]], owner: str | None = None) -> Result:
        """Lend a reader for what `ask` reads of `owner`'s: a list, a trail; None for single rows, which are soon read.

        Were a row read at its owner's cost, a stranger could tell by the time it takes that the owner is at work, and
        what a commit reads would wait for the owner's lists.
        """
        asked = perf_counter()
        async with self.engine.reader(owner) as reader:
            self.counts.reader_waits.observe(perf_counter() - asked)
            self.counts.readers_in_use += 1
            try:
                return await ask(reader)
            finally:
                self.counts.readers_in_use -= 1

    async def investigation(self, investigation_id: str) -> Investigation | None:
        """See `Store`."""
        return await self._read(lambda reader: self._states.investigation(reader, investigation_id))

    async def states(self, wanted: StateFilter) -> Listed[dict[str, Any], StatesEnd]:
        """See `Store`."""
        pending = self._memory.heard.pending
        page = await self._read(lambda reader: self._states.page(reader, wanted), wanted.user_id)
        self._overlay(page.items, pending)
        return page

    def _overlay(self, rows: Sequence[dict[str, Any]], pending: Mapping[str, str]) -> None:
        """Put into `rows` what is noted and not written yet; `pending` is from before they were read."""
        for row in rows:
            key = row["investigation_id"]
            row["last_accessed"] = self.last_accessed(key) or row["last_accessed"]
            row["heard_at"] = self._memory.last_sign(row["heard_at"], key, pending)

    def last_accessed(self, investigation_id: str) -> str | None:
        """See `Store`."""
        return self._memory.touched.pending.get(investigation_id)

    async def history(self, wanted: HistoryFilter) -> Listed[AuditEntry, EntriesEnd]:
        """See `Store`."""
        return await self._read(
            lambda reader: self._trail.history(reader, wanted), self._memory.cache.owner(wanted.investigation_id)
        )

    async def trail(self, investigation_id: str, *, down_to: int, limit: int, below: int) -> Sequence[AuditEntry]:
        """See `Store`."""
        return await self._read(
            lambda reader: self._trail.between(reader, investigation_id, down_to=down_to, below=below, limit=limit),
            self._memory.cache.owner(investigation_id),
        )

    async def entries_after(self, investigation_id: str, version: int, limit: int) -> Sequence[AuditEntry]:
        """See `Store`."""
        return await self._read(
            lambda reader: self._trail.after(reader, investigation_id, version, limit),
            self._memory.cache.owner(investigation_id),
        )

    async def template(self, template_id: str) -> Template | None:
        """See `Store`."""
        return await self._read(lambda reader: self._templates.template(reader, template_id))

    async def template_names(self, user_id: str) -> dict[str, str]:
        """Return the names of a user's templates by their ids."""
        return await self._read(lambda reader: self._templates.names(reader, user_id))

    async def templates(self, wanted: TemplateFilter) -> Listed[Template, TemplatesEnd]:
        """See `Store`."""
        return await self._read(lambda reader: self._templates.page(reader, wanted), wanted.user_id)

    async def active(self, wanted: ActiveFilter) -> ActivePage:
        """See `Store`."""
        return await self._page(lambda reader: self._dashboards.page(reader, wanted), wanted)

    async def active_since(self, wanted: ActiveFilter, cursor: int) -> ActivePage:
        """See `Store`."""
        return await self._page(lambda reader: self._dashboards.since(reader, wanted, cursor), wanted)

    async def _page(self, ask: Callable[[Reader], Awaitable[ActivePage]], wanted: ActiveFilter) -> ActivePage:
        pending = self._memory.heard.pending
        page = await self._read(ask, wanted.user_id or _EVERYBODY)
        self._overlay(page.rows, pending)
        return page

    async def newly_stalled(
        self, wanted: ActiveFilter, *, after: str, until: str, limit: int
    ) -> Sequence[dict[str, Any]]:
        """See `Store`."""
        pending = self._memory.heard.pending
        rows = await self._read(
            lambda reader: self._dashboards.newly_stalled(reader, wanted, after=after, until=until, limit=limit),
            wanted.user_id or _EVERYBODY,
        )
        self._overlay(rows, pending)
        return [row for row in rows if last_report(row["updated_at"], row["heard_at"]) <= until]

    async def oldest_report(self, wanted: ActiveFilter, after: str) -> str | None:
        """See `Store`. A row whose newer report is not written yet is not the oldest: the next rows are asked."""
        limit = 1
        while True:
            pending = self._memory.heard.pending
            rows = await self._read(
                partial(self._dashboards.last_reports, wanted=wanted, after=after, limit=limit),
                wanted.user_id or _EVERYBODY,
            )
            first = min(
                (last_report(reported, self._memory.last_sign(None, key, pending)) for key, reported in rows),
                default=None,
            )
            if first is None or len(rows) < limit or first <= rows[-1][1]:
                return first
            limit *= 8

    async def kept_answer(self, asked: Keyed) -> KeptAnswer | None:
        """See `Store`."""
        kept = await self._kept.of(asked)
        return None if kept is None else same_request(asked, kept)

    async def kept_answers(self, asked: Sequence[Keyed]) -> Sequence[KeptAnswer]:
        """Return what is kept under the keys of some requests."""
        return await self._read(lambda reader: self._answers.kept(reader, asked))

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
        entries: dict[str, list[AuditEntry]] = {}
        for entry in batch.entries:
            entries.setdefault(entry.investigation_id, []).append(entry)
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
        await self._feed.caught_up(since)
