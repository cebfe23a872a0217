"""``/openapi.json`` and ``/docs``: the description of the API, and a page to try it."""

import asyncio
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVarTuple

from aiohttp import web

from wizard_server.errors import NotFoundError
from wizard_server.web.http.assets import FOR_EVER, Asset, without_hash


class Description:
    """The description of the API; it takes 50 ms to make, so that is done once, and when somebody asks for it."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._made: Asset | None = None
        self._making = threading.Lock()

    def asset(self) -> Asset:
        """Return the document with its compressed form."""
        with self._making:
            if self._made is None:
                self._made = Asset.of(self._make(), "application/json")
            return self._made


Names = TypeVarTuple("Names")

# The page is made of the files, each by a thread of those that serve requests.
_MAKING = threading.RLock()
DESCRIPTION = web.AppKey("description", Description)

_STATIC = Path(__file__).parents[2] / "static"
_SCRIPT, _STYLE, _ICON = "text/javascript; charset=utf-8", "text/css; charset=utf-8", "image/png"
# Our own page and script, and those files of the package swagger-ui-py that they need.
_OURS = {"docs.js": _SCRIPT}
_SWAGGER = {"swagger-ui-bundle.js": _SCRIPT, "swagger-ui.css": _STYLE, "favicon-32x32.png": _ICON}
FILES = (*_OURS, *_SWAGGER)
FILE_PATTERN = rf"^({'|'.join(sorted({name.rpartition('.')[0] for name in FILES}))})(\.[0-9a-f]{{16}})?\.(css|js|png)$"
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
    asset = await asyncio.to_thread(_page)
    return asset.answer(request, {"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY})


async def file(request: web.Request) -> web.Response:
    """Return a file of that page; under a name that holds its hash, as the page names it, it never changes."""
    asked = request.match_info["file"]
    name, tag = without_hash(asked)
    if name not in FILES:
        raise NotFoundError(f"no file {asked}")
    asset = await asyncio.to_thread(_asset, name)
    if tag is not None and tag != asset.hash:
        raise NotFoundError(f"no file {asked}")
    return asset.answer(request, {"Cache-Control": FOR_EVER if tag else "no-cache"})


def _once(make: Callable[[*Names], Asset]) -> Callable[[*Names], Asset]:
    """Return `make`, which runs once for each argument, whoever else asks meanwhile."""
    known: dict[tuple[*Names], Asset] = {}

    def made(*names: *Names) -> Asset:
        with _MAKING:
            if names not in known:
                known[names] = make(*names)
            return known[names]

    return made


@_once
def _page() -> Asset:
    """Return the page, each file named with its hash, so that a new release is never mixed with an old one."""
    text = (_STATIC / "docs.html").read_text(encoding="utf-8")
    for name in FILES:
        stem, _, ending = name.rpartition(".")
        text = text.replace(f'"docs/{name}"', f'"docs/{stem}.{_asset(name).hash}.{ending}"')
    return Asset.of(text.encode(), "text/html; charset=utf-8")


@_once
def _asset(name: str) -> Asset:
    """Return one of `FILES`, read and compressed once in the life of the process."""
    if name in _OURS:
        return Asset.of((_STATIC / name).read_bytes(), _OURS[name])
    return Asset.of((_swagger_folder() / name).read_bytes(), _SWAGGER[name])


def _swagger_folder() -> Path:
    """Return where the package keeps its files; it is looked up, not imported."""
    found = find_spec("swagger_ui")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("the package swagger-ui-py is not installed")
    return Path(found.submodule_search_locations[0]) / "static"
