"""A server in this process that accepts connections as ``wizard-server serve`` does.

The framework's listens with `asyncio.Server`, which never closes a socket that it accepts while it is being closed:
some later test fails of it, when the garbage is collected.
"""

from typing import Any

from aiohttp.test_utils import TestServer
from aiohttp.typedefs import StrOrURL
from aiohttp.web import Server
from yarl import URL

from wizard_server.web.http.acceptor import BACKLOG, Acceptor, listen, url_of


class Accepting(TestServer):
    """Serves `app`; of a class of its own, because the framework's own way to listen cannot be handed in."""

    async def start_server(self, loop: object = None, **options: Any) -> None:
        """Listen."""
        if self.runner is not None:
            return
        self.runner = await self._make_runner(handler_cancellation=True, **options)
        await self.runner.setup()
        assert isinstance(self.runner.server, Server)
        sockets = listen(self.host, self.port or 0, BACKLOG)
        self.port = sockets[0].getsockname()[1]
        self._url = URL(url_of(self.host, sockets))
        self._acceptor = Acceptor(sockets, self.runner.server)
        self._acceptor.start()

    def make_url(self, path: StrOrURL) -> URL:
        """Return the URL of `path`."""
        return self._url.join(URL(path))

    async def close(self) -> None:
        """Close it, once."""
        if self.started and not self.closed:
            await self._acceptor.close()
        await super().close()
