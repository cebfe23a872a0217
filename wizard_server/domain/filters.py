"""What is asked of lists: which rows, in which order, and where a page begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from pydantic import Field

Item = TypeVar("Item")


# A place in an order, as the database counts: 64 bits with a sign.
Rank = Annotated[int, Field(ge=0, lt=2**63)]


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
