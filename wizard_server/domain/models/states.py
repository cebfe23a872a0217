"""A wizard state: the bodies that create and change it, and how it is answered, whole, in a list and by a poll."""

from typing import Literal

from pydantic import Field

from wizard_server.domain.field_types import (
    LEFT_OUT,
    READ_ONLY,
    Identifier,
    ReadOnly,
    ReadOnlyInstant,
    Schema,
    Timestamp,
    UserId,
)
from wizard_server.domain.models.enumerations import InvestigationStatus, WizardStep
from wizard_server.domain.models.progress import InvestigationProgress
from wizard_server.domain.models.results import InvestigationResults, RiskSummary
from wizard_server.domain.models.settings import InvestigationSettings

_IGNORED = "Ignored: what GET returned may be sent back"


class WizardStateCreate(Schema):
    """The body of ``POST /wizard-state``; a new state starts at SETTINGS / IN_PROGRESS (contract 3)."""

    investigation_id: Identifier | None = Field(None, description=f"Investigation identifier; {LEFT_OUT}")
    user_id: UserId | None = Field(None, description="User identifier; left out: the caller's")
    wizard_step: Literal[WizardStep.SETTINGS] = Field(WizardStep.SETTINGS, description="Current wizard step")
    settings: InvestigationSettings | None = Field(None, description="Settings configuration")
    status: Literal[InvestigationStatus.IN_PROGRESS] = Field(
        InvestigationStatus.IN_PROGRESS, description="Investigation status"
    )


class SentBack(Schema):
    """What a body that changes a state may have beside what it changes, so that an answer of GET can be sent back."""

    version: int | None = Field(None, description="The version that the update is based on", ge=1, strict=True)
    investigation_id: ReadOnly = Field(None, description=READ_ONLY)
    user_id: ReadOnly = Field(None, description=READ_ONLY)
    created_at: ReadOnlyInstant = Field(None, description=READ_ONLY)
    updated_at: ReadOnlyInstant = Field(None, description=READ_ONLY)
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
