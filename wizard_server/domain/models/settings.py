"""The settings of an investigation: what to look into, over which time, and with which tools."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from wizard_server.domain.field_types import Items, Name, Schema, Timestamp

MAX_ENTITIES = 10
MAX_TOOLS = 1000


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
