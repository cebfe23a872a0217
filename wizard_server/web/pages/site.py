"""The shell of the wizard, and the files of it and of the browser client (contract 12).

These are no part of the API and of its description: browsers ask for them, and programs do not.
"""

import asyncio
import re
from html import escape
from urllib.parse import urlsplit

from aiohttp import web

from wizard_server.config.loading import ServerConfig
from wizard_server.errors import NotFoundError
from wizard_server.web.http.assets import FOR_EVER
from wizard_server.web.http.pipeline import Pipeline, expect
from wizard_server.web.pages.files import Files, shell

SHELLS = (
    "/",
    "/templates",
    "/investigations/{investigation_id}",
    "/investigations/{investigation_id}/{part:settings|progress|results|history}",
)
FILE = "/static/{hash:[0-9a-f]{16}}/{path:.+}"
_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'{sockets};"
    " base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)


def add_pages(app: web.Application, config: ServerConfig, pipeline: Pipeline) -> None:
    """Put the shell and the files into `app`, unless ``[server] pages`` is off."""
    if not config.server.pages:
        return
    site = _Site(config)
    app.router.add_get(FILE, pipeline.open(site.file), expect_handler=expect)
    for path in SHELLS:
        app.router.add_get(path, pipeline.open(site.page), expect_handler=expect)


class _Site:
    def __init__(self, config: ServerConfig) -> None:
        self._files = Files()
        self._public = urlsplit(config.server.public_url or "")
        self._named = {
            "{auth}": config.auth.mode,
            "{login}": escape(config.auth.login_url or ""),
            "{catalogue}": "yes" if config.tools.catalog else "",
            "{base}": escape(f"{config.server.public_path}/"),
        }
        self._text = ""

    async def page(self, request: web.Request) -> web.Response:
        """Return the shell: who asks for which address is for its scripts to find out."""
        if not self._text:
            self._text = await asyncio.to_thread(self._filled)
        policy = _POLICY.format(sockets=self._sockets(request))
        headers = {"Cache-Control": "no-store", "Content-Security-Policy": policy}
        return web.Response(text=self._text, content_type="text/html", headers=headers)

    def _filled(self) -> str:
        self._files.load()
        text = shell()
        for name, value in {**self._named, "{hash}": self._files.hash}.items():
            text = text.replace(name, value)
        return text

    def _sockets(self, request: web.Request) -> str:
        """Return the WebSockets of this host as a policy has them: for some browsers 'self' does not cover them."""
        if self._public.netloc:
            return f" ws{self._public.scheme.removeprefix('http')}://{self._public.netloc}"
        host = request.headers.get("Host", "")
        return f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""

    async def file(self, request: web.Request) -> web.Response:
        """Return a file; below the hash of all files, as the shell names it, it never changes."""
        await asyncio.to_thread(self._files.load)
        folder, path = request.match_info["hash"], request.match_info["path"]
        found = self._files.find(path) if folder == self._files.hash else None
        if found is None:
            raise NotFoundError(f"no file {folder}/{path}")
        return found.answer(request, {"Cache-Control": FOR_EVER})
