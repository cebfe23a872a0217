"""When a wait is satisfied, and which interval to recommend (contract 5)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wizard_server.domain.clock import wire_before
from wizard_server.domain.models.enumerations import InvestigationStatus, WizardStep
from wizard_server.domain.record import StateRecord

IDLE_AFTER = timedelta(minutes=5)
# (share of the waiter limit in use, factor of the recommended intervals). The steps are few, because each needs a
# prepared answer of its own when many waiters wake together.
_GROWTH = ((1.0, 4.0), (0.75, 2.0), (0.5, 1.5))
_GROWS_FROM = 0.5


@dataclass(frozen=True, slots=True)
class Until:
    """A condition ``until=<field>:<value>,<value>``."""

    field: str
    values: frozenset[str]

    def holds(self, record: StateRecord) -> bool:
        """Whether `record` has one of the values waited for."""
        return getattr(record, self.field) in self.values


@dataclass(frozen=True, slots=True)
class Wait:
    """The versions that a client has, and the condition that it waits for.

    `known` are the versions that the client has (several where its header names several), None when it has none.
    `anything` is ``If-None-Match: *``: the version that is current on arrival counts as known.
    `watch` are the top-level fields whose changes count; empty means all.
    """

    known: frozenset[int] | None = None
    anything: bool = False
    watch: tuple[str, ...] = ()
    until: Until | None = None

    def arriving_at(self, record: StateRecord) -> "Wait":
        """Return the wait with ``*`` resolved to the version that is current on arrival."""
        return replace(self, known=frozenset({record.version}), anything=False) if self.anything else self

    @property
    def newest(self) -> int:
        """The newest version that the client has, 0 when it has none."""
        return max(self.known or (), default=0)

    def is_reset(self, record: StateRecord) -> bool:
        """Whether the client is ahead of the server, because a backup was restored."""
        return self.newest > record.version and record.version not in (self.known or ())

    def has_changes(self, record: StateRecord) -> bool:
        """Whether `record` has changes that the client does not have."""
        if not self.known:
            return True
        if record.version in self.known:
            return False
        if not self.watch or self.is_reset(record):
            return True
        base = max(self.known)
        return any(record.field_versions[field] > base for field in self.watch)

    def satisfied(self, record: StateRecord) -> bool:
        """Whether the wait is over with `record`."""
        if self.until is not None:
            return self.until.holds(record) or self.is_reset(record)
        return self.has_changes(record)


@dataclass(frozen=True, slots=True)
class Intervals:
    """The three recommended intervals, in milliseconds."""

    fast_ms: int
    normal_ms: int
    slow_ms: int

    def under(self, load: float) -> "Intervals":
        """Return the intervals grown for `load`, the share of the waiter limit in use."""
        if load < _GROWS_FROM:
            return self
        factor = next(factor for share, factor in _GROWTH if load >= share)
        return Intervals(round(self.fast_ms * factor), round(self.normal_ms * factor), round(self.slow_ms * factor))

    def recommend(self, record: StateRecord, now: datetime) -> int:
        """Return the milliseconds until the next poll: fast while agents work, slow when terminal or idle."""
        if record.status != InvestigationStatus.IN_PROGRESS or record.updated_at < wire_before(now, IDLE_AFTER):
            return self.slow_ms
        return self.fast_ms if record.wizard_step == WizardStep.PROGRESS else self.normal_ms
