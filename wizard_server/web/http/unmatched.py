"""Answers requests that no route matches: an unknown path, a method that the path does not have, ``OPTIONS *``.

They get a route of their own, behind all others, because the framework would answer them in plain text and bypass the
pipeline.
"""

from http import HTTPStatus

from aiohttp import hdrs, web

from wizard_server.web.http.cors import Origins
from wizard_server.web.http.pipeline import Pipeline
from wizard_server.web.http.preflights import granted
from wizard_server.web.http.targets import SERVER_WIDE

ANYTHING = r"/{anything:[\s\S]*}"  # a line break in a path too


def refuse_the_rest(app: web.Application, origins: Origins, pipeline: Pipeline) -> None:
    """Answer requests that the routes of `app` do not match with 404, or with 405 and ``Allow``.

    Preflights of `origins` are granted, so that their pages see that answer. ``OPTIONS *`` is answered with all methods
    of the server; ``CONNECT`` is refused, because this is no proxy. Call this after all other routes have been added.
    """
    resources = list(app.router.resources())
    everywhere = {hdrs.METH_OPTIONS, *(route.method for route in app.router.routes())}

    async def refuse(request: web.Request) -> web.StreamResponse:
        grant = granted(request, origins)
        if grant is not None:
            return web.Response(status=HTTPStatus.NO_CONTENT, headers=grant)
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
