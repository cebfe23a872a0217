"""``/api/v1/wizard-state``: create, read, list, change, delete (contract 4)."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Literal

from aiohttp import hdrs, web
from pydantic import Field

from wizard_server.domain.authorship import Precondition
from wizard_server.domain.callers import Caller
from wizard_server.domain.clock import to_wire
from wizard_server.domain.field_types import Schema, Timestamp
from wizard_server.domain.filters import StateFilter, StatesEnd
from wizard_server.domain.history import rebuild
from wizard_server.domain.models.enumerations import InvestigationStatus, WizardStep
from wizard_server.domain.models.states import WizardStateCreate
from wizard_server.domain.progress import ProgressReport, ProgressUpdate
from wizard_server.domain.record import Document, StateRecord
from wizard_server.domain.updates import Update
from wizard_server.errors import FeatureDisabledError
from wizard_server.web.api.kept_answers import changed_state, created_state
from wizard_server.web.api.paging import Page, Slice
from wizard_server.web.api.state_body import (
    MINIMAL,
    large_json_response,
    minimal_head,
    shared_state,
    state_headers,
    state_location,
    state_response,
    unmodified_head,
)
from wizard_server.web.api.writes import origin, precondition, read_update
from wizard_server.web.http.answers import json_response
from wizard_server.web.http.bodies import read_model
from wizard_server.web.http.compression import accepts_gzip
from wizard_server.web.http.context import CLOCK, CONFIG, RULES, SERVICE, STORE, instant
from wizard_server.web.http.etags import Tags, parse_tags, tags_in
from wizard_server.web.http.parameters import path_identifier, query, wants_minimal
from wizard_server.web.http.prepared import Prepared
from wizard_server.web.http.repeating import looked_since


class StatesQuery(Page):
    """The parameters of ``GET /wizard-state``."""

    status: tuple[InvestigationStatus, ...] = Field((), description="only those of one of these statuses")
    wizard_step: tuple[WizardStep, ...] = Field((), description="only those at one of these steps")
    q: str | None = Field(None, max_length=255, description="part of the name")
    updated_since: Timestamp | None = Field(None, description="only those that changed then or later")
    sort: Literal["updated_at", "-updated_at", "created_at", "-created_at", "name", "-name"] = Field(
        "-updated_at", description="the order; - for descending"
    )


class VersionQuery(Schema):
    """The parameters of ``GET /wizard-state/{id}``."""

    version: int | None = Field(None, ge=1, description="the state as of this version, from the kept history")


async def create(request: web.Request, caller: Caller) -> web.Response:
    """Make a wizard state."""
    asked = await read_model(request, WizardStateCreate)
    author = origin(request, caller, show=created_state(request))
    return created(request, await request.app[SERVICE].create(caller, asked, author, precondition(request)))


def created(request: web.Request, record: StateRecord) -> web.Response:
    """Return the answer for a state that was just created."""
    headers = {"Location": state_location(request, record.investigation_id)}
    if wants_minimal(request):
        return web.Response(status=201, headers={**state_headers(record.version), **headers, **MINIMAL})
    return state_response(request, record, None, status=201, headers=headers)


async def read(request: web.Request, caller: Caller) -> web.StreamResponse:
    """Return a wizard state, or what it was at ``version``."""
    investigation_id = path_identifier(request)
    app, now = request.app, instant(request)
    version = query(request, VersionQuery).version
    service = app[SERVICE]
    tags = parse_tags(tags_in(request.headers, hdrs.IF_NONE_MATCH), hdrs.IF_NONE_MATCH)
    asked = max([version or 0, *(tags.versions if tags else ())])
    record = service.known(caller, investigation_id, now)
    if record is None or record.version < asked:
        record = await service.read(caller, investigation_id, now, version=asked, since=looked_since(request))
    if version in (None, record.version):
        known = _Read(app, investigation_id, tags, gzip=accepts_gzip(request))
        response = known.answer(record, now)
        response.again = known if version is None else None
        return response
    app[STORE].touch(investigation_id, to_wire(now))
    document = await _older(request, record, version)
    if _is_known(tags, version):
        return Prepared(304, unmodified_head(version))
    return await large_json_response(request, {**document, "last_accessed": None}, headers=state_headers(version))


class _Read:
    """A request for the current state; see `Repeatable`."""

    __slots__ = ("_app", "_gzip", "_investigation_id", "_tags")

    def __init__(self, app: web.Application, investigation_id: str, tags: Tags | None, *, gzip: bool) -> None:
        self._app = app
        self._investigation_id = investigation_id
        self._tags = tags
        self._gzip = gzip

    def look(self, caller: Caller) -> Callable[[], Prepared] | None:
        """See `Repeatable`."""
        now = self._app[CLOCK]()
        record = self._app[SERVICE].known(caller, self._investigation_id, now, has_looked=True)
        if record is None or record.version < max(self._tags.versions if self._tags else (), default=0):
            return None
        return partial(self.answer, record, now)

    def answer(self, record: StateRecord, now: datetime) -> Prepared:
        """Return the state, or 304 where the client has it."""
        self._app[STORE].touch(record.investigation_id, to_wire(now))
        if _is_known(self._tags, record.version):
            return Prepared(304, unmodified_head(record.version))
        return shared_state(self._app[RULES], record, now, gzip=self._gzip)


def _is_known(tags: Tags | None, version: int) -> bool:
    return tags is not None and (tags.anything or version in tags.versions)


async def _older(request: web.Request, record: StateRecord, version: int) -> Document:
    if not request.app[CONFIG].features.audit_logging:
        raise FeatureDisabledError("the feature audit_logging is switched off, so older versions are not kept")
    return await rebuild(request.app[STORE], record, version)


async def list_states(request: web.Request, caller: Caller) -> web.Response:
    """Return one page of the caller's states."""
    asked = query(request, StatesQuery)
    part = Slice(asked)
    wanted = StateFilter(
        user_id=caller.user_id,
        status=asked.status,
        wizard_step=asked.wizard_step,
        name_contains=asked.q or None,
        updated_since=to_wire(asked.updated_since) if asked.updated_since else None,
        sort=asked.sort,
        limit=part.limit,
        offset=part.offset,
        after=part.after(StatesEnd, asked.sort),
    )
    found = await request.app[STORE].states(wanted)
    rules, now = request.app[RULES], instant(request)
    items = [rules.shown(row, now) for row in found.items]
    return json_response(request, part.answer(found, items, asked.sort))


async def update(request: web.Request, caller: Caller) -> web.StreamResponse:
    """Change a wizard state."""
    investigation_id = path_identifier(request)
    change = await read_update(request)
    based_on = precondition(request, change.version)
    return await _changed(request, caller, investigation_id, change, based_on)


async def _changed(
    request: web.Request,
    caller: Caller,
    investigation_id: str,
    change: Update,
    based_on: Precondition | None,
    *,
    from_agent: bool = False,
) -> web.StreamResponse:
    service, show = request.app[SERVICE], changed_state(request)
    author = origin(request, caller, from_agent=from_agent, show=lambda outcome: show(outcome.record))
    outcome = await service.update(caller, investigation_id, change, based_on, author)
    if wants_minimal(request):
        return Prepared(204, minimal_head(outcome.record.version))
    now = instant(request)
    request.app[STORE].touch(investigation_id, to_wire(now))
    return shared_state(request.app[RULES], outcome.record, now, gzip=accepts_gzip(request))


async def report_progress(request: web.Request, caller: Caller) -> web.StreamResponse:
    """Merge what an agent reports into the progress; reports at the same time lose nothing of each other."""
    investigation_id = path_identifier(request)
    report = await read_model(request, ProgressReport)
    change = ProgressUpdate(report, request.app[CONFIG].state.max_log_lines)
    named = precondition(request)
    based_on = None if named == Precondition() else named  # a report needs no version, whatever is configured
    return await _changed(request, caller, investigation_id, change, based_on, from_agent=True)


async def delete(request: web.Request, caller: Caller) -> web.Response:
    """Delete a wizard state; its trail stays."""
    investigation_id = path_identifier(request)
    await request.app[SERVICE].delete(caller, investigation_id, precondition(request), origin(request, caller))
    return web.Response(status=204)
