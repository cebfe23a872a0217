"""A template: the bodies that create, change and apply it, and how it is answered."""

from typing import Any

from pydantic import Field

from wizard_server.domain.field_types import (
    LEFT_OUT,
    READ_ONLY,
    Identifier,
    Name,
    ReadOnly,
    ReadOnlyInstant,
    Schema,
    Timestamp,
    UserId,
)
from wizard_server.domain.models.settings import InvestigationSettings


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
    template_id: ReadOnly = Field(None, description=READ_ONLY)
    user_id: ReadOnly = Field(None, description=READ_ONLY)
    usage_count: int | None = Field(None, description=f"{READ_ONLY}; what it was will do", ge=0, strict=True)
    created_at: ReadOnlyInstant = Field(None, description=READ_ONLY)
    updated_at: ReadOnlyInstant = Field(None, description=READ_ONLY)


class TemplateApply(Schema):
    """The body of ``POST /templates/{id}/apply``; `overrides` is merged over the settings (RFC 7396)."""

    investigation_id: Identifier | None = Field(None, description=f"Investigation to create; {LEFT_OUT}")
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
