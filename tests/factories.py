"""Valid things with overrides: what a test does not name is as an analyst would have it."""

from datetime import timedelta
from typing import Any

from wizard_server.config.loading import ServerConfig
from wizard_server.domain.rules import Rules

USER = "dev"


def config(path: str = "investigations.db", **sections: dict[str, Any]) -> ServerConfig:
    """Return a configuration for tests: mode none, the database at `path`, sections merged over the defaults.

    `path` may be the URL of a server.
    """
    is_server = path.startswith("postgresql://")
    given: dict[str, dict[str, Any]] = {
        "database": {"url": path, "require_durability": False} if is_server else {"url": f"sqlite:///{path}"},
        "polling": {"fast_interval_ms": 500, "normal_interval_ms": 2000, "slow_interval_ms": 5000},
        "auth": {"mode": "none"},
        "server": {"port": 0},
        "rate_limit": {
            "requests_per_second": 1e6,
            "burst": 1_000_000,
            "agent_requests_per_second": 1e6,
            "agent_burst": 1_000_000,
        },
    }
    for section, keys in sections.items():
        given[section] = {**given.get(section, {}), **keys}
    return ServerConfig.model_validate(given)


def settings(**overrides: Any) -> dict[str, Any]:
    return {
        "name": "Card testing ring",
        "description": "Burst of small authorisations",
        "entities": [{"entity_type": "user_id", "entity_id": "u-1"}, {"entity_type": "device_id", "entity_id": "d-9"}],
        "time_range": {"start": "2026-01-01T00:00:00.000Z", "end": "2026-01-08T00:00:00.000Z"},
        "tools": [{"tool_name": "device_graph", "enabled": True, "parameters": {"depth": 2}}],
        **overrides,
    }


def progress(**overrides: Any) -> dict[str, Any]:
    return {
        "overall_progress": 25.0,
        "current_phase": "collect",
        "phases": [
            {"phase_name": "collect", "status": "running", "progress": 50.0},
            {"phase_name": "score", "status": "pending", "progress": 0.0},
        ],
        "agents": [{"agent_name": "device", "status": "running", "progress": 50.0, "logs": ["started"]}],
        "logs": ["investigation started"],
        "started_at": "2026-01-09T08:00:00.000Z",
        **overrides,
    }


def results(**overrides: Any) -> dict[str, Any]:
    return {
        "findings": [
            {
                "title": "Shared device",
                "description": "Nine accounts on one device",
                "severity": "high",
                "confidence": 0.93,
                "evidence": [{"device_id": "d-9", "accounts": 9}],
            }
        ],
        "risk_score": {"overall_score": 87.5, "category_scores": {"device": 91.0}, "risk_level": "high"},
        "entity_summaries": {"u-1": {"accounts": 9}},
        "visualizations": {},
        "completed_at": "2026-01-09T08:05:00.000Z",
        **overrides,
    }


def creation(investigation_id: str = "inv-1", **overrides: Any) -> dict[str, Any]:
    return {"investigation_id": investigation_id, "user_id": USER, "settings": settings(), **overrides}


def rules(**overrides: Any) -> Rules:
    given: dict[str, Any] = {
        "max_size_kb": 500,
        "max_nodes": 20_000,
        "require_precondition": False,
        "stale_after": timedelta(days=7),
        "stalled_after": timedelta(minutes=2),
        "recovery": True,
        "max_templates": 50,
        "catalogue": None,
    }
    return Rules(**{**given, **overrides})
