"""Begins answers that stay open: their handlers send the head themselves."""

from aiohttp import web

from wizard_server.web.http.accounting import REQUESTS
from wizard_server.web.http.common_headers import HEADERS
from wizard_server.web.http.quotas import ADMISSION


async def begin(request: web.Request, response: web.StreamResponse) -> None:
    """Send the head of `response` with the common headers, and count its connection as open."""
    request.app[HEADERS].put(request, response.headers, request.get(ADMISSION))
    await response.prepare(request)
    response.headers.clear()  # they are sent, and would take a kilobyte for hours
    request.app[REQUESTS].opened(request, response)
