"""``/api/v1/templates``: settings that a user keeps and applies (contract 4)."""

from typing import Any, Literal

from aiohttp import web
from pydantic import Field

from wizard_server.domain.callers import Caller
from wizard_server.domain.filters import TemplateFilter, TemplatesEnd
from wizard_server.domain.models.templates import TemplateApply
from wizard_server.domain.trail import Template
from wizard_server.web.api.kept_answers import created_state, text
from wizard_server.web.api.paging import Page, Slice
from wizard_server.web.api.state_body import large_json_response, template_location
from wizard_server.web.api.states import created
from wizard_server.web.api.writes import origin, precondition
from wizard_server.web.http.answers import json_response
from wizard_server.web.http.bodies import read_body, read_model
from wizard_server.web.http.context import TEMPLATES
from wizard_server.web.http.media import JSON
from wizard_server.web.http.parameters import path_identifier, query


class TemplatesQuery(Page):
    """The parameters of ``GET /templates``."""

    q: str | None = Field(None, max_length=255, description="part of the name or the description")
    sort: Literal[
        "name",
        "-name",
        "created_at",
        "-created_at",
        "updated_at",
        "-updated_at",
        "usage_count",
        "-usage_count",
    ] = Field("-updated_at", description="the order; - for descending")


async def list_templates(request: web.Request, caller: Caller) -> web.Response:
    """Return one page of the caller's templates."""
    asked = query(request, TemplatesQuery)
    part = Slice(asked)
    after = part.after(TemplatesEnd, asked.sort)
    wanted = TemplateFilter(caller.user_id, asked.q or None, asked.sort, part.limit, part.offset, after)
    found = await request.app[TEMPLATES].page(wanted)
    return await large_json_response(
        request, part.answer(found, [_listed(template) for template in found.items], asked.sort)
    )


async def create(request: web.Request, caller: Caller) -> web.Response:
    """Make a template from settings, or from those of an investigation."""
    body = await read_body(request, JSON)
    template = await request.app[TEMPLATES].create(caller, body, origin(request, caller, show=text(201, _wire)))
    headers = {"Location": template_location(request, template.template_id)}
    return json_response(request, _wire(template), status=201, headers=headers)


async def read(request: web.Request, caller: Caller) -> web.Response:
    """Return one template."""
    template = await request.app[TEMPLATES].read(caller, path_identifier(request, "template_id"))
    return json_response(request, _wire(template))


async def update(request: web.Request, caller: Caller) -> web.Response:
    """Change a template."""
    template_id = path_identifier(request, "template_id")
    body = await read_body(request, JSON)
    author = origin(request, caller, show=text(200, _wire))
    return json_response(request, _wire(await request.app[TEMPLATES].update(caller, template_id, body, author)))


async def delete(request: web.Request, caller: Caller) -> web.Response:
    """Remove a template."""
    await request.app[TEMPLATES].delete(caller, path_identifier(request, "template_id"))
    return web.Response(status=204)


async def apply(request: web.Request, caller: Caller) -> web.Response:
    """Make a wizard state from a template, and count the use."""
    template_id = path_identifier(request, "template_id")
    asked = await read_model(request, TemplateApply)
    author = origin(request, caller, show=created_state(request))
    record = await request.app[TEMPLATES].apply(caller, template_id, asked, author, precondition(request))
    return created(request, record)


def _wire(template: Template) -> dict[str, Any]:
    """Return the members of the specification's `TemplateResponse`."""
    return {
        "template_id": template.template_id,
        "user_id": template.user_id,
        "name": template.name,
        "description": template.description,
        "settings": template.settings,
        "usage_count": template.usage_count,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
    }


def _listed(template: Template) -> dict[str, Any]:
    """Return the members of `TemplateListed`."""
    wire = _wire(template)
    return {**wire, "settings": None, "settings_left_out": True} if template.is_partial else wire
