"""What is read of the store: current states from memory, everything else through the readers of the engine."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

from wizard_server.counts import StoreCounts
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
from wizard_server.domain.keyed import KeptAnswer, Keyed, same_request
from wizard_server.domain.record import Stamp, StateRecord, last_report
from wizard_server.domain.trail import AuditEntry, Investigation, Template
from wizard_server.storage.engine import Engine, Reader
from wizard_server.storage.kept_answers import KeptAnswers
from wizard_server.storage.memory import Memory
from wizard_server.storage.options import StoreOptions
from wizard_server.storage.statements.answers import Answers
from wizard_server.storage.statements.dashboards import Dashboards
from wizard_server.storage.statements.states import States
from wizard_server.storage.statements.templates import Templates
from wizard_server.storage.statements.trail import Trail
from wizard_server.storage.unreadable import UnreadableRows

Result = TypeVar("Result")
# Whose share of the readers it costs to read what belongs to everybody; no user is called so.
_EVERYBODY = "every body"


class StoreReads:
    """The half of a `Store` that reads."""

    def __init__(self, engine: Engine, options: StoreOptions) -> None:
        unreadable = UnreadableRows()
        self.engine = engine
        self._states = States(engine.dialect, unreadable)
        self._trail = Trail(engine.dialect, unreadable, options.largest_part)
        self._templates = Templates(engine.dialect, unreadable)
        self._dashboards = Dashboards(engine.dialect, unreadable)
        self._answers = Answers(engine.dialect, unreadable)
        self._unreadable = unreadable
        self._memory = Memory(options.cache_max_bytes, self._read_state)
        self._kept = KeptAnswers(self.kept_answers)
        self.counts = StoreCounts(self._memory.cache)

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
