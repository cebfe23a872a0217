"""The caller's templates."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from wizard_server.client.answers import Answer
from wizard_server.client.pages import Pages
from wizard_server.client.transport import Transport
from wizard_server.client.wire import state_of, wire
from wizard_server.domain.models.pages import PaginatedResponse
from wizard_server.domain.models.states import WizardStateResponse
from wizard_server.domain.models.templates import (
    TemplateApply,
    TemplateCreate,
    TemplateListed,
    TemplateResponse,
    TemplateUpdate,
)


class Templates:
    """List, make, change and apply templates; each raises a `Problem`, or `Unreachable`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, **query: Any) -> Pages[TemplateListed]:
        """Return the caller's: ``await`` a page, or ``async for`` over all; `query` as the route takes it."""
        return Pages(self._transport, "/templates", query, PaginatedResponse[TemplateListed])

    async def create(self, template: TemplateCreate | Mapping[str, Any]) -> TemplateResponse:
        """Make a template from settings, or from an investigation's."""
        return _template(await self._transport.insist("POST", "/templates", body=wire(template)))

    async def read(self, template_id: str) -> TemplateResponse:
        """Return one template."""
        return _template(await self._transport.insist("GET", _path(template_id)))

    async def update(self, template_id: str, update: TemplateUpdate | Mapping[str, Any]) -> TemplateResponse:
        """Replace the fields that are there."""
        return _template(await self._transport.insist("PATCH", _path(template_id), body=wire(update)))

    async def delete(self, template_id: str) -> None:
        """Delete one template."""
        await self._transport.insist("DELETE", _path(template_id))

    async def apply(self, template_id: str, target: TemplateApply | Mapping[str, Any]) -> WizardStateResponse:
        """Make an investigation from a template."""
        return state_of(await self._transport.insist("POST", f"{_path(template_id)}/apply", body=wire(target)))


def _path(template_id: str) -> str:
    return f"/templates/{quote(template_id, safe='')}"


def _template(answer: Answer) -> TemplateResponse:
    return TemplateResponse.model_validate(answer.body, extra="ignore")
