"""What every request passes: counted, its error turned into a problem, told about.

It runs for each of 26,000 polls a second, so without an error it is plain additions and comparisons: no context
manager, no look-up in the application, no text. Measured: 0.8 microseconds a request.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from time import perf_counter

from aiohttp import web
from aiohttp.typedefs import Middleware

from wizard_server.events import Hub
from wizard_server.web import problems
from wizard_server.web.tally import Requests, logger
from wizard_server.web.underway import UnderWay

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answering(hub: Hub, under_way: UnderWay, requests: Requests) -> Middleware:
    """Return the middleware of one application; while its server drains no connection lives on after its answer."""
    by_route = requests.by_route
    is_enabled = logger.isEnabledFor

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun = perf_counter()
        under_way.count += 1
        tally = by_route.get(request.match_info.route) or requests.unmatched(request.method)
        try:
            response = await handler(request)
        except asyncio.CancelledError:
            requests.cancelled(request, tally, begun)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a problem and not its details
            response = problems.answer(request, error)
        finally:
            under_way.end()
        status = response.status
        tally.by_status[status] += 1
        if status >= HTTPStatus.BAD_REQUEST or tally.opens or is_enabled(tally.level):
            requests.tell(request, response, tally, begun)
        if hub.draining and not response.prepared:
            response.force_close()
        return response

    return answer
