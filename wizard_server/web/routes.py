"""The whole URL table: which route, who may use it, which feature it belongs to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from wizard_server.config import ServerConfig
from wizard_server.domain.callers import ADMIN, AGENT, READ, WRITE, Caller
from wizard_server.errors import FeatureDisabledError
from wizard_server.web import active, changes, frontend, history, operations, polling, sse, states, templates, websocket
from wizard_server.web.keys import AUTHENTICATOR, IDEMPOTENCY

Handler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
OpenHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

READERS = (READ, AGENT, ADMIN)
WRITERS = (WRITE, AGENT)
_KEYED_METHODS = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class Route:
    """One route: any of `scopes` lets a caller in; `features` are the flags that all have to be on."""

    method: str
    path: str
    handler: Handler
    scopes: tuple[str, ...]
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenRoute:
    """A route that needs no token."""

    method: str
    path: str
    handler: OpenHandler
    features: tuple[str, ...] = ()


_STATE = "/api/v1/wizard-state/{investigation_id}"
_TEMPLATE = "/api/v1/templates/{template_id}"
ROUTES: tuple[Route | OpenRoute, ...] = (
    Route("POST", "/api/v1/wizard-state", states.create, WRITERS),
    Route("GET", "/api/v1/wizard-state", states.list_states, READERS),
    Route("GET", _STATE, states.read, READERS),
    Route("PATCH", _STATE, states.update, WRITERS),
    Route("PUT", _STATE, states.update, WRITERS),
    Route("DELETE", _STATE, states.delete, WRITERS),
    Route("POST", f"{_STATE}/progress", states.report_progress, WRITERS),
    Route("GET", f"{_STATE}/history", history.read, READERS, features=("audit_logging",)),
    Route("POST", f"{_STATE}/history", history.append, WRITERS, features=("audit_logging",)),
    Route("GET", "/api/v1/templates", templates.list_templates, READERS, features=("templates_enabled",)),
    Route("POST", "/api/v1/templates", templates.create, WRITERS, features=("templates_enabled",)),
    Route("GET", _TEMPLATE, templates.read, READERS, features=("templates_enabled",)),
    Route("PUT", _TEMPLATE, templates.update, WRITERS, features=("templates_enabled",)),
    Route("PATCH", _TEMPLATE, templates.update, WRITERS, features=("templates_enabled",)),
    Route("DELETE", _TEMPLATE, templates.delete, WRITERS, features=("templates_enabled",)),
    Route("POST", f"{_TEMPLATE}/apply", templates.apply, WRITERS, features=("templates_enabled",)),
    Route("GET", "/api/v1/tools", frontend.tools, READERS),
    Route("GET", "/api/v1/config", frontend.config, READERS),
    OpenRoute("GET", "/api/v1/polling/health", polling.health, features=("polling_enabled",)),
    Route(
        "GET",
        "/api/v1/polling/wizard-state/{investigation_id}",
        polling.poll,
        READERS,
        features=("polling_enabled",),
    ),
    Route(
        "GET",
        "/api/v1/polling/wizard-state/{investigation_id}/changes",
        changes.poll,
        READERS,
        features=("polling_enabled", "audit_logging"),
    ),
    Route("GET", "/api/v1/polling/active-investigations", active.poll, READERS, features=("polling_enabled",)),
    Route("GET", "/api/v1/events/wizard-state/{investigation_id}", sse.stream, READERS, features=("audit_logging",)),
    Route("GET", "/ws/investigation/{investigation_id}", websocket.stream, READERS, features=("audit_logging",)),
    OpenRoute("GET", "/healthz", operations.healthz),
    OpenRoute("GET", "/readyz", operations.readyz),
)


def add_routes(app: web.Application, config: ServerConfig) -> None:
    """Put the table into `app`, each route behind its rules."""
    for route in ROUTES:
        disabled = [feature for feature in route.features if not getattr(config.features, feature)]
        if disabled:
            handler = _disabled(disabled[0])
        elif isinstance(route, OpenRoute):
            handler = route.handler
        else:
            handler = _guarded(route)
        if route.method == "GET":
            app.router.add_get(route.path, handler)  # and HEAD
        else:
            app.router.add_route(route.method, route.path, handler)


def _disabled(feature: str) -> OpenHandler:
    async def handle(request: web.Request) -> web.StreamResponse:
        raise FeatureDisabledError(f"the feature {feature} is switched off")

    return handle


def _guarded(route: Route) -> OpenHandler:
    keyed = route.method in _KEYED_METHODS

    async def handle(request: web.Request) -> web.StreamResponse:
        caller = request.app[AUTHENTICATOR].authenticate(request)
        caller.require(*route.scopes)
        if keyed and "Idempotency-Key" in request.headers:
            return await request.app[IDEMPOTENCY].answer(request, caller, route.handler)
        return await route.handler(request, caller)

    return handle
