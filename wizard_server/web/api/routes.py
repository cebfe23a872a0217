"""The routes of states, audit trails, templates, and the front end's configuration."""

from typing import Any

from wizard_server.domain.models.pages import PaginatedResponse
from wizard_server.domain.models.states import (
    WizardStateCreate,
    WizardStateResponse,
    WizardStateSummary,
    WizardStateUpdate,
)
from wizard_server.domain.models.templates import (
    TemplateApply,
    TemplateCreate,
    TemplateListed,
    TemplateResponse,
    TemplateUpdate,
)
from wizard_server.domain.models.trail import AuditLogCreate, AuditLogResponse
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
    ValidationFailedError,
    VersionConflictError,
)
from wizard_server.web.api import client_config, history, states, templates
from wizard_server.web.http.media import JSON, JSON_PATCH, MERGE_PATCH
from wizard_server.web.http.route import READERS, VERSIONED, WRITERS, Answer, AnyRoute, Route
from wizard_server.web.openapi.answers import FrontEndConfig, ToolList
from wizard_server.web.openapi.bodies import StateJsonPatch, StateMergePatch

_STATE = "/api/v1/wizard-state/{investigation_id}"
_TEMPLATE = "/api/v1/templates/{template_id}"

_TRAIL = ("audit_logging",)
_TEMPLATES = ("templates_enabled",)

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
_DELETED = Answer(204, "Deleted.")
_TEMPLATE_ANSWER = Answer(200, "The template.", TemplateResponse)

_CONDITIONS = ("If-Match", "If-None-Match")
_WRITES = ("X-Audit-Source", "Prefer")
_CHANGES_STATE = (InvalidTransitionError, StateExpiredError, StateTooLargeError)
_BASED_ON_VERSION = (PreconditionFailedError, PreconditionRequiredError)


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


ROUTES: tuple[AnyRoute, ...] = (
    Route(
        "POST",
        "/api/v1/wizard-state",
        states.create,
        WRITERS,
        headers=("If-None-Match", *_WRITES),
        bodies={JSON: WizardStateCreate},
        answers=(_CREATED,),
        errors=(MissingScopeError, StateExistsError, PreconditionFailedError, StateTooLargeError, HistoryGoneError),
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
        repeats=True,
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
        answers=(Answer(200, "One page.", PaginatedResponse[TemplateListed]),),
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
        headers=("If-None-Match", *_WRITES),
        bodies={JSON: TemplateApply},
        answers=(_CREATED,),
        errors=(StateExistsError, PreconditionFailedError, StateTooLargeError, HistoryGoneError),
    ),
    Route(
        "GET",
        "/api/v1/tools",
        client_config.tools,
        READERS,
        answers=(Answer(200, "The catalogue.", ToolList),),
        errors=(FeatureDisabledError,),
        stored=False,
    ),
    Route(
        "GET",
        "/api/v1/config",
        client_config.config,
        READERS,
        answers=(Answer(200, "The configuration.", FrontEndConfig),),
        errors=(ValidationFailedError,),
        stored=False,
    ),
)
