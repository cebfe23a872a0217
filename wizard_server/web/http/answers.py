"""JSON answers."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from wizard_server.web.http.compression import compressed

JSON_BODY = {"Content-Type": "application/json"}
GZIP_BODY = {"Content-Encoding": "gzip"}


def json_response(
    request: web.Request, body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return `body` (anything orjson encodes) as JSON, compressed over 1 KiB when the client asks."""
    sent = {"Vary": "Accept-Encoding", **(headers or {})}
    text = compressed(request, orjson.dumps(body), sent)
    return web.Response(body=text, status=status, content_type="application/json", headers=sent)
