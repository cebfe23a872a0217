"""What no route takes: a path that is none, a method that the path does not have, the server as a whole.

The framework answers these itself, in plain text, and past everything that other requests go through; so they get a
route of their own, behind all others.
"""

from http import HTTPStatus

from aiohttp import hdrs, web

from wizard_server.web.http.cors import Origins
from wizard_server.web.http.pipeline import Pipeline
from wizard_server.web.http.preflights import granted
from wizard_server.web.http.targets import SERVER_WIDE

ANYTHING = r"/{anything:[\s\S]*}"  # a line break in a path too


def refuse_the_rest(app: web.Application, origins: Origins, pipeline: Pipeline) -> None:
    """Answer what the routes of `app` do not take with 404, or 405 and ``Allow``. Call this after all routes are in.

    Pages of `origins` that ask first are let through to that answer.
    ``OPTIONS *`` is answered with every method that there is; ``CONNECT`` is refused, for this is no proxy.
    """
    resources = list(app.router.resources())
    everywhere = {hdrs.METH_OPTIONS, *(route.method for route in app.router.routes())}

    async def refuse(request: web.Request) -> web.StreamResponse:
        told = granted(request, origins)
        if told is not None:
            return web.Response(status=HTTPStatus.NO_CONTENT, headers=told)
        if SERVER_WIDE in request:
            if request.method == hdrs.METH_OPTIONS:
                allow = {hdrs.ALLOW: ", ".join(sorted(everywhere))}
                return web.Response(status=HTTPStatus.NO_CONTENT, headers=allow)
            raise web.HTTPMethodNotAllowed(request.method, everywhere)
        allowed: set[str] = set()
        for resource in resources:
            allowed |= (await resource.resolve(request))[1]
        if allowed:
            raise web.HTTPMethodNotAllowed(request.method, allowed)
        raise web.HTTPNotFound

    app.router.add_route("*", ANYTHING, pipeline.open(refuse))
