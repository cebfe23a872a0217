"""What the use cases ask of storage and clock."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

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

Result = TypeVar("Result")
Clock = Callable[[], datetime]


class Transaction(Protocol):
    """One use case's view of the database: what was committed, and what earlier use cases of the batch wrote.

    The methods that write only collect; they are called last, when nothing can refuse any more.
    """

    async def state(self, investigation_id: str) -> StateRecord | None:
        """Return the state, or None."""

    async def investigation(self, investigation_id: str) -> Investigation | None:
        """Return the parent row, or None."""

    def save(self, draft: Draft, entry: AuditEntry) -> None:
        """Write a new version of a state together with its entry; creates state and parent where absent."""

    def hear(self, record: StateRecord, *, revived: bool) -> None:
        """Note that the agents of a state said at `record.heard_at` that nothing is new: no version, no entry.

        Whoever watches the state is told. It is written later, together with others; at once, and told to lists too,
        when it counted as stalled and is `revived`.
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
        """Write new content of a template; what counts its use is not written."""

    def delete_template(self, template: Template) -> None:
        """Remove a template."""

    def count_use(self, template: Template) -> None:
        """Add one to the usage count of a template."""


class Store(Protocol):
    """Where states and trails live."""

    async def transact(
        self, use_case: Callable[[Transaction], Awaitable[Result]], claim: Claim | None = None
    ) -> Result:
        """Run `use_case` against the newest state and return its result once what it wrote is on disk.

        What it raises is raised here, and nothing of it is written. With a `claim` what is kept of the answer is
        written too; raises `AnsweredBeforeError` for a request that was carried out before, `IdempotencyMismatchError`
        for another one under its key.
        """

    async def kept_answer(self, asked: Keyed) -> KeptAnswer | None:
        """Return what is kept of the answer to a request, None when it was not carried out.

        Raises `IdempotencyMismatchError` when another request came under its key.
        """

    counts: StoreCounts

    async def ping(self) -> None:
        """Raise `StorageUnavailableError` unless the database answers, from the files that were opened."""

    async def try_writing(self) -> None:
        """Raise `StorageUnavailableError` when the last write failed, and a small one does still."""

    def last_accessed(self, investigation_id: str) -> str | None:
        """Return when somebody looked at the state, as far as that is not written yet."""

    def cached(self, investigation_id: str) -> StateRecord | None:
        """Return the newest committed state if it is in memory."""

    def in_memory(self, investigation_id: str) -> bool:
        """Whether `state` would answer without asking the database."""

    async def state(self, investigation_id: str) -> StateRecord | None:
        """Return the newest committed state, from memory where possible."""

    async def loaded(self, investigation_id: str) -> StateRecord | None:
        """Return the newest committed state from the database, though it may be in memory."""

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
        """Return one page of investigations, and the place up to which it is complete."""

    async def active_since(self, wanted: ActiveFilter, cursor: int) -> ActivePage:
        """Return what changed and what went after `cursor`, whatever its status; the filter's user alone counts."""

    async def quiet(self, wanted: ActiveFilter, *, after: str, until: str, limit: int) -> Sequence[dict[str, Any]]:
        """Return at most `limit` running investigations whose agents were last heard after `after`, up to `until`."""

    async def next_quiet(self, wanted: ActiveFilter, after: str) -> str | None:
        """Return when the longest silent agents of running investigations were heard, of those heard after `after`."""

    def touch(self, investigation_id: str, instant: str) -> None:
        """Note that somebody looked at the state; written later, together with others (never a wake-up)."""
