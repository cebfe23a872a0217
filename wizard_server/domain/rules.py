"""The configured rules of the use cases: limits, the tool catalogue, when a state is stale and when it is stalled."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wizard_server.domain.clock import wire_before
from wizard_server.domain.models.enumerations import InvestigationStatus, WizardStep
from wizard_server.domain.record import StateRecord, last_report
from wizard_server.domain.tools import ToolCatalogue
from wizard_server.domain.validation import validate_investigation_settings
from wizard_server.errors import FieldError, StateExpiredError


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits and switches; with `recovery` off, a stale state is refused until it is reset."""

    max_size_kb: int
    max_nodes: int
    require_precondition: bool
    stale_after: timedelta
    stalled_after: timedelta
    recovery: bool
    max_templates: int
    catalogue: ToolCatalogue | None

    def tool_errors(self, settings: Mapping[str, Any] | None, path: str = "settings") -> Sequence[FieldError]:
        """Return the catalogue's errors for the tools of `settings`, which stand at `path` in the request."""
        return self.catalogue.errors(settings, path) if self.catalogue and settings else []

    def hindrances(self, settings: Mapping[str, Any] | None) -> Sequence[FieldError]:
        """Return what keeps an investigation with `settings` from starting."""
        return [*validate_investigation_settings(settings), *self.tool_errors(settings)]

    def is_stale(self, updated_at: str, now: datetime) -> bool:
        """Whether a state that last changed at `updated_at` (wire form) has been unchanged for `stale_after`."""
        return updated_at < wire_before(now, self.stale_after)

    def is_stalled(self, wizard_step: str, status: str, reported: str, now: datetime) -> bool:
        """Whether an investigation runs and its last report, at `reported` (see `last_report`), is too old."""
        return _runs(wizard_step, status) and reported <= wire_before(now, self.stalled_after)

    def has_stalled(self, record: StateRecord, now: datetime) -> bool:
        """Whether `record` is stalled; see `is_stalled`."""
        return self.is_stalled(record.wizard_step, record.status, record.last_report, now)

    def marks(self, record: StateRecord, now: datetime) -> dict[str, bool]:
        """Return ``stale`` and ``stalled``, those that are true; they depend on the time, not on the version."""
        marks = {}
        if self.is_stale(record.updated_at, now):
            marks["stale"] = True
        if self.has_stalled(record, now):
            marks["stalled"] = True
        return marks

    def shown(self, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Return a row of a list as clients get it, with both marks of its state."""
        reported = last_report(row["updated_at"], row["heard_at"])
        stalled = self.is_stalled(row["wizard_step"], row["status"], reported, now)
        marks = {"stale": self.is_stale(row["updated_at"], now), "stalled": stalled}
        return {name: value for name, value in row.items() if name != "heard_at"} | marks

    def until_stalled(self, reported: str, now: datetime) -> float:
        """Return the seconds until a running investigation whose last report came at `reported` becomes stalled."""
        age = now - datetime.fromisoformat(reported)  # not reported + stalled_after, which may lie beyond the year 9999
        return max((self.stalled_after - age).total_seconds(), 0.001)

    def stalls_in(self, record: StateRecord, now: datetime) -> float:
        """Return the seconds until `record` becomes stalled; infinity when it is already, or is not running."""
        if not is_running(record) or record.last_report <= wire_before(now, self.stalled_after):
            return math.inf
        return self.until_stalled(record.last_report, now)

    def check_recoverable(self, record: StateRecord, now: datetime) -> None:
        """Raise `StateExpiredError` for a stale state while `recovery` is off."""
        if not self.recovery and self.is_stale(record.updated_at, now):
            raise StateExpiredError(
                f"{record.investigation_id} has not changed since {record.updated_at};"
                f" state recovery is off, so reset it: wizard_step SETTINGS"
            )


def is_running(record: StateRecord) -> bool:
    """Whether agents are expected to report on `record`."""
    return _runs(record.wizard_step, record.status)


def _runs(wizard_step: str, status: str) -> bool:
    return wizard_step == WizardStep.PROGRESS and status == InvestigationStatus.IN_PROGRESS
