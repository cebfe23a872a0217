"""The queries of lists: which rows, in which order, and where a page begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

from pydantic import Field

Item = TypeVar("Item")
# A place in an order, in the range of the database's signed 64-bit integers.
Rank = Annotated[int, Field(ge=0, lt=2**63)]


@dataclass(frozen=True, slots=True)
class StatesEnd:
    """Where a page of states ended: the sort value and id of its last row.

    `sequence` (in the order of all changes) and `trail` (in the order of all entries) are the places at which the first
    page was read. Rows that changed since are sorted by their values at those places.
    """

    value: str
    key: str
    sequence: Rank
    trail: Rank


@dataclass(frozen=True, slots=True)
class EntriesEnd:
    """Where a page of a trail ended: the place of its last entry in the order of all entries."""

    place: Rank


@dataclass(frozen=True, slots=True)
class TemplatesEnd:
    """Which templates earlier pages showed: short digests of all their ids, because a user has few templates."""

    shown: tuple[str, ...]


End = TypeVar("End", bound=StatesEnd | EntriesEnd | TemplatesEnd)


class Listed(NamedTuple, Generic[Item, End]):
    """One page of a list.

    `unreadable` is how many of its rows were left out, `total` how many rows match, `end` where the page ended (None:
    it is the last).
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
    """An answer to a dashboard: summaries, the ids of removed rows, and `cursor`, a place in the order of all changes.

    `total` is how many rows match the filter; in an answer about changes, how many it holds. A client whose cursor is
    below `floor` needs the whole list, because an operator's edit left no change to read. `unreadable` is how many rows
    were left out. With `has_more` the remaining changes follow from `cursor` on.
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
