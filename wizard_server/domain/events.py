"""What is told of a commit, and to whom."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from wizard_server.domain.record import StateRecord
from wizard_server.domain.trail import AuditEntry


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
