"""``/static/client/{module}``: the browser client, as ``wizard-server client`` packs it (contract 11)."""

import asyncio
from functools import cache

from aiohttp import web

from wizard_server.errors import NotFoundError
from wizard_server.web.http.assets import FOR_EVER, Asset, without_hash
from wizard_server.web.pages.client_files import client_files, media_of


async def module(request: web.Request) -> web.Response:
    """Return a file of the browser client; ``index.js`` imports the others.

    Under a name that holds its hash (``index.0123456789abcdef.js``, as in an import map) it never changes.
    """
    asked = request.match_info["module"]
    name, tag = without_hash(asked)
    if name not in client_files():
        raise NotFoundError(f"no file {asked}")
    asset = await asyncio.to_thread(client_asset, name)
    if tag is not None and tag != asset.hash:
        raise NotFoundError(f"no file {asked}")
    return asset.answer(request, {"Cache-Control": FOR_EVER if tag else "no-cache"})


@cache
def client_asset(name: str) -> Asset:
    """Return a file of the client, compressed once in the life of the process."""
    return Asset.of(client_files()[name], media_of(name))
