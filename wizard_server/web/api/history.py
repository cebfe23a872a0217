"""``/api/v1/wizard-state/{id}/history``: the audit trail (contract 4)."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from wizard_server.domain.callers import Caller
from wizard_server.domain.clock import to_wire
from wizard_server.domain.field_types import Timestamp
from wizard_server.domain.filters import EntriesEnd, HistoryFilter
from wizard_server.domain.models.enumerations import AuditSource
from wizard_server.domain.models.trail import AuditLogCreate
from wizard_server.domain.trail import AuditEntry
from wizard_server.web.api.kept_answers import text
from wizard_server.web.api.paging import Page, Slice
from wizard_server.web.api.state_body import large_json_response
from wizard_server.web.api.writes import origin
from wizard_server.web.http.answers import json_response
from wizard_server.web.http.bodies import read_model
from wizard_server.web.http.context import SERVICE, STORE
from wizard_server.web.http.parameters import path_identifier, query


class HistoryQuery(Page):
    """The parameters of ``GET /wizard-state/{id}/history``; `since` and `until` are inclusive."""

    action_type: tuple[Annotated[str, Field(max_length=100)], ...] = Field(
        (), description="only entries of one of these types"
    )
    source: tuple[AuditSource, ...] = Field((), description="only entries of one of these sources")
    since: Timestamp | None = Field(None, description="only entries from then on")
    until: Timestamp | None = Field(None, description="only entries up to then")


async def read(request: web.Request, caller: Caller) -> web.Response:
    """Return one page of the trail, newest first."""
    investigation_id = path_identifier(request)
    asked = query(request, HistoryQuery)
    await request.app[SERVICE].require_visible(caller, investigation_id)
    part = Slice(asked)
    wanted = HistoryFilter(
        investigation_id=investigation_id,
        action_type=asked.action_type,
        source=asked.source,
        since=to_wire(asked.since) if asked.since else None,
        until=to_wire(asked.until) if asked.until else None,
        limit=part.limit,
        offset=part.offset,
        after=part.after(EntriesEnd, ""),
    )
    found = await request.app[STORE].history(wanted)
    return await large_json_response(request, part.answer(found, [_wire(entry) for entry in found.items], ""))


async def append(request: web.Request, caller: Caller) -> web.Response:
    """Append an entry of the caller's own."""
    investigation_id = path_identifier(request)
    asked = await read_model(request, AuditLogCreate)
    service = request.app[SERVICE]
    author = origin(request, caller, show=text(201, _wire))
    entry = await service.append_history(caller, investigation_id, asked, author)
    return json_response(request, _wire(entry), status=201)


def _wire(entry: AuditEntry) -> dict[str, Any]:
    """Return the members of the specification's `AuditLogResponse`."""
    wire = {
        "entry_id": entry.entry_id,
        "investigation_id": entry.investigation_id,
        "user_id": entry.user_id,
        "action_type": entry.action_type,
        "previous_state": entry.parts.previous,
        "new_state": entry.parts.current,
        "source": entry.source,
        "timestamp": entry.timestamp,
        "version": entry.version,
        "mutation_id": entry.mutation_id,
    }
    return {**wire, "parts_left_out": True} if entry.is_partial else wire
