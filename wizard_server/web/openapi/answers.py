"""The schemas of answers that are no resources: changes, dashboards, probes, health, tools, configuration."""

from typing import Any, Literal

from pydantic import Field

from wizard_server.domain.field_types import Identifier, Schema, Timestamp, Unreadable, UserId
from wizard_server.domain.models.enumerations import AuditSource
from wizard_server.domain.models.states import WizardStateSummary


class PatchOperation(Schema):
    """One operation of RFC 6902, as the server writes it."""

    op: Literal["add", "remove", "replace"]
    path: str
    value: Any = None


class Change(Schema):
    """One committed change: `patch` leads from the version before exactly to `version`."""

    version: int = Field(ge=1)
    timestamp: Timestamp
    action_type: str
    source: AuditSource
    user_id: UserId = Field(description="Who made the change")
    mutation_id: str | None = Field(description="The Idempotency-Key of the request that made it")
    fields_changed: list[str]
    patch: list[PatchOperation]


class ChangesResponse(Schema):
    """The changes between two versions, oldest first; with `has_more` ask again from `to_version`."""

    investigation_id: Identifier
    from_version: int = Field(ge=0)
    to_version: int = Field(ge=1)
    changes: list[Change] = Field(min_length=1)
    has_more: bool
    next_poll_interval: int = Field(description="Milliseconds")


class ActiveInvestigation(WizardStateSummary):
    """One row of a dashboard."""

    overall_progress: float | None = Field(description="Percent")
    current_phase: str | None


class ActiveInvestigationsResponse(Schema):
    """One page of a dashboard, or what changed in it since the client's `cursor`.

    `removed`, only with a cursor, are investigations that are gone or no longer match; `reset` says that the whole
    list stands here, `has_more` that more changed: ask again with this `cursor`.
    """

    investigations: list[ActiveInvestigation]
    total: int = Field(ge=0)
    limit: int
    offset: int
    timestamp: Timestamp
    cursor: int = Field(ge=0)
    removed: list[Identifier] = Field(default_factory=list)
    reset: bool = False
    has_more: bool = False
    unreadable: Unreadable = 0


class RecommendedIntervals(Schema):
    """Milliseconds between polls: while an investigation runs, otherwise, and when it is finished or idle."""

    fast_ms: int
    normal_ms: int
    slow_ms: int


class ServerLoad(Schema):
    """Parked polls and open push connections."""

    active_connections: int = Field(ge=0)
    max_connections: int = Field(ge=1)
    load_percentage: float = Field(ge=0)


class PollingHealth(Schema):
    """How the server fares and how often to poll it."""

    status: Literal["healthy", "degraded", "unavailable"]
    server_time: Timestamp
    recommended_intervals: RecommendedIntervals
    server_load: ServerLoad


class Alive(Schema):
    """The process answers."""

    status: Literal["alive"]


class ReadinessParts(Schema):
    """`ready`, or what is wrong."""

    schema_: str = Field(alias="schema")
    database: str
    keys: str = Field(description="Those that verify tokens")
    draining: Literal["yes", "no"]


class Readiness(Schema):
    """Whether to send requests here, and which part is not ready."""

    status: Literal["ready", "not ready"]
    parts: ReadinessParts


class Tool(Schema):
    """One tool of the catalogue and the JSON Schema of its parameters."""

    tool_name: str
    parameters: dict[str, Any] | bool


class ToolList(Schema):
    """The tool catalogue."""

    items: list[Tool]
    total: int = Field(ge=0)


class PollingConfig(Schema):
    """The front end's polling: milliseconds."""

    baseInterval: int  # noqa: N815 - the specification's TypeScript names, here and below
    fastInterval: int  # noqa: N815
    slowInterval: int  # noqa: N815
    maxRetries: int  # noqa: N815
    backoffMultiplier: int  # noqa: N815
    maxBackoff: int  # noqa: N815


class FrontEndFeatures(Schema):
    """What is switched on."""

    enablePolling: bool  # noqa: N815 - the specification's TypeScript names, here and below
    enableTemplates: bool  # noqa: N815
    enableStateRecovery: bool  # noqa: N815
    enableAuditLog: bool  # noqa: N815


class FrontEndLimits(Schema):
    """What the user interface checks before it sends anything."""

    maxEntitiesPerInvestigation: int  # noqa: N815 - the specification's TypeScript names, here and below
    maxToolsPerInvestigation: int  # noqa: N815
    maxTemplatesPerUser: int  # noqa: N815
    stateCacheTtlDays: float  # noqa: N815


class FrontEndConfig(Schema):
    """The specification's TypeScript ``WizardConfig``."""

    apiBaseUrl: str  # noqa: N815 - the specification's TypeScript names, here and below
    wsBaseUrl: str  # noqa: N815
    polling: PollingConfig
    features: FrontEndFeatures
    ui: FrontEndLimits
