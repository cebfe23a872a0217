"""``/api/v1/config`` and ``/api/v1/tools``: what a front end needs to know before it shows anything."""

from aiohttp import web

from wizard_server.domain.callers import Caller
from wizard_server.domain.models.settings import MAX_ENTITIES, MAX_TOOLS
from wizard_server.errors import FeatureDisabledError, ValidationFailedError
from wizard_server.web.http.answers import json_response
from wizard_server.web.http.context import CONFIG, RULES

_SECONDS_PER_DAY = 86400


async def config(request: web.Request, caller: Caller) -> web.Response:
    """Return the specification's TypeScript ``WizardConfig``; intervals in milliseconds."""
    known = request.app[CONFIG]
    base = known.server.public_url or _origin(request)
    polling, features, state = known.polling, known.features, known.state
    return json_response(
        request,
        {
            "apiBaseUrl": f"{base}/api/v1",
            "wsBaseUrl": f"ws{base.removeprefix('http')}/ws",
            "polling": {
                "baseInterval": polling.normal_interval_ms,
                "fastInterval": polling.fast_interval_ms,
                "slowInterval": polling.slow_interval_ms,
                "maxRetries": polling.max_retries,
                "backoffMultiplier": polling.backoff_multiplier,
                "maxBackoff": polling.max_backoff_ms,
            },
            "features": {
                "enablePolling": features.polling_enabled,
                "enableTemplates": features.templates_enabled,
                "enableStateRecovery": features.state_recovery,
                "enableAuditLog": features.audit_logging,
            },
            "ui": {
                "maxEntitiesPerInvestigation": MAX_ENTITIES,
                "maxToolsPerInvestigation": MAX_TOOLS,
                "maxTemplatesPerUser": state.template_max_count_per_user,
                "stateCacheTtlDays": state.cache_ttl_seconds / _SECONDS_PER_DAY,
            },
        },
    )


def _origin(request: web.Request) -> str:
    try:
        return str(request.url.origin())
    except ValueError as error:
        raise ValidationFailedError.of("Host", f"is no host: {error}", "host") from None


async def tools(request: web.Request, caller: Caller) -> web.Response:
    """Return the tool catalogue: each tool with the JSON Schema of its parameters."""
    catalogue = request.app[RULES].catalogue
    if catalogue is None:
        raise FeatureDisabledError("no tool catalogue is configured ([tools] catalog): every tool is taken")
    items = [{"tool_name": name, "parameters": schema} for name, schema in catalogue.schemas.items()]
    return json_response(request, {"items": items, "total": len(items)})
