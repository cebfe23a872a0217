"""The specification's Pydantic schemas, under their own names, in Pydantic v2 ("Pydantic Schemas (API)").

What the contract adds stands beside what the specification says: identifiers have a pattern, unknown fields are
refused, timestamps are written in UTC with milliseconds, a state carries its version.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal

from pydantic import (
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from wizard_server.domain.field_types import (
    Identifier,
    Item,
    Items,
    LogsDropped,
    Name,
    Named,
    Percentage,
    Schema,
    Timestamp,
    Unreadable,
    UserId,
)

MAX_ENTITIES = 10
MAX_TOOLS = 1000
# Members that only the server writes: they are compared with the current ones, and refused where they differ.
_SentBack = Annotated[Any, WithJsonSchema({"type": "string"})]
_SentBackInstant = Annotated[Any, WithJsonSchema({"type": "string", "format": "date-time"})]
_READ_ONLY = "Read-only: as it is, or left out"
_IGNORED = "Ignored: what GET returned may be sent back"
_LEFT_OUT = "left out: the server makes one"


class WizardStep(StrEnum):
    """The step that the wizard is in."""

    SETTINGS = "SETTINGS"
    PROGRESS = "PROGRESS"
    RESULTS = "RESULTS"


class InvestigationStatus(StrEnum):
    """The status of an investigation."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    ERROR = "ERROR"
    CANCELLED = "CANCELLED"


class AuditSource(StrEnum):
    """The channel through which a change came."""

    POLLING = "POLLING"
    WEBSOCKET = "WEBSOCKET"
    USER = "USER"
    SYSTEM = "SYSTEM"


class Entity(Schema):
    """Something to investigate."""

    entity_type: str = Field(description="Entity type (user_id, device_id, etc.)")
    entity_id: str = Field(description="Entity identifier")
    name: str | None = Field(None, description="Display name")


class TimeRange(Schema):
    """The time that an investigation looks at; `end` lies after `start`."""

    start: Timestamp = Field(description="Start timestamp")
    end: Timestamp = Field(description="End timestamp")

    @field_validator("end")
    @classmethod
    def _end_after_start(cls, end: datetime, info: ValidationInfo) -> datetime:
        start = info.data.get("start")
        if start is not None and end <= start:
            raise ValueError("end time must be after start time")
        return end


class ToolSelection(Schema):
    """One tool and how to run it."""

    tool_name: str = Field(description="Tool identifier")
    enabled: bool = Field(default=True, description="Whether tool is enabled")
    parameters: dict[str, Any] | None = Field(None, description="Tool-specific parameters")


class InvestigationSettings(Schema):
    """What the analyst configures in step SETTINGS."""

    name: Name = Field(description="Investigation name")
    description: str | None = Field(None, description="Investigation description")
    entities: Items[Entity] = Field(description="Entities to investigate", min_length=1, max_length=MAX_ENTITIES)
    time_range: TimeRange = Field(description="Investigation time range")
    tools: Items[ToolSelection] = Field(description="Selected tools", min_length=1, max_length=MAX_TOOLS)
    correlation_mode: Literal["AND", "OR"] = Field("OR", description="Entity correlation mode (AND/OR)")
    execution_mode: Literal["parallel", "sequential"] = Field("parallel", description="Execution mode")


class PhaseStatus(Schema):
    """How far one phase is; `progress` in percent."""

    phase_name: str = Field(description="Phase identifier")
    status: Literal["pending", "running", "completed", "error"] = Field(description="Phase status")
    progress: Percentage = Field(0.0, description="Progress percentage (0-100)")
    started_at: Timestamp | None = Field(None, description="Phase start time")
    completed_at: Timestamp | None = Field(None, description="Phase completion time")


class AgentStatus(Schema):
    """How far one agent is; `progress` in percent."""

    agent_name: str = Field(description="Agent identifier")
    status: str = Field(description="Agent status")
    progress: Percentage = Field(0.0, description="Progress percentage")
    logs: Items[str] = Field(default_factory=list, description="Agent logs")
    logs_dropped: LogsDropped = 0


class InvestigationProgress(Schema):
    """What the agents report in step PROGRESS."""

    overall_progress: Percentage = Field(0.0, description="Overall progress percentage")
    current_phase: str | None = Field(None, description="Current phase identifier")
    phases: Items[PhaseStatus] = Field(default_factory=list, description="Phase statuses")
    agents: Items[AgentStatus] = Field(default_factory=list, description="Agent statuses")
    logs: Items[str] = Field(default_factory=list, description="Investigation logs")
    logs_dropped: LogsDropped = 0
    started_at: Timestamp | None = Field(None, description="Investigation start time")


class Finding(Schema):
    """One thing that the investigation found; `confidence` from 0 to 1."""

    title: str = Field(description="Finding title")
    description: str = Field(description="Finding description")
    severity: str = Field(description="Severity level")
    confidence: float = Field(description="Confidence score (0-1)", ge=0, le=1)
    evidence: Items[dict[str, Any]] = Field(default_factory=list, description="Supporting evidence")


class RiskScore(Schema):
    """The risk assessment; scores from 0 to 100."""

    overall_score: Percentage = Field(description="Overall risk score (0-100)")
    category_scores: Named[float] = Field(description="Category-specific scores")
    risk_level: Literal["low", "medium", "high", "critical"] = Field(description="Risk level")


class InvestigationResults(Schema):
    """What step RESULTS shows."""

    findings: Items[Finding] = Field(default_factory=list, description="Investigation findings")
    risk_score: RiskScore = Field(description="Risk assessment")
    entity_summaries: Named[dict[str, Any]] = Field(default_factory=dict, description="Per-entity summaries")
    visualizations: dict[str, Any] = Field(default_factory=dict, description="Visualization data")
    completed_at: Timestamp = Field(description="Investigation completion time")


class WizardStateCreate(Schema):
    """The body of ``POST /wizard-state``; a new state starts at SETTINGS / IN_PROGRESS (contract 3)."""

    investigation_id: Identifier | None = Field(None, description=f"Investigation identifier; {_LEFT_OUT}")
    user_id: UserId | None = Field(None, description="User identifier; left out: the caller's")
    wizard_step: Literal[WizardStep.SETTINGS] = Field(WizardStep.SETTINGS, description="Current wizard step")
    settings: InvestigationSettings | None = Field(None, description="Settings configuration")
    status: Literal[InvestigationStatus.IN_PROGRESS] = Field(
        InvestigationStatus.IN_PROGRESS, description="Investigation status"
    )


class SentBack(Schema):
    """What a body that changes a state may have beside what it changes, so that an answer of GET can be sent back."""

    version: int | None = Field(None, description="The version that the update is based on", ge=1, strict=True)
    investigation_id: _SentBack = Field(None, description=_READ_ONLY)
    user_id: _SentBack = Field(None, description=_READ_ONLY)
    created_at: _SentBackInstant = Field(None, description=_READ_ONLY)
    updated_at: _SentBackInstant = Field(None, description=_READ_ONLY)
    last_accessed: Timestamp | None = Field(None, description=_IGNORED)
    stale: bool | None = Field(None, description=_IGNORED)
    stalled: bool | None = Field(None, description=_IGNORED)


class WizardStateUpdate(SentBack):
    """The body of PATCH and PUT: fields that are present replace; `version`, where given, is a precondition.

    What GET returned can be sent back whole.
    """

    wizard_step: WizardStep | None = Field(None, description="New wizard step")
    settings: InvestigationSettings | None = Field(None, description="Updated settings")
    progress: InvestigationProgress | None = Field(None, description="Updated progress")
    results: InvestigationResults | None = Field(None, description="Updated results")
    status: InvestigationStatus | None = Field(None, description="Updated status")


class WizardStateResponse(Schema):
    """One wizard state; `version` grows by one with every committed change."""

    investigation_id: Identifier = Field(description="Investigation identifier")
    user_id: UserId = Field(description="User identifier")
    wizard_step: WizardStep = Field(description="Current wizard step")
    settings: InvestigationSettings | None = Field(None, description="Settings configuration")
    progress: InvestigationProgress | None = Field(None, description="Progress state")
    results: InvestigationResults | None = Field(None, description="Results data")
    status: InvestigationStatus = Field(description="Investigation status")
    version: int = Field(description="Version of the state", ge=1)
    created_at: Timestamp = Field(description="Creation timestamp")
    updated_at: Timestamp = Field(description="Last update timestamp")
    last_accessed: Timestamp | None = Field(None, description="Last access timestamp")
    stale: bool = Field(default=False, description="Unchanged for longer than [state] cache_ttl_seconds")
    stalled: bool = Field(default=False, description="Running, and without a report for [polling] stall_after_seconds")


class RiskSummary(Schema):
    """What lists show of a risk assessment."""

    overall_score: float = Field(description="Overall risk score (0-100)")
    risk_level: str = Field(description="low, medium, high or critical")


class WizardStateSummary(Schema):
    """One row of ``GET /wizard-state``."""

    investigation_id: Identifier
    user_id: UserId
    name: str | None = Field(None, description="The name in the settings")
    description: str | None = Field(None, description="The description in the settings")
    wizard_step: WizardStep
    status: InvestigationStatus
    version: int = Field(ge=1)
    created_at: Timestamp
    updated_at: Timestamp
    last_accessed: Timestamp | None = None
    entity_count: int | None = Field(None, description="How many entities the settings have", ge=0)
    started_at: Timestamp | None = Field(None, description="When the agents began, as the progress says")
    completed_at: Timestamp | None = Field(None, description="When it was completed, as the results say")
    risk_score: RiskSummary | None = Field(None, description="The risk that the results found")
    stale: bool = False
    stalled: bool = False


class TemplateCreate(Schema):
    """The body of ``POST /templates``: exactly one of `settings` and `from_investigation_id`."""

    name: Name = Field(description="Template name")
    description: str | None = Field(None, description="Template description")
    settings: InvestigationSettings | None = Field(None, description="Template settings")
    from_investigation_id: Identifier | None = Field(None, description="Take the settings of this investigation")


class TemplateUpdate(Schema):
    """The body of PUT and PATCH ``/templates/{id}``: fields that are present replace.

    What GET returned can be sent back whole. Uses are counted meanwhile, so `usage_count` may be what it was.
    """

    name: Name | None = Field(None, description="Updated template name")
    description: str | None = Field(None, description="Updated description")
    settings: InvestigationSettings | None = Field(None, description="Updated settings")
    template_id: _SentBack = Field(None, description=_READ_ONLY)
    user_id: _SentBack = Field(None, description=_READ_ONLY)
    usage_count: int | None = Field(None, description=f"{_READ_ONLY}; what it was will do", ge=0, strict=True)
    created_at: _SentBackInstant = Field(None, description=_READ_ONLY)
    updated_at: _SentBackInstant = Field(None, description=_READ_ONLY)


class TemplateApply(Schema):
    """The body of ``POST /templates/{id}/apply``; `overrides` is merged over the settings (RFC 7396)."""

    investigation_id: Identifier | None = Field(None, description=f"Investigation to create; {_LEFT_OUT}")
    name: Name | None = Field(None, description="Investigation name, instead of the template's")
    overrides: dict[str, Any] | None = Field(None, description="Settings that differ from the template's")


class TemplateResponse(Schema):
    """One template."""

    template_id: Identifier = Field(description="Template identifier")
    user_id: UserId = Field(description="User identifier")
    name: str = Field(description="Template name")
    description: str | None = Field(None, description="Template description")
    settings: InvestigationSettings = Field(description="Template settings")
    usage_count: int = Field(0, description="Usage count", ge=0)
    created_at: Timestamp = Field(description="Creation timestamp")
    updated_at: Timestamp = Field(description="Last update timestamp")


class TemplateListed(TemplateResponse):
    """One template of a page."""

    settings: InvestigationSettings | None = Field(  # type: ignore[assignment]  # a page has bounds, a template none
        description="Template settings, or null where they are left out"
    )
    settings_left_out: bool = Field(
        default=False, description="The page would be too large; the template by its id has its settings"
    )


class PollingResponse(Schema):
    """The answer of a poll; `reset` says that the client's version lies ahead of the server's (restored backup)."""

    investigation_id: Identifier = Field(description="Investigation identifier")
    timestamp: Timestamp = Field(description="Response timestamp")
    state: WizardStateResponse = Field(description="Current wizard state")
    has_changes: bool = Field(description="Whether state changed since last poll")
    next_poll_interval: int = Field(description="Recommended next poll interval (ms)")
    version: int = Field(description="Version of the state", ge=1)
    reset: bool = Field(default=False, description="The client's version is newer than the server's")
    mutation_id: str | None = Field(None, description="The Idempotency-Key of the request that made the version")


class AuditLogCreate(Schema):
    """The body of ``POST /wizard-state/{id}/history``."""

    investigation_id: Identifier = Field(description="Investigation identifier")
    user_id: UserId = Field(description="User identifier")
    action_type: str = Field(description="Action type", min_length=1, max_length=100)
    previous_state: dict[str, Any] | None = Field(None, description="Previous state snapshot")
    new_state: dict[str, Any] | None = Field(None, description="New state snapshot")
    source: AuditSource = Field(description="Event source")


class AuditLogResponse(Schema):
    """One audit entry; `version` is the version it committed, or null for an entry that is not a change."""

    entry_id: str = Field(description="Entry identifier")
    investigation_id: Identifier = Field(description="Investigation identifier")
    user_id: UserId = Field(description="User identifier")
    action_type: str = Field(description="Action type")
    previous_state: dict[str, Any] | None = Field(None, description="Previous state")
    new_state: dict[str, Any] | None = Field(None, description="New state")
    source: AuditSource = Field(description="Event source")
    timestamp: Timestamp = Field(description="Entry timestamp")
    version: int | None = Field(None, description="The version that this entry committed")
    mutation_id: str | None = Field(None, description="The Idempotency-Key of the request")
    parts_left_out: bool = Field(
        default=False,
        description="The page would be too large; a page that begins with this entry has its states, if they are no"
        " larger than a state may be",
    )


class PaginatedResponse(Schema, Generic[Item]):
    """One page; pages count from 1, and with `after` all are the first."""

    items: list[Item]
    total: int
    page: int
    page_size: int
    has_more: bool
    next: str | None = Field(None, description="Where more follows: the after of the next page")
    unreadable: Unreadable = 0
