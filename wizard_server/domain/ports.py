"""What the use cases ask of storage and clock."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Generic, NamedTuple, Protocol, TypeVar

from pydantic import Field

from wizard_server.domain.changes import Parts
from wizard_server.domain.keyed import Claim, KeptAnswer, Keyed
from wizard_server.domain.state import Draft, StateRecord

Result = TypeVar("Result")
Item = TypeVar("Item")
# A place in an order, as the database counts: 64 bits with a sign.
Rank = Annotated[int, Field(ge=0, lt=2**63)]
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the trail; `version` is None for an entry that is no version of the state.

    The parts are None on the side where no state exists (before creation, after deletion). `renderings` holds what
    clients get of it, each form made once for all who follow; `is_partial` says that the parts were left out, for an
    answer has bounds.
    """

    entry_id: str
    investigation_id: str
    user_id: str
    action_type: str
    parts: Parts
    source: str
    timestamp: str
    version: int | None
    mutation_id: str | None
    renderings: dict[str, bytes] = field(default_factory=dict, compare=False)
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Investigation:
    """The parent row: who owns it (None: nobody yet) and the newest version it ever had (0: none).

    `purged_at` says when retention removed its state and trail, None when it did not.
    """

    investigation_id: str
    user_id: str | None
    newest_version: int
    purged_at: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A user's settings under a name; `usage_count` says how often it was applied."""

    template_id: str
    user_id: str
    name: str
    description: str | None
    settings: dict[str, Any]
    usage_count: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class StatesEnd:
    """Where a page of states ended: the sort value and id of its last row.

    `sequence` is the place in the order of all changes, and `trail` the one in the order of all entries, at which the
    list was first asked for: what changed since is placed where it stood then.
    """

    value: str
    key: str
    sequence: Rank
    trail: Rank


@dataclass(frozen=True, slots=True)
class EntriesEnd:
    """Where a page of a trail ended: the place of its last entry in the order of all."""

    place: Rank


@dataclass(frozen=True, slots=True)
class TemplatesEnd:
    """Which templates have been on a page: short digests of their ids, for a user has few."""

    shown: tuple[str, ...]


End = TypeVar("End", bound=StatesEnd | EntriesEnd | TemplatesEnd)


class Listed(NamedTuple, Generic[Item, End]):
    """One page of a list; `unreadable` of its rows were left out, `total` counts all that match.

    `end` is where it ended, None where nothing follows.
    """

    items: list[Item]
    unreadable: int
    total: int
    end: End | None


@dataclass(frozen=True, slots=True)
class StateFilter:
    """Which of a user's states to list, in which order; None and empty mean no restriction."""

    user_id: str
    status: tuple[str, ...]
    wizard_step: tuple[str, ...]
    name_contains: str | None
    updated_since: str | None
    sort: str
    limit: int
    offset: int = 0
    after: StatesEnd | None = None


@dataclass(frozen=True, slots=True)
class TemplateFilter:
    """Which of a user's templates to list, in which order."""

    user_id: str
    contains: str | None
    sort: str
    limit: int
    offset: int = 0
    after: TemplatesEnd | None = None


@dataclass(frozen=True, slots=True)
class ActiveFilter:
    """Which investigations a dashboard shows: of `user_id`, or of everybody (None); empty means no restriction."""

    user_id: str | None
    status: tuple[str, ...]
    wizard_step: tuple[str, ...]
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class ActivePage:
    """What a dashboard is told: summaries, the ids that are gone, and the place in the order of all changes.

    `total` counts what matches the filter; in an answer about changes, what it holds. Who has a cursor below `floor`
    needs the whole list: something was done by hand that no change tells. `unreadable` rows were left out. `has_more`
    says that more changed than fits: ask again from `cursor`.
    """

    rows: Sequence[dict[str, Any]]
    removed: Sequence[str]
    total: int
    cursor: int
    floor: int = 0
    unreadable: int = 0
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which entries of one trail to list, newest first; instants are wire timestamps, both ends included."""

    investigation_id: str
    action_type: tuple[str, ...]
    source: tuple[str, ...]
    since: str | None
    until: str | None
    limit: int
    offset: int = 0
    after: EntriesEnd | None = None


@dataclass(frozen=True, slots=True)
class StateEvent:
    """What a commit did to one state: its newest version (None: deleted) and the entries of this commit, in order.

    `owner` is whose state it is (None: not known), `sequence` its place in the order of all changes, `instant` when it
    was told; `renderings` lets everybody who is woken by it share one encoding of the answer.
    """

    investigation_id: str
    record: StateRecord | None
    entries: Sequence[AuditEntry]
    owner: str | None
    sequence: int
    instant: datetime
    renderings: dict[Hashable, Any] = field(default_factory=dict)


class Audience(Protocol):
    """Who hears of commits."""

    def publish(self, event: StateEvent) -> None:
        """Tell everybody whom a commit concerns; called after it."""

    def watched(self) -> Iterable[str]:
        """Return the investigations that somebody waits for."""

    def refresh(self) -> None:
        """Say that anything may have changed, so that whoever shows lists reads them again."""


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
