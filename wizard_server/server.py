"""An application that listens: for ``serve``, the demo and tests."""

import asyncio
import contextlib
import socket
from collections.abc import Sequence

from wizard_server.app import create_app
from wizard_server.config.loading import ServerConfig
from wizard_server.hub.hub import Hub
from wizard_server.web.http.acceptor import BACKLOG, Acceptor, listen, sockets_for, url_of
from wizard_server.web.http.context import HUB
from wizard_server.web.http.in_flight import IN_FLIGHT
from wizard_server.web.http.receiving import RECEIVING
from wizard_server.web.http.runner import Runner
from wizard_server.web.http.slow_readers import reset

# A request still in flight after [server] shutdown_timeout_seconds has this much longer, then it is cancelled.
CANCEL_AFTER_SECONDS = 0.5


class Server:
    """An application that listens; `start`, then `stop`."""

    def __init__(
        self, config: ServerConfig, config_path: str = "config.toml", sockets: Sequence[socket.socket] = ()
    ) -> None:
        """Serve on `sockets`, which listen; without them on those of ``[server] host`` and ``port``."""
        self._config = config
        self._sockets = sockets
        self._app = create_app(config, config_path=config_path)
        self._runner = Runner(self._app, shutdown_timeout=CANCEL_AFTER_SECONDS)
        self._acceptor: Acceptor | None = None

    async def start(self) -> str:
        """Open the database, listen, and return the URL.

        Raises `SchemaError`, `StorageUnavailableError`, and `OSError` when the address is taken.
        """
        host = self._config.server.host
        await self._runner.setup()
        try:
            sockets = self._sockets or listen(host, self._config.server.port, BACKLOG, sockets_for(BACKLOG))
        except OSError:
            await self._runner.cleanup()
            raise
        self._acceptor = Acceptor(sockets, self._runner.connection)
        self._acceptor.start()
        return url_of(host, sockets)

    @property
    def hub(self) -> Hub:
        """The hub of the application; for tests."""
        return self._app[HUB]

    async def kill(self) -> None:
        """Stop as after a crash, as far as one process can: reset connections, answer no request; for tests."""
        if self._acceptor is not None:
            await self._acceptor.close()
        if self._runner.server is not None:
            for connection in self._runner.server.connections:
                if connection.transport is not None:
                    reset(connection.transport)
        await self._runner.cleanup()

    async def stop(self) -> None:
        """Fail readiness, answer every parked poll, finish requests in flight, commit what has queued, close.

        It takes at most 2 seconds unless a client reads its answer slowly.
        """
        self._app[HUB].drain()
        self._app[RECEIVING].begin_drain()
        self._runner.stop_lingering()
        if self._acceptor is not None:
            await self._acceptor.close()
        # The requests in flight end first, because the framework's cleanup drops the rest of a body that one reads.
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._config.server.shutdown_timeout_seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._app[IN_FLIGHT].none_left()
        if self._runner.server is not None:
            self._runner.server.pre_shutdown()  # closes idle connections, for each of which `shutdown` would wait
            # Waits for answers that a client is still reading.
            await self._runner.server.shutdown(max(deadline - loop.time(), CANCEL_AFTER_SECONDS))
        await self._runner.cleanup()
