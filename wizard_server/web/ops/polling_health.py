"""``/api/v1/polling/health``: how the server fares, and how often to poll it (contract 4)."""

from aiohttp import web

from wizard_server.domain.clock import to_wire
from wizard_server.errors import StorageUnavailableError
from wizard_server.hub.hub import Hub
from wizard_server.web.http.answers import json_response
from wizard_server.web.http.context import HUB, INTERVALS, STORE, instant
from wizard_server.web.http.problems import retry_after

_DEGRADED_LOAD = 0.75


async def health(request: web.Request) -> web.Response:
    """Return how the server fares and how often to poll it; needs no token."""
    hub = request.app[HUB]
    status = await _status(request, hub)
    recommended = request.app[INTERVALS].under(hub.load)
    body = {
        "status": status,
        "server_time": to_wire(instant(request)),
        "recommended_intervals": {
            "fast_ms": recommended.fast_ms,
            "normal_ms": recommended.normal_ms,
            "slow_ms": recommended.slow_ms,
        },
        "server_load": {
            "active_connections": hub.parked,
            "max_connections": hub.max_waiters,
            "load_percentage": round(hub.load * 100, 2),
        },
    }
    headers = {"Cache-Control": "no-store"}
    if status == "unavailable":
        headers["Retry-After"] = retry_after()
    return json_response(request, body, status=503 if status == "unavailable" else 200, headers=headers)


async def _status(request: web.Request, hub: Hub) -> str:
    if hub.draining:
        return "unavailable"
    try:
        await request.app[STORE].ping()
    except StorageUnavailableError:
        return "unavailable"
    return "degraded" if hub.load >= _DEGRADED_LOAD or not await _takes_writes(request) else "healthy"


async def _takes_writes(request: web.Request) -> bool:
    """Return whether the database accepts writes; without them the server is degraded, because polls still work."""
    try:
        await request.app[STORE].try_writing()
    except StorageUnavailableError:
        return False
    return True
