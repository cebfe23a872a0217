"""Merges agents' reports into the progress of a state (contract 4, ``POST .../progress``).

The state keeps the newest lines of each log; older ones stay in the audit trail, and ``logs_dropped`` counts them. This
module limits the number of lines, `log_lines` their size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, ValidationError

from wizard_server.domain.field_types import Items, Percentage, Schema, Timestamp
from wizard_server.domain.models.enumerations import InvestigationStatus, WizardStep
from wizard_server.domain.models.progress import AgentStatus, InvestigationProgress, PhaseStatus
from wizard_server.domain.models.results import InvestigationResults
from wizard_server.domain.record import Document

_RUNNING = "running"
_REPORTED = ("overall_progress", "current_phase", "started_at", "phases", "agents", "logs")


class PhaseReport(Schema):
    """What an agent says of one phase; what it leaves out stays."""

    phase_name: str = Field(description="Phase identifier")
    status: Literal["pending", "running", "completed", "error"] | None = None
    progress: Percentage | None = None
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None


class AgentReport(Schema):
    """What an agent says of itself; `logs` are further lines."""

    agent_name: str = Field(description="Agent identifier")
    status: str | None = None
    progress: Percentage | None = None
    logs: Items[str] = Field(default_factory=list, description="Lines to append")


class ProgressReport(Schema):
    """The body of ``POST /wizard-state/{id}/progress``: merged into the progress, never replacing it (contract 4).

    Numbers and texts are set, `phases` merged by `phase_name`, `agents` by `agent_name`, `logs` appended. With
    `finish` the investigation is COMPLETED (or the `status` given) and goes to RESULTS, in the same change.
    """

    overall_progress: Percentage | None = None
    current_phase: str | None = None
    phases: Items[PhaseReport] = Field(default_factory=list)
    agents: Items[AgentReport] = Field(default_factory=list)
    logs: Items[str] = Field(default_factory=list, description="Lines to append")
    started_at: Timestamp | None = None
    finish: bool = Field(default=False, description="Complete the investigation and show its results")
    results: InvestigationResults | None = Field(None, description="The results, with finish")
    status: InvestigationStatus | None = Field(None, description="New status")
    wizard_step: WizardStep | None = Field(None, description="New step")


@dataclass(frozen=True, slots=True)
class ProgressUpdate:
    """A report as an `Update` of a state; it needs no version, because it never removes anything."""

    report: ProgressReport
    max_log_lines: int
    version: None = None

    @property
    def fields(self) -> frozenset[str]:
        """See `Update`."""
        return frozenset({"progress", *self._others()})

    def requested(self, document: Document) -> dict[str, Any]:
        """See `Update`."""
        if not self._says_anything():
            return self._others()
        return {"progress": merge(document["progress"], self.report, self.max_log_lines), **self._others()}

    def _says_anything(self) -> bool:
        """Whether the report names any member of the progress."""
        return any(getattr(self.report, name) not in (None, []) for name in _REPORTED)

    def _others(self) -> dict[str, Any]:
        given = self.report.model_dump(mode="json", include={"results", "status", "wizard_step"}, exclude_none=True)
        if self.report.finish:
            finished = {"status": InvestigationStatus.COMPLETED.value, "wizard_step": WizardStep.RESULTS.value}
            return {**finished, **given}
        return given


def merge(progress: Any, report: ProgressReport, max_log_lines: int) -> dict[str, Any]:
    """Return `progress` with `report` merged in; parts that the report does not touch are the same objects.

    A stored value that does not satisfy the schema, after an edit in SQL, counts as no progress.
    """
    merged = {**(as_progress(progress) or _blank(InvestigationProgress))}
    merged.update(_given(report, {"overall_progress", "current_phase", "started_at"}))
    merged["phases"] = _merge_by(merged["phases"], report.phases, "phase_name", max_log_lines)
    merged["agents"] = _merge_by(merged["agents"], report.agents, "agent_name", max_log_lines)
    return _appended(merged, report.logs, max_log_lines)


def as_progress(progress: Any) -> dict[str, Any] | None:
    """Return `progress` with the schema's defaults filled in; None when it does not satisfy the schema."""
    try:
        found = InvestigationProgress.model_validate(progress)
    except ValidationError:
        return None
    return progress if _has_all(progress) else found.model_dump(mode="json")


def _has_all(progress: Any) -> bool:
    """Whether all members with defaults are present; an edit in SQL may have removed them or set them to null."""
    lists = [progress.get(name) for name in ("phases", "agents", "logs")]
    return all(isinstance(each, list) for each in lists) and all(
        isinstance(log.get("logs"), list) and type(log.get("logs_dropped", 0)) is int
        for log in (progress, *progress["agents"])
    )


def _merge_by(
    known: Sequence[dict[str, Any]], reports: Sequence[Schema], key: str, max_log_lines: int
) -> Sequence[dict[str, Any]]:
    """Return `known` with each report merged into the first item of its name, or appended as a new item."""
    if not reports:
        return known
    items = list(known)
    places = {item[key]: place for place, item in reversed(list(enumerate(known)))}
    lines: dict[int, list[str]] = {}
    kind = PhaseStatus if key == "phase_name" else AgentStatus
    for report in reports:
        name = getattr(report, key)
        if name not in places:
            places[name] = len(items)
            items.append(_blank(kind, **{key: name, "status": _RUNNING}))
        place = places[name]
        items[place] = {**items[place], **_given(report, set(type(report).model_fields) - {"logs"})}
        lines.setdefault(place, []).extend(getattr(report, "logs", ()))
    for place, added in lines.items():
        items[place] = _appended(items[place], added, max_log_lines)
    return items


def _given(report: Schema, names: set[str]) -> dict[str, Any]:
    return report.model_dump(mode="json", include=names, exclude_none=True, exclude_unset=True)


def _appended(item: dict[str, Any], lines: Sequence[str], max_log_lines: int) -> dict[str, Any]:
    """Return `item` with `lines` at the end of its log, of which at most `max_log_lines` are kept.

    The lines of this report always stay, because only lines that an earlier version showed are in the trail.
    """
    if not lines:
        return item
    logs = [*item["logs"], *lines]
    excess = min(max(len(logs) - max_log_lines, 0), len(item["logs"]))
    appended = {**item, "logs": logs[excess:]}
    if excess:
        appended["logs_dropped"] = item.get("logs_dropped", 0) + excess
    return appended


def _blank(kind: type[Schema], **values: Any) -> dict[str, Any]:
    return kind(**values).model_dump(mode="json")
