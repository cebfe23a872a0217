"""The whole URL table: which route, who may use it, which feature it belongs to, what it takes and answers.

The description of the API is made from this table. What follows from the rest of a route (a body may be malformed, an
identifier unknown, a caller without scope) is not said again: ``web.openapi.problems`` has it.
"""

from typing import Any

import orjson
from aiohttp import web

from wizard_server.config.loading import ServerConfig
from wizard_server.domain.models import (
    AuditLogCreate,
    AuditLogResponse,
    PaginatedResponse,
    PollingResponse,
    TemplateApply,
    TemplateCreate,
    TemplateResponse,
    TemplateUpdate,
    WizardStateCreate,
    WizardStateResponse,
    WizardStateSummary,
    WizardStateUpdate,
)
from wizard_server.domain.progress import ProgressReport
from wizard_server.errors import (
    FeatureDisabledError,
    HistoryGoneError,
    InvalidTransitionError,
    MissingScopeError,
    NotFoundError,
    PreconditionFailedError,
    PreconditionRequiredError,
    StateExistsError,
    StateExpiredError,
    StateTooLargeError,
    TemplateExistsError,
    TemplateLimitError,
    TooManyConnectionsError,
    UnreadableRowError,
    ValidationFailedError,
    VersionConflictError,
)
from wizard_server.web.api import client_config as frontend
from wizard_server.web.api import history, states, templates
from wizard_server.web.http.idempotency import KEYED_METHODS
from wizard_server.web.http.media import JSON, JSON_PATCH, MERGE_PATCH
from wizard_server.web.http.pipeline import Pipeline, expect
from wizard_server.web.http.route import READERS, VERSIONED, WRITERS, Answer, AnyRoute, OpenHandler, OpenRoute, Route
from wizard_server.web.http.taken import Taken
from wizard_server.web.live import changes, sse, websocket
from wizard_server.web.live import dashboard as active
from wizard_server.web.live import poll as polling
from wizard_server.web.live.poll_query import PollQuery
from wizard_server.web.openapi import docs_page as docs
from wizard_server.web.openapi.answers import (
    ActiveInvestigationsResponse,
    Alive,
    ChangesResponse,
    FrontEndConfig,
    PollingHealth,
    Readiness,
    ToolList,
)
from wizard_server.web.openapi.bodies import StateJsonPatch, StateMergePatch
from wizard_server.web.openapi.document import describe
from wizard_server.web.ops import metrics
from wizard_server.web.ops import polling_health as health
from wizard_server.web.ops import probes as operations

__all__ = ["ROUTES", "OpenRoute", "Route", "add_routes", "describe_api"]


_STATE = "/api/v1/wizard-state/{investigation_id}"
_TEMPLATE = "/api/v1/templates/{template_id}"
_POLLING = "/api/v1/polling"

_TRAIL = ("audit_logging",)
_TEMPLATES = ("templates_enabled",)
_POLLED = ("polling_enabled",)

_POLL = (*VERSIONED, "X-Recommended-Interval", "Preference-Applied", "Retry-After")
_STATE_ANSWER = Answer(200, "The state.", WizardStateResponse, VERSIONED)
_CREATED = Answer(
    201,
    "The new state; without a body when so preferred.",
    WizardStateResponse,
    (*VERSIONED, "Location", "Preference-Applied"),
    creates="investigation_id",
)
_MINIMAL = Answer(204, "Done, and no body was preferred.", headers=(*VERSIONED, "Preference-Applied"))
_UNCHANGED = Answer(304, "The client has it already.", headers=VERSIONED)
_NO_NEWS = Answer(304, "Nothing new, and the client named what it has in the header.", headers=_POLL)
_DELETED = Answer(204, "Deleted.")
_TEMPLATE_ANSWER = Answer(200, "The template.", TemplateResponse)

_CONDITIONS = ("If-Match", "If-None-Match")
_WRITES = ("X-Audit-Source", "Prefer")
_CHANGES_STATE = (InvalidTransitionError, StateExpiredError, StateTooLargeError)
_BASED_ON_VERSION = (PreconditionFailedError, PreconditionRequiredError)
_FILE_HEADERS = ("ETag",)


def _change(method: str, **bodies: Any) -> Route:
    """Return a route that changes a state."""
    return Route(
        method,
        _STATE,
        states.update,
        WRITERS,
        headers=(*_CONDITIONS, *_WRITES),
        bodies={JSON: WizardStateUpdate, **bodies},
        answers=(_STATE_ANSWER, _MINIMAL),
        errors=(*_CHANGES_STATE, *_BASED_ON_VERSION, VersionConflictError),
    )


def _change_template(method: str) -> Route:
    """Return a route that changes a template."""
    return Route(
        method,
        _TEMPLATE,
        templates.update,
        WRITERS,
        _TEMPLATES,
        bodies={JSON: TemplateUpdate},
        answers=(_TEMPLATE_ANSWER,),
        errors=(TemplateExistsError, StateTooLargeError),
    )


def _described_below(prefix: str) -> tuple[OpenRoute, ...]:
    """Return the routes of the description and its page."""
    kept = Answer(304, "The client has it already.", headers=_FILE_HEADERS)
    page_headers = (*_FILE_HEADERS, "Content-Security-Policy")
    of_file = Answer(200, "The file.", headers=_FILE_HEADERS, media=("text/javascript", "text/css", "image/png"))
    return (
        OpenRoute(
            "GET",
            f"{prefix}/openapi.json",
            docs.description,
            headers=("If-None-Match",),
            answers=(Answer(200, "The description.", headers=_FILE_HEADERS, media=(JSON,)), kept),
        ),
        OpenRoute(
            "GET",
            f"{prefix}/docs",
            docs.page,
            headers=("If-None-Match",),
            answers=(
                Answer(200, "The page.", headers=page_headers, media=("text/html",)),
                Answer(304, kept.says, headers=page_headers),
            ),
        ),
        OpenRoute(
            "GET",
            f"{prefix}/docs/{{file}}",
            docs.file,
            headers=("If-None-Match",),
            answers=(of_file, kept),
        ),
    )


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        "POST",
        "/api/v1/wizard-state",
        states.create,
        WRITERS,
        headers=_WRITES,
        bodies={JSON: WizardStateCreate},
        answers=(_CREATED,),
        errors=(MissingScopeError, StateExistsError, StateTooLargeError, HistoryGoneError),
    ),
    Route(
        "GET",
        "/api/v1/wizard-state",
        states.list_states,
        READERS,
        query=states.StatesQuery,
        answers=(Answer(200, "One page.", PaginatedResponse[WizardStateSummary]),),
    ),
    Route(
        "GET",
        _STATE,
        states.read,
        READERS,
        query=states.VersionQuery,
        headers=("If-None-Match",),
        answers=(_STATE_ANSWER, _UNCHANGED),
        errors=(StateExpiredError, FeatureDisabledError),
    ),
    _change("PATCH", **{MERGE_PATCH: StateMergePatch, JSON_PATCH: StateJsonPatch}),
    _change("PUT"),
    Route(
        "DELETE",
        _STATE,
        states.delete,
        WRITERS,
        headers=(*_CONDITIONS, "X-Audit-Source", "Idempotency-Key"),
        answers=(_DELETED,),
        errors=_BASED_ON_VERSION,
    ),
    Route(
        "POST",
        f"{_STATE}/progress",
        states.report_progress,
        WRITERS,
        headers=(*_CONDITIONS, *_WRITES),
        bodies={JSON: ProgressReport},
        answers=(_STATE_ANSWER, _MINIMAL),
        errors=(*_CHANGES_STATE, PreconditionFailedError),
    ),
    Route(
        "GET",
        f"{_STATE}/history",
        history.read,
        READERS,
        _TRAIL,
        query=history.HistoryQuery,
        answers=(Answer(200, "One page, newest first.", PaginatedResponse[AuditLogResponse]),),
    ),
    Route(
        "POST",
        f"{_STATE}/history",
        history.append,
        WRITERS,
        _TRAIL,
        headers=("X-Audit-Source",),
        bodies={JSON: AuditLogCreate},
        answers=(Answer(201, "The new entry.", AuditLogResponse),),
        errors=(MissingScopeError,),
    ),
    Route(
        "GET",
        "/api/v1/templates",
        templates.list_templates,
        READERS,
        _TEMPLATES,
        query=templates.TemplatesQuery,
        answers=(Answer(200, "One page.", PaginatedResponse[TemplateResponse]),),
    ),
    Route(
        "POST",
        "/api/v1/templates",
        templates.create,
        WRITERS,
        _TEMPLATES,
        headers=("X-Audit-Source",),
        bodies={JSON: TemplateCreate},
        answers=(Answer(201, "The new template.", TemplateResponse, ("Location",), creates="template_id"),),
        errors=(
            TemplateExistsError,
            TemplateLimitError,
            NotFoundError,
            HistoryGoneError,
            StateExpiredError,
            StateTooLargeError,
        ),
    ),
    Route("GET", _TEMPLATE, templates.read, READERS, _TEMPLATES, answers=(_TEMPLATE_ANSWER,)),
    _change_template("PUT"),
    _change_template("PATCH"),
    Route("DELETE", _TEMPLATE, templates.delete, WRITERS, _TEMPLATES, answers=(_DELETED,)),
    Route(
        "POST",
        f"{_TEMPLATE}/apply",
        templates.apply,
        WRITERS,
        _TEMPLATES,
        headers=_WRITES,
        bodies={JSON: TemplateApply},
        answers=(_CREATED,),
        errors=(StateExistsError, StateTooLargeError, HistoryGoneError),
    ),
    Route(
        "GET",
        "/api/v1/tools",
        frontend.tools,
        READERS,
        answers=(Answer(200, "The catalogue.", ToolList),),
        errors=(FeatureDisabledError,),
        stored=False,
    ),
    Route(
        "GET",
        "/api/v1/config",
        frontend.config,
        READERS,
        answers=(Answer(200, "The configuration.", FrontEndConfig),),
        errors=(ValidationFailedError,),
        stored=False,
    ),
    OpenRoute(
        "GET",
        f"{_POLLING}/health",
        health.health,
        _POLLED,
        answers=(
            Answer(200, "Healthy or degraded.", PollingHealth),
            Answer(503, "Unavailable.", PollingHealth, ("Retry-After",)),
        ),
    ),
    Route(
        "GET",
        f"{_POLLING}/wizard-state/{{investigation_id}}",
        polling.poll,
        READERS,
        _POLLED,
        polls=True,
        query=PollQuery,
        headers=("If-None-Match", "Prefer"),
        answers=(Answer(200, "The state, and whether it is news.", PollingResponse, _POLL), _NO_NEWS),
        errors=(StateExpiredError,),
    ),
    Route(
        "GET",
        f"{_POLLING}/wizard-state/{{investigation_id}}/changes",
        changes.poll,
        READERS,
        _POLLED + _TRAIL,
        polls=True,
        query=changes.ChangesQuery,
        headers=("If-None-Match", "Prefer"),
        answers=(Answer(200, "The changes.", ChangesResponse, _POLL), Answer(304, "None.", headers=_POLL)),
        errors=(StateExpiredError,),
    ),
    Route(
        "GET",
        f"{_POLLING}/active-investigations",
        active.poll,
        READERS,
        _POLLED,
        polls=True,
        query=active.ActiveQuery,
        headers=("If-None-Match", "Prefer"),
        answers=(Answer(200, "The list, or what changed.", ActiveInvestigationsResponse, _POLL), _NO_NEWS),
        errors=(UnreadableRowError,),
    ),
    Route(
        "GET",
        "/api/v1/events/wizard-state/{investigation_id}",
        sse.stream,
        READERS,
        _TRAIL,
        pushes=True,
        headers=("Last-Event-ID",),
        answers=(Answer(200, "Events.", headers=("X-Accel-Buffering",), media=("text/event-stream",)),),
        errors=(StateExpiredError, TooManyConnectionsError),
    ),
    Route(
        "GET",
        "/ws/investigation/{investigation_id}",
        websocket.stream,
        READERS,
        _TRAIL,
        pushes=True,
        query=websocket.SocketQuery,
        answers=(Answer(101, "The connection is a WebSocket from here on."),),
        errors=(StateExpiredError, TooManyConnectionsError),
    ),
    OpenRoute(
        "GET",
        "/metrics",
        metrics.metrics,
        answers=(Answer(200, "The metrics.", media=("text/plain", "application/openmetrics-text")),),
    ),
    OpenRoute("GET", "/healthz", operations.healthz, answers=(Answer(200, "It answers.", Alive),)),
    OpenRoute(
        "GET",
        "/readyz",
        operations.readyz,
        answers=(
            Answer(200, "Ready.", Readiness),
            Answer(503, "Not ready.", Readiness, ("Retry-After",)),
        ),
    ),
    *_described_below("/api/v1"),
    *_described_below(""),
)


def add_routes(app: web.Application, config: ServerConfig, pipeline: Pipeline) -> None:
    """Put the table into `app`, each route behind its rules."""
    app[docs.DESCRIPTION] = docs.Description(lambda: describe_api(config))
    # The framework tries what has the same beginning in the order it came: states are asked for more than their list.
    for route in sorted(ROUTES, key=lambda route: "{" not in route.path):
        handler = _behind_its_rules(route, config, pipeline)
        if route.method == "GET":
            app.router.add_get(route.path, handler, expect_handler=expect)  # and HEAD
        else:
            app.router.add_route(route.method, route.path, handler, expect_handler=expect)


def _behind_its_rules(route: AnyRoute, config: ServerConfig, pipeline: Pipeline) -> OpenHandler:
    disabled = [feature for feature in route.features if not getattr(config.features, feature)]
    if disabled:
        return pipeline.open(_disabled(disabled[0]))
    if isinstance(route, OpenRoute):
        return pipeline.open(route.handler, Taken(route))
    keyed = route.method in KEYED_METHODS
    return pipeline.guarded(
        route.handler, route.scopes, Taken(route), keyed=keyed, pushes=route.pushes, polls=route.polls
    )


def describe_api(config: ServerConfig) -> bytes:
    """Return the description of the API as JSON; it differs only in how callers are told apart and where it is."""
    document = describe(ROUTES, config.auth.mode, config.server.public_url)
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _disabled(feature: str) -> OpenHandler:
    async def handle(request: web.Request) -> web.StreamResponse:
        raise FeatureDisabledError(f"the feature {feature} is switched off")

    return handle
