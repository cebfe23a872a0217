"""An entry of the audit trail: the body that adds one, and how it is answered."""

from typing import Any

from pydantic import Field

from wizard_server.domain.field_types import Identifier, Schema, Timestamp, UserId
from wizard_server.domain.models.enumerations import AuditSource


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
