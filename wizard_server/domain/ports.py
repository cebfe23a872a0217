"""The protocols of storage and clock that the use cases depend on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

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
from wizard_server.domain.keyed import Claim, KeptAnswer, Keyed
from wizard_server.domain.record import Draft, StateRecord
from wizard_server.domain.trail import AuditEntry, Investigation, Template

if TYPE_CHECKING:
    import asyncio

Result = TypeVar("Result")
Clock = Callable[[], datetime]


class Transaction(Protocol):
    """One use case's view of the database: committed rows, and what earlier use cases of the batch wrote.

    The writing methods only collect rows; a use case calls them last, when nothing can refuse it any more.
    """

    async def state(self, investigation_id: str) -> StateRecord | None:
        """Return the state, or None."""

    async def investigation(self, investigation_id: str) -> Investigation | None:
        """Return the parent row, or None."""

    def save(self, draft: Draft, entry: AuditEntry) -> None:
        """Write a new version of a state together with its entry; creates state and parent where absent."""

    def hear(self, record: StateRecord, *, revived: bool) -> None:
        """Note that the agents of a state reported without news at `record.heard_at`: no version, no entry.

        An event about the state is published. `heard_at` is written later, together with others; at once, with an
        event for lists too, when the state was stalled and is `revived`.
        """

    def delete(self, record: StateRecord, entry: AuditEntry) -> None:
        """Remove a state; its trail, with this last entry, stays."""

    def append(self, entry: AuditEntry) -> None:
        """Write an entry that is no version."""

    async def template(self, template_id: str) -> Template | None:
        """Return a template, or None."""

    async def template_names(self, user_id: str) -> Mapping[str, str]:
        """Return the names of a user's templates by their ids."""

    def add_template(self, template: Template) -> None:
        """Write a new template."""

    def save_template(self, template: Template) -> None:
        """Write new content of a template; its usage count is not written."""

    def delete_template(self, template: Template) -> None:
        """Remove a template."""

    def count_use(self, template: Template) -> None:
        """Add one to the usage count of a template."""


class Store(Protocol):
    """Stores states, trails and templates."""

    async def transact(
        self, use_case: Callable[[Transaction], Awaitable[Result]], claim: Claim | None = None
    ) -> Result:
        """Run `use_case` against the newest state and return its result once what it wrote is on disk.

        An error of the use case is raised here, and nothing of it is written. With a `claim` the answer is stored in
        the same transaction; raises `AnsweredBeforeError` when the request was carried out before,
        `IdempotencyMismatchError` when its key was used for another request.
        """

    async def kept_answer(self, asked: Keyed) -> KeptAnswer | None:
        """Return the stored answer to a request, None when it was not carried out.

        Raises `IdempotencyMismatchError` when its key was used for another request.
        """

    counts: StoreCounts

    @property
    def is_shared(self) -> bool:
        """Whether other nodes write too: then an answer rests on `caught_up`, not on memory alone."""

    async def ping(self) -> None:
        """Raise `StorageUnavailableError` unless the database that was opened answers."""

    async def try_writing(self) -> None:
        """Raise `StorageUnavailableError` when the last write failed and a small one still fails."""

    async def caught_up(self, since: float | None = None) -> None:
        """Return once memory has everything that was committed, by whomever, before `since`.

        `since` is by the event loop's clock; None is now. All who wait at the same time share one look at the database.
        Raises `StorageUnavailableError`.
        """

    def next_look(self) -> "asyncio.Future[bool]":
        """Return the look after which `caught_up` would return, for one who waits in no task; its error is that."""

    def last_accessed(self, investigation_id: str) -> str | None:
        """Return the pending `last_accessed` of the state, None when there is none to write."""

    def cached(self, investigation_id: str) -> StateRecord | None:
        """Return the newest committed state if it is in memory, else None."""

    def in_memory(self, investigation_id: str) -> bool:
        """Whether `state` would answer without a query."""

    async def state(self, investigation_id: str) -> StateRecord | None:
        """Return the newest committed state, from memory where possible."""

    async def loaded(self, investigation_id: str) -> StateRecord | None:
        """Return the newest committed state from the database, even where it is in memory."""

    async def investigation(self, investigation_id: str) -> Investigation | None:
        """Return the parent row, or None."""

    async def states(self, wanted: StateFilter) -> Listed[dict[str, Any], StatesEnd]:
        """Return one page of summaries."""

    async def history(self, wanted: HistoryFilter) -> Listed[AuditEntry, EntriesEnd]:
        """Return one page of entries."""

    async def trail(self, investigation_id: str, *, down_to: int, limit: int, below: int) -> Sequence[AuditEntry]:
        """Return at most `limit` entries that are versions above `down_to` and below `below`, newest first."""

    async def entries_after(self, investigation_id: str, version: int, limit: int) -> Sequence[AuditEntry]:
        """Return at most `limit` entries that are versions above `version`, oldest first."""

    async def template(self, template_id: str) -> Template | None:
        """Return a template, or None."""

    async def templates(self, wanted: TemplateFilter) -> Listed[Template, TemplatesEnd]:
        """Return one page of a user's templates."""

    async def active(self, wanted: ActiveFilter) -> ActivePage:
        """Return one page of a dashboard; its cursor is the place up to which it is complete."""

    async def active_since(self, wanted: ActiveFilter, cursor: int) -> ActivePage:
        """Return what changed and what was removed after `cursor`; of the filter only the user counts."""

    async def newly_stalled(
        self, wanted: ActiveFilter, *, after: str, until: str, limit: int
    ) -> Sequence[dict[str, Any]]:
        """Return at most `limit` running investigations whose last report came after `after` and up to `until`."""

    async def oldest_report(self, wanted: ActiveFilter, after: str) -> str | None:
        """Return the oldest last report of running investigations among those that came after `after`."""

    def touch(self, investigation_id: str, instant: str) -> None:
        """Note that the state was read at `instant`; written later, together with others, and never published."""
