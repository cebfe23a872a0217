"""The store: current states from memory, everything else from the readers, all writes through the one writer."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from wizard_server.domain.record import StateRecord, last_heard
from wizard_server.domain.trail import AuditEntry, Investigation, Template
from wizard_server.errors import StorageUnavailableError, UnreadableRowError
from wizard_server.storage.batch import Batch
from wizard_server.storage.cache import StateCache
from wizard_server.storage.groupcommit import GroupCommit
from wizard_server.storage.kept_answers import KeptAnswers
from wizard_server.storage.sqlite.connection import Connection, connect, is_in_memory
from wizard_server.storage.sqlite.file_watch import FileWatch
from wizard_server.storage.sqlite.files import DatabaseFiles, FilesLostError
from wizard_server.storage.sqlite.readers import ReaderPool
from wizard_server.storage.sqlite.wal import LogKeeper
from wizard_server.storage.sqlite.write_health import WriteHealth
from wizard_server.storage.statements.batches import Repository, chunks
from wizard_server.storage.statements.dashboards import ActiveRepository
from wizard_server.storage.touches import Touches, newest
from wizard_server.storage.unreadable import UnreadableRows

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
_CHUNK = 500
# Whose share of the readers it costs to read what belongs to everybody; no user is called so.
_EVERYBODY = "every body"


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Where the database is and how much of the machine the store may use; `pool_timeout` in seconds."""

    path: str
    pool_size: int
    max_overflow: int
    pool_timeout: float
    echo: bool
    cache_max_bytes: int
    audit: bool = True


class StateStore:
    """A `Store` on SQLite. Make one with `open`."""

    def __init__(
        self,
        options: StoreOptions,
        writer: Connection,
        hub: Audience,
        clock: Clock,
        files: DatabaseFiles,
    ) -> None:
        unreadable = UnreadableRows()
        self._repository = Repository(unreadable=unreadable)
        self._active = ActiveRepository(unreadable=unreadable)
        self._writer = writer
        self._readers = ReaderPool(
            options.path,
            size=options.pool_size,
            overflow=options.max_overflow,
            timeout=options.pool_timeout,
            echo=options.echo,
            check=files.check,
        )
        self._files = files
        self._file_watch = FileWatch(files, writer, self._forget, self._readers.pause)
        self._log_keeper = LogKeeper(files, writer, self._readers.pause)
        self._publish = hub.publish
        self._watched = hub.watched
        self._refresh = hub.refresh
        self._clock = clock
        self._cache = StateCache(options.cache_max_bytes)
        self._loads: dict[str, asyncio.Task[StateRecord | None]] = {}
        self._kept = KeptAnswers(self._kept_answers)
        self._touched = Touches()
        self._heard = Touches()
        self._data_version: int | None = None
        self._sequence: int | None = None
        self._read_since_notice: set[str] = set()
        self._writes = WriteHealth(lambda: self._repository.probe(writer))
        self._commits = GroupCommit(
            refresh=self.notice_external_commits,
            overtaken=self._overtaken,
            begin=lambda answered: Batch(self, self._data_version, answered),
            flush=self._flush,
            committed=self._committed,
            forget=self._forget,
        )
        self.counts = StoreCounts(self._cache, self._commits.sizes, self._commits.seconds)

    @classmethod
    async def open(cls, options: StoreOptions, *, hub: Audience, clock: Clock) -> "StateStore":
        """Open the database; `hub` hears of every commit, after it."""
        files = DatabaseFiles(options.path, in_memory=is_in_memory(options.path))
        writer = await connect(options.path, echo=options.echo)
        await writer.wait_briefly()
        await writer.limit_log()
        store = cls(options, writer, hub, clock, files)
        try:
            await store.start(audit=options.audit)
        except BaseException:
            await store.close()  # a thread that waits for statements would keep the process
            raise
        return store

    async def start(self, *, audit: bool) -> None:
        """Tell the database whether there is a trail, and begin to notice who else writes to it."""
        await self._repository.switch_audit(self._writer, enabled=audit)
        self._files.note()
        self._writer.guard(self._files.check)
        await self.notice_external_commits()

    async def close(self) -> None:
        """Commit what has queued, write what was touched, close every connection, whatever happens on the way."""
        try:
            await self._commits.close()
            await self.flush_touched()
            await asyncio.gather(*self._loads.values(), return_exceptions=True)
            await self._kept.close()
        finally:
            try:
                await self._readers.close()
            finally:
                await self._close_writer()

    async def _close_writer(self) -> None:
        if self._files.is_shared_with_strangers:
            logger.error("another process uses the database with a log of its own: ours is left as it is")
            self._writer.leave_open()
        else:
            await self._writer.close()

    # --- reading

    def cached(self, investigation_id: str) -> StateRecord | None:
        """Return the newest committed state if it is in memory."""
        return self._cache.get(investigation_id)

    def in_memory(self, investigation_id: str) -> bool:
        """See `Store`."""
        return investigation_id in self._cache

    async def state(self, investigation_id: str) -> StateRecord | None:
        """See `Store`."""
        return self.cached(investigation_id) or await self.loaded(investigation_id)

    async def loaded(self, investigation_id: str) -> StateRecord | None:
        """See `Store`; it is read once for all who ask at the same time, and what a commit overtakes is not kept."""
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
        pending = self._heard.pending
        record = await self._read(lambda reader: self._repository.state(reader, investigation_id))
        return record and replace(record, heard_at=self._last_sign(record.heard_at, investigation_id, pending))

    def _last_sign(self, written: str | None, investigation_id: str, pending: Mapping[str, str]) -> str | None:
        """Return when agents last said that nothing is new: as the row says, or newer; see `Touches.pending`."""
        return newest(written, pending.get(investigation_id), self._heard.pending.get(investigation_id))

    def _loaded(self, investigation_id: str, load: asyncio.Task[StateRecord | None]) -> None:
        record = None if load.cancelled() or load.exception() is not None else load.result()
        if self._loads.get(investigation_id) is load:
            del self._loads[investigation_id]
            # What is in memory knows more than the row of its version, and has its renderings.
            if record is not None and not self._cache.holds(record):
                self._cache.put(record)
                self._read_since_notice.add(investigation_id)

    async def _read(self, ask: Callable[[Connection], Awaitable[Result]], owner: str | None = None) -> Result:
        """Lend a reader for what `ask` reads of `owner`'s: a list, a trail; None for single rows, which are soon read.

        Were a row read at its owner's cost, a stranger could tell by the time it takes that the owner is at work, and
        what a commit reads would wait for the owner's lists.
        """
        asked = perf_counter()
        async with self._readers.acquire(owner) as reader:
            self.counts.reader_waits.observe(perf_counter() - asked)
            self.counts.readers_in_use += 1
            try:
                return await ask(reader)
            finally:
                self.counts.readers_in_use -= 1

    async def investigation(self, investigation_id: str) -> Investigation | None:
        """See `Store`."""
        return await self._read(lambda reader: self._repository.investigation(reader, investigation_id))

    async def states(self, wanted: StateFilter) -> Listed[dict[str, Any], StatesEnd]:
        """See `Store`."""
        pending = self._heard.pending
        page = await self._read(lambda reader: self._repository.states(reader, wanted), wanted.user_id)
        self._overlay(page.items, pending)
        return page

    def _overlay(self, rows: Sequence[dict[str, Any]], pending: Mapping[str, str]) -> None:
        """Put into `rows` what is noted and not written yet; `pending` is from before they were read."""
        for row in rows:
            key = row["investigation_id"]
            row["last_accessed"] = self.last_accessed(key) or row["last_accessed"]
            row["heard_at"] = self._last_sign(row["heard_at"], key, pending)

    def last_accessed(self, investigation_id: str) -> str | None:
        """See `Store`."""
        return self._touched.pending.get(investigation_id)

    async def history(self, wanted: HistoryFilter) -> Listed[AuditEntry, EntriesEnd]:
        """See `Store`."""
        return await self._read(
            lambda reader: self._repository.history(reader, wanted), self._cache.owner(wanted.investigation_id)
        )

    async def trail(self, investigation_id: str, *, down_to: int, limit: int, below: int) -> Sequence[AuditEntry]:
        """See `Store`."""
        return await self._read(
            lambda reader: self._repository.trail(reader, investigation_id, down_to=down_to, below=below, limit=limit),
            self._cache.owner(investigation_id),
        )

    async def entries_after(self, investigation_id: str, version: int, limit: int) -> Sequence[AuditEntry]:
        """See `Store`."""
        return await self._read(
            lambda reader: self._repository.entries_after(reader, investigation_id, version, limit),
            self._cache.owner(investigation_id),
        )

    async def template(self, template_id: str) -> Template | None:
        """See `Store`."""
        return await self._read(lambda reader: self._repository.template(reader, template_id))

    async def template_names(self, user_id: str) -> dict[str, str]:
        """Return the names of a user's templates by their ids."""
        return await self._read(lambda reader: self._repository.template_names(reader, user_id))

    async def templates(self, wanted: TemplateFilter) -> Listed[Template, TemplatesEnd]:
        """See `Store`."""
        return await self._read(lambda reader: self._repository.templates(reader, wanted), wanted.user_id)

    async def active(self, wanted: ActiveFilter) -> ActivePage:
        """See `Store`."""
        return await self._page(lambda reader: self._active.page(reader, wanted), wanted)

    async def active_since(self, wanted: ActiveFilter, cursor: int) -> ActivePage:
        """See `Store`."""
        return await self._page(lambda reader: self._active.since(reader, wanted, cursor), wanted)

    async def _page(self, ask: Callable[[Connection], Awaitable[ActivePage]], wanted: ActiveFilter) -> ActivePage:
        pending = self._heard.pending
        page = await self._read(ask, wanted.user_id or _EVERYBODY)
        self._overlay(page.rows, pending)
        return page

    async def quiet(self, wanted: ActiveFilter, *, after: str, until: str, limit: int) -> Sequence[dict[str, Any]]:
        """See `Store`."""
        pending = self._heard.pending
        rows = await self._read(
            lambda reader: self._active.quiet(reader, wanted, after=after, until=until, limit=limit),
            wanted.user_id or _EVERYBODY,
        )
        self._overlay(rows, pending)
        return [row for row in rows if last_heard(row["updated_at"], row["heard_at"]) <= until]

    async def next_quiet(self, wanted: ActiveFilter, after: str) -> str | None:
        """See `Store`; those that were heard of since they were written may not be the first that were found."""
        limit = 1
        while True:
            pending = self._heard.pending
            rows = await self._read(
                partial(self._active.silent, wanted=wanted, after=after, limit=limit), wanted.user_id or _EVERYBODY
            )
            first = min((last_heard(heard, self._last_sign(None, key, pending)) for key, heard in rows), default=None)
            if first is None or len(rows) < limit or first <= rows[-1][1]:
                return first
            limit *= 8

    async def kept_answer(self, asked: Keyed) -> KeptAnswer | None:
        """See `Store`."""
        kept = await self._kept.of(asked)
        return None if kept is None else same_request(asked, kept)

    async def _kept_answers(self, asked: Sequence[Keyed]) -> Sequence[KeptAnswer]:
        return await self._read(lambda reader: self._repository.kept_answers(reader, asked))

    async def ping(self) -> None:
        """See `Store`."""
        await self._file_watch.look()
        await self._read(self._repository.ping)

    async def try_writing(self) -> None:
        """See `Store`."""
        await self._writes.check()

    # --- writing

    async def transact(
        self, use_case: Callable[[Transaction], Awaitable[Result]], claim: Claim | None = None
    ) -> Result:
        """See `Store`."""
        return await self._commits.submit(use_case, claim)

    async def _flush(self, batch: Batch, may_wait: Callable[[], bool]) -> None:
        await self._writes.written(self._repository.write(self._writer, batch, may_wait))

    async def _overtaken(self, batch: Batch) -> bool:
        await self.notice_external_commits()
        return self._data_version != batch.data_version

    def _committed(self, batch: Batch) -> None:
        self.counts.versions += sum(entry.version is not None for entry in batch.entries)
        entries: dict[str, list[AuditEntry]] = {}
        for entry in batch.entries:
            entries.setdefault(entry.investigation_id, []).append(entry)
        heads = list(batch.heads())
        for key, _, record in heads:
            self._loads.pop(key, None)
            if record is None:
                self._cache.drop(key)
                self._touched.drop(key)
                self._heard.drop(key)
            else:
                self._cache.put(record)
        self._check_sequence(batch, written=bool(heads or batch.revived))
        for key, owner, record in heads:
            told = entries[key]
            instant = datetime.fromisoformat(told[-1].timestamp)
            self._publish(StateEvent(key, record, told, owner, batch.sequence, instant))
        for key, record in batch.heard_only().items():
            self._loads.pop(key, None)
            self._cache.put(record)
            is_placed = key in batch.revived
            if not is_placed:
                self._heard.note(key, record.heard_at or "")
            sequence = batch.sequence if is_placed else 0
            self._publish(StateEvent(key, record, (), record.user_id, sequence, self._clock()))

    def _check_sequence(self, batch: Batch, *, written: bool) -> None:
        """Have dashboards look again when another process took a place in the order just before this commit."""
        if not written:
            return
        if self._sequence not in (None, batch.sequence_before):
            self._refresh()
        self._sequence = batch.sequence

    def _forget(self) -> None:
        self._loads.clear()
        self._cache.clear()

    # --- what happens beside the requests

    def touch(self, investigation_id: str, instant: str) -> None:
        """See `Store`."""
        self._touched.note(investigation_id, instant)

    async def flush_touched(self) -> None:
        """Write what was noted since the last time; what cannot be written now is kept for the next time."""
        touched, heard = dict(self._touched.pending), dict(self._heard.pending)
        if not touched and not heard:
            return
        try:
            await self._writes.written(self._repository.touch(self._writer, touched, heard))
        except (StorageUnavailableError, sqlite3.Error) as error:
            logger.warning("last_accessed not written", extra={"reason": str(error), "states": len(touched)})
        else:
            self._touched.written(touched)
            self._heard.written(heard)

    async def forget_answers(self) -> None:
        """Remove the answers that were kept for a day, a few at a time: whoever writes is let in between."""
        expired = expired_before(self._clock())
        while await self._repository.forget_answers(self._writer, expired):
            pass

    async def look_around(self) -> None:
        """See whether the files are there, keep the log short, and notice what other processes have committed.

        The watch has told of a loss.
        """
        with contextlib.suppress(FilesLostError):
            await self._file_watch.look()
            await self._log_keeper.look()
            self.counts.log_bytes = self._log_keeper.bytes
            await self.notice_external_commits()

    async def notice_external_commits(self) -> bool:
        """Look whether another process has committed; if so, forget what is in memory and wake who is concerned."""
        self._files.check()
        seen = await self._repository.data_version(self._writer)
        changed = self._data_version is not None and seen != self._data_version
        if changed:
            logger.info("another process has written to the database")
            self.counts.external_commits += 1
            # A version that came in by a read has been told to nobody.
            versions = self._cache.versions()
            known = {key: versions[key] for key in versions.keys() - self._read_since_notice}
            self._forget()
            await self._publish_changed(known)
        self._data_version = seen
        self._read_since_notice.clear()
        return changed

    async def _publish_changed(self, known: Mapping[str, tuple[int, str | None]]) -> None:
        for keys in chunks(list(self._watched()), _CHUNK):
            versions = await self._read(partial(self._repository.versions, investigation_ids=keys))
            for key in keys:
                if _is_news(versions.get(key), known.get(key)):
                    read = await self._state_to_tell(key)
                    record = self._cache.get(key) or read  # a commit may have overtaken the reading
                    owner = record.user_id if record else None
                    self._publish(StateEvent(key, record, (), owner, 0, self._clock()))
        self._refresh()

    async def _state_to_tell(self, investigation_id: str) -> StateRecord | None:
        """Return the state; None also for one that cannot be read: who watches it asks, and is told so."""
        try:
            return await self.state(investigation_id)
        except UnreadableRowError:
            return None


def _is_news(found: tuple[int, str | None] | None, known: tuple[int, str | None] | None) -> bool:
    """Whether a row (its version, when its agents were heard; None: there is none) says what is not in memory."""
    if found is None or known is None:
        return True
    return found[0] != known[0] or (found[1] or "") > (known[1] or "")
