"""How callers authenticate, by `[auth] mode`."""

from wizard_server.web.http.route import AnyRoute
from wizard_server.web.openapi.schemas import Schema


def security(route: AnyRoute, mode: str) -> list[Schema]:
    """Return the alternatives by which a caller is admitted: one for each scope."""
    if not route.scopes:
        return []
    if mode == "none":
        return [{"user": []}, {}]
    return [{"bearer": [scope]} for scope in route.scopes]


def security_schemes(mode: str) -> Schema:
    """Return the security scheme of the authentication `mode`."""
    if mode == "none":
        text = "Development: the user is whoever this header names, else `dev`."
        return {"user": {"type": "apiKey", "in": "header", "name": "X-User-Id", "description": text}}
    text = (
        "A signed token: `sub` is the user, `scope` holds `wizard:read`, `wizard:write`, `wizard:agent` (any user's"
        " investigations), `wizard:admin` (reads everything), `exp` is required. Each operation names the scopes,"
        " of which one is enough. A browser's WebSocket offers it as subprotocol `bearer.<token>`."
    )
    return {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": text}}
