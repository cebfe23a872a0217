"""The whole route table: which routes exist, who may use them, which feature they belong to, their inputs and answers.

The description of the API is made from this table. Problems that follow from the rest of a route (a malformed body, an
unknown identifier, a caller without scope) are not declared; ``web.openapi.problems`` derives them.
"""

import orjson
from aiohttp import web

from wizard_server.config.loading import ServerConfig
from wizard_server.errors import FeatureDisabledError
from wizard_server.web.api import routes as api
from wizard_server.web.http.pipeline import Pipeline, expect
from wizard_server.web.http.route import AnyRoute, OpenHandler, OpenRoute, Route
from wizard_server.web.http.route_inputs import RouteInputs
from wizard_server.web.live import routes as live
from wizard_server.web.openapi import docs_page
from wizard_server.web.openapi import routes as openapi
from wizard_server.web.openapi.document import describe
from wizard_server.web.ops import routes as ops
from wizard_server.web.pages import routes as pages

__all__ = ["ROUTES", "OpenRoute", "Route", "add_routes", "describe_api"]


ROUTES: tuple[AnyRoute, ...] = (*api.ROUTES, *live.ROUTES, *ops.ROUTES, *openapi.ROUTES, *pages.ROUTES)


def add_routes(app: web.Application, config: ServerConfig, pipeline: Pipeline) -> None:
    """Add all routes to `app`, each behind the pipeline with its scopes, features and inputs."""
    app[docs_page.DESCRIPTION] = docs_page.Description(lambda: describe_api(config))
    # The framework tries routes with a common beginning in this order, and single states are requested most.
    for route in sorted(ROUTES, key=lambda route: "{" not in route.path):
        handler = _behind_its_rules(route, config, pipeline)
        if route.method == "GET":
            app.router.add_get(route.path, handler, expect_handler=expect)  # and HEAD
        else:
            app.router.add_route(route.method, route.path, handler, expect_handler=expect)


def _behind_its_rules(route: AnyRoute, config: ServerConfig, pipeline: Pipeline) -> OpenHandler:
    disabled = [feature for feature in route.features if not getattr(config.features, feature)]
    if disabled:
        return pipeline.open(_disabled(disabled[0]))
    if isinstance(route, OpenRoute):
        return pipeline.open(route.handler, RouteInputs(route))
    return pipeline.guarded(route)


def describe_api(config: ServerConfig) -> bytes:
    """Return the description of the API as JSON; of the configuration only `[auth] mode` and `public_url` matter."""
    document = describe(ROUTES, config.auth.mode, config.server.public_url)
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _disabled(feature: str) -> OpenHandler:
    async def handle(request: web.Request) -> web.StreamResponse:
        raise FeatureDisabledError(f"the feature {feature} is switched off")

    return handle
