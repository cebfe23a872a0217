"""The progress of an investigation, as its agents report it."""

from typing import Literal

from pydantic import Field

from wizard_server.domain.field_types import Items, LogsDropped, Percentage, Schema, Timestamp


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
