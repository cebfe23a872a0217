"""``/healthz`` and ``/readyz``: what an orchestrator asks (contract 4)."""

from aiohttp import web

from wizard_server.errors import StorageUnavailableError
from wizard_server.web.auth.authenticator import AUTHENTICATOR
from wizard_server.web.http.answers import json_response
from wizard_server.web.http.context import HUB, STORE
from wizard_server.web.http.problems import retry_after


async def healthz(request: web.Request) -> web.Response:
    """Say that the process answers."""
    return json_response(request, {"status": "alive"})


async def readyz(request: web.Request) -> web.Response:
    """Say whether to send requests here, and which part is not ready: 503 from the moment the server drains.

    The schema was compared before the server began to listen, so it is ready as long as the process lives. A database
    that answers and takes no writes (disk full, read-only, held by another process) is not ready from the first failed
    write until one succeeds.
    """
    keys = request.app[AUTHENTICATOR].unready() or "ready"
    parts = {"schema": "ready", "database": "ready", "keys": keys, "draining": "no"}
    try:
        await request.app[STORE].ping()
        await request.app[STORE].try_writing()
    except StorageUnavailableError as error:
        parts["database"] = error.message
    if request.app[HUB].draining:
        parts["draining"] = "yes"
    ready = parts["database"] == keys == "ready" and parts["draining"] == "no"
    body = {"status": "ready" if ready else "not ready", "parts": parts}
    return (
        json_response(request, body)
        if ready
        else json_response(request, body, status=503, headers={"Retry-After": retry_after()})
    )
