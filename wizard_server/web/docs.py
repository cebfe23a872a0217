"""``/openapi.json`` and ``/docs``: the description of the API, and a page to try it."""

import asyncio
import functools
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from aiohttp import web

from wizard_server.errors import NotFoundError
from wizard_server.web.openapi.assets import Asset


class Description:
    """The description of the API; it takes 50 ms to make, so that is done once, and when somebody asks for it."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._made: Asset | None = None

    def asset(self) -> Asset:
        """Return the document with its compressed form."""
        if self._made is None:
            self._made = Asset.of(self._make(), "application/json")
        return self._made


DESCRIPTION = web.AppKey("description", Description)

_STATIC = Path(__file__).parents[1] / "static"
_SCRIPT, _STYLE, _ICON = "text/javascript; charset=utf-8", "text/css; charset=utf-8", "image/png"
# Our own page and script, and those files of the package swagger-ui-py that they need.
_OURS = {"docs.html": "text/html; charset=utf-8", "docs.js": _SCRIPT}
_SWAGGER = {"swagger-ui-bundle.js": _SCRIPT, "swagger-ui.css": _STYLE, "favicon-32x32.png": _ICON}
FILES = ("docs.js", *_SWAGGER)
# The style sheet of Swagger UI holds its icons as data; its scripts set styles on elements, which no policy forbids.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def description(request: web.Request) -> web.Response:
    """Return this description of the API, in OpenAPI 3.1."""
    asset = await asyncio.to_thread(request.app[DESCRIPTION].asset)
    return asset.answer(request, {"Cache-Control": "no-cache"})


async def page(request: web.Request) -> web.Response:
    """Return a page to try the API: authorize once with a token, then send requests."""
    asset = await asyncio.to_thread(_asset, "docs.html")
    return asset.answer(request, {"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY})


async def file(request: web.Request) -> web.Response:
    """Return a file of that page."""
    name = request.match_info["file"]
    if name not in FILES:
        raise NotFoundError(f"no file {name}")
    asset = await asyncio.to_thread(_asset, name)
    return asset.answer(request, {"Cache-Control": "public, max-age=86400"})


@functools.cache
def _asset(name: str) -> Asset:
    """Return one of `FILES` or the page, read and compressed once in the life of the process."""
    if name in _OURS:
        return Asset.of((_STATIC / name).read_bytes(), _OURS[name])
    return Asset.of((_swagger_folder() / name).read_bytes(), _SWAGGER[name])


def _swagger_folder() -> Path:
    """Return where the package keeps its files; it is looked up, not imported."""
    found = find_spec("swagger_ui")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("the package swagger-ui-py is not installed")
    return Path(found.submodule_search_locations[0]) / "static"
