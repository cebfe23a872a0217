"""The event that a commit publishes, and the protocol of what receives it."""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from wizard_server.domain.record import StateRecord
from wizard_server.domain.trail import AuditEntry


@dataclass(frozen=True, slots=True)
class StateEvent:
    """What a commit did to one state: its newest version (None: deleted) and the entries of this commit, in order.

    `owner` is the state's user (None: not known), `sequence` its place in the order of all changes, `instant` when the
    event was published. All waiters that the event wakes share the encoded answers in `renderings`.
    """

    investigation_id: str
    record: StateRecord | None
    entries: Sequence[AuditEntry]
    owner: str | None
    sequence: int
    instant: datetime
    renderings: dict[Hashable, Any] = field(default_factory=dict)


class Audience(Protocol):
    """What receives the events of commits: the hub."""

    def publish(self, event: StateEvent) -> None:
        """Wake every waiter that the event concerns; called after the commit."""

    @property
    def has_waiters(self) -> bool:
        """Whether anybody waits, for a state or for a list."""

    def watched(self) -> Collection[str]:
        """Return the ids of the investigations that have waiters."""

    def refresh(self, owners: Collection[str | None] | None = None) -> None:
        """Make the dashboards of `owners` read their lists again; None: every dashboard."""
