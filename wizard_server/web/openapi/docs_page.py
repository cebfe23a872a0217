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
    """The description of the API, made at its first request and once, because that takes 50 ms."""

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

# Threads of several requests may make the page and its files; the page needs the files, so the lock is reentrant.
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
    """Return a file of that page; under a name with its hash, as the page names it, it never changes."""
    asked = request.match_info["file"]
    name, tag = without_hash(asked)
    if name not in FILES:
        raise NotFoundError(f"no file {asked}")
    asset = await asyncio.to_thread(_asset, name)
    if tag is not None and tag != asset.hash:
        raise NotFoundError(f"no file {asked}")
    return asset.answer(request, {"Cache-Control": FOR_EVER if tag else "no-cache"})


def _once(make: Callable[[*Names], Asset]) -> Callable[[*Names], Asset]:
    """Return `make` with its results cached; concurrent calls with the same arguments run it once."""
    known: dict[tuple[*Names], Asset] = {}

    def made(*names: *Names) -> Asset:
        with _MAKING:
            if names not in known:
                known[names] = make(*names)
            return known[names]

    return made


@_once
def _page() -> Asset:
    """Return the page, which names each file with its hash, so that files of two releases are never mixed."""
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
    """Return the folder of the package's files; the package is located and not imported."""
    found = find_spec("swagger_ui")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("the package swagger-ui-py is not installed")
    return Path(found.submodule_search_locations[0]) / "static"
