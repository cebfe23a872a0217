"""What the tests of the pages are made of: tools, settings, results, and what agents send."""

import json
import time
import urllib.request
from typing import Any

import jwt

from tests.acceptance.process import ServerProcess
from tests.browser.conftest import SECRET

CATALOGUE = {
    "device_graph": {
        "type": "object",
        "properties": {"depth": {"type": "integer", "minimum": 1, "maximum": 4, "default": 2}},
        "required": ["depth"],
    },
    "ip_reputation": {"type": "object", "properties": {"include_proxies": {"type": "boolean", "default": True}}},
}
RESULTS = {
    "findings": [
        {"title": "23 accounts on one emulator", "description": "One device opened 23 accounts", "severity": "critical",
         "confidence": 0.97, "evidence": [{"device_id": "d-7f3a91c2", "accounts": 23}]},
        {"title": "Odd hours", "description": "At night", "severity": "low", "confidence": 0.5, "evidence": []},
    ],
    "risk_score": {"overall_score": 92.5, "category_scores": {"device": 96.0}, "risk_level": "critical"},
    "entity_summaries": {"u-48213": {"role": "member of the ring"}},
    "visualizations": {"attempts": {"declined": [1, 5, 3]}},
    "completed_at": "2026-03-17T00:00:00Z",
}  # fmt: skip

SETTINGS = {
    "name": "Gift cards",
    "entities": [{"entity_type": "user_id", "entity_id": "u-1"}],
    "time_range": {"start": "2026-03-09T00:00:00.000Z", "end": "2026-03-17T00:00:00.000Z"},
    "tools": [{"tool_name": "device_graph", "enabled": True, "parameters": {"depth": 2}}],
    "correlation_mode": "OR",
    "execution_mode": "parallel",
}


def agent(server: ServerProcess, method: str, path: str, body: dict[str, Any], resource: str = "wizard-state") -> Any:
    """Send what an agent sends."""
    request = urllib.request.Request(
        f"{server.url}/api/v1/{resource}/{path}".rstrip("/"),
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def read(server: ServerProcess, identifier: str, user: str = "dev") -> Any:
    """Return the state as the server has it."""
    url = f"{server.url}/api/v1/wizard-state/{identifier}"
    request = urllib.request.Request(url, headers={"X-User-Id": user})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def token(seconds: float = 600, user: str = "ann", scope: str = "wizard:read wizard:write") -> str:
    """Return a token of an analyst that is good for so long."""
    claims = {"sub": user, "scope": scope, "exp": int(time.time() + seconds)}
    return jwt.encode(claims, SECRET, "HS256")
