"""An example of each request and answer model; a test validates them all against their schemas."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

_CREATED, _UPDATED, _NOW = "2026-01-09T08:00:00.000Z", "2026-01-09T08:01:30.000Z", "2026-01-09T08:01:31.250Z"
_ID, _USER, _TEMPLATE = "inv-1", "analyst-7", "b7c1f0de-6c1e-4f0b-9d0a-3f1f6f1d2c11"

SETTINGS = {
    "name": "Card testing ring",
    "description": "Burst of small authorisations",
    "entities": [{"entity_type": "device_id", "entity_id": "d-9", "name": None}],
    "time_range": {"start": "2026-01-01T00:00:00.000Z", "end": "2026-01-08T00:00:00.000Z"},
    "tools": [{"tool_name": "device_graph", "enabled": True, "parameters": {"depth": 2}}],
    "correlation_mode": "OR",
    "execution_mode": "parallel",
}
_TIMES = {"created_at": _CREATED, "updated_at": _UPDATED}
_STATE = {
    "investigation_id": _ID,
    "user_id": _USER,
    "wizard_step": "PROGRESS",
    "settings": SETTINGS,
    "progress": {
        "overall_progress": 25.0,
        "current_phase": "collect",
        "phases": [{"phase_name": "collect", "status": "running", "progress": 50.0}],
        "agents": [{"agent_name": "device", "status": "running", "progress": 50.0, "logs": ["started"]}],
        "logs": ["investigation started"],
    },
    "results": None,
    "status": "IN_PROGRESS",
    "version": 7,
    **_TIMES,
    "last_accessed": _NOW,
}
_SUMMARY = {
    "investigation_id": _ID,
    "user_id": _USER,
    "name": "Card testing ring",
    "wizard_step": "PROGRESS",
    "status": "IN_PROGRESS",
    "version": 7,
    **_TIMES,
    "last_accessed": None,
    "description": None,
    "entity_count": 1,
    "started_at": None,
    "completed_at": None,
    "risk_score": None,
}
_TEMPLATE_BODY = {
    "template_id": _TEMPLATE,
    "user_id": _USER,
    "name": "Card testing",
    "description": None,
    "settings": SETTINGS,
    "usage_count": 3,
    **_TIMES,
}
_ENTRY = {
    "entry_id": "019b9f3a-6c1e-7f0b-9d0a-3f1f6f1d2c11",
    "investigation_id": _ID,
    "user_id": _USER,
    "action_type": "STATE_CHANGE",
    "previous_state": {"wizard_step": "SETTINGS", "version": 1},
    "new_state": {"wizard_step": "PROGRESS", "version": 2},
    "source": "USER",
    "timestamp": _UPDATED,
    "version": 2,
    "mutation_id": None,
}
_CHANGE = {
    "version": 7,
    "timestamp": _UPDATED,
    "action_type": "PROGRESS_UPDATED",
    "source": "SYSTEM",
    "user_id": "agent-1",
    "mutation_id": None,
    "fields_changed": ["progress"],
    "patch": [{"op": "replace", "path": "/progress/overall_progress", "value": 25.0}],
}
_CONFIG = {
    "apiBaseUrl": "https://wizard.example.com/api/v1",
    "wsBaseUrl": "wss://wizard.example.com/ws",
    "polling": {
        "baseInterval": 2000,
        "fastInterval": 500,
        "slowInterval": 5000,
        "maxRetries": 3,
        "backoffMultiplier": 2,
        "maxBackoff": 30000,
    },
    "features": {
        "enablePolling": True,
        "enableTemplates": True,
        "enableStateRecovery": True,
        "enableAuditLog": True,
    },
    "ui": {
        "maxEntitiesPerInvestigation": 10,
        "maxToolsPerInvestigation": 1000,
        "maxTemplatesPerUser": 50,
        "stateCacheTtlDays": 7.0,
    },
}
_HEALTH = {
    "status": "healthy",
    "server_time": _NOW,
    "recommended_intervals": {"fast_ms": 500, "normal_ms": 2000, "slow_ms": 5000},
    "server_load": {"active_connections": 12, "max_connections": 20000, "load_percentage": 0.06},
}


def _page(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"items": [item], "total": 1, "page": 1, "page_size": 20, "has_more": False}


_BY_NAME: Mapping[str, Any] = {
    "WizardStateCreate": {"investigation_id": _ID, "user_id": _USER, "settings": SETTINGS},
    "WizardStateUpdate": {"wizard_step": "PROGRESS"},
    "StateMergePatch": {"settings": {"description": None}, "version": 7},
    "StateJsonPatch": [{"op": "replace", "path": "/settings/name", "value": "Card testing"}],
    "ProgressReport": {
        "overall_progress": 40.0,
        "agents": [{"agent_name": "device", "progress": 80.0, "logs": ["9 accounts"]}],
    },
    "AuditLogCreate": {"investigation_id": _ID, "user_id": _USER, "action_type": "REVIEWED", "source": "USER"},
    "TemplateCreate": {"name": "Card testing", "settings": SETTINGS},
    "TemplateUpdate": {"description": "For bursts of small authorisations"},
    "TemplateApply": {"investigation_id": "inv-2", "overrides": {"correlation_mode": "AND"}},
    "WizardStateResponse": _STATE,
    "PaginatedResponse[WizardStateSummary]": _page(_SUMMARY),
    "PaginatedResponse[AuditLogResponse]": _page(_ENTRY),
    "PaginatedResponse[TemplateListed]": _page(_TEMPLATE_BODY),
    "AuditLogResponse": _ENTRY,
    "TemplateResponse": _TEMPLATE_BODY,
    "PollingResponse": {
        "investigation_id": _ID,
        "timestamp": _NOW,
        "has_changes": True,
        "next_poll_interval": 500,
        "version": 7,
        "state": _STATE,
    },
    "ChangesResponse": {
        "investigation_id": _ID,
        "from_version": 6,
        "to_version": 7,
        "changes": [_CHANGE],
        "has_more": False,
        "next_poll_interval": 500,
    },
    "ActiveInvestigationsResponse": {
        "investigations": [{**_SUMMARY, "overall_progress": 25.0, "current_phase": "collect"}],
        "total": 1,
        "limit": 100,
        "offset": 0,
        "timestamp": _NOW,
        "cursor": 42,
    },
    "PollingHealth": _HEALTH,
    "Alive": {"status": "alive"},
    "Readiness": {
        "status": "ready",
        "parts": {"schema": "ready", "database": "ready", "keys": "ready", "draining": "no"},
    },
    "ToolList": {"items": [{"tool_name": "device_graph", "parameters": {"type": "object"}}], "total": 1},
    "FrontEndConfig": _CONFIG,
}


def of(model: type[BaseModel]) -> Any:
    """Return the example of `model`; raise `KeyError` when there is none."""
    return _BY_NAME[model.__name__]
