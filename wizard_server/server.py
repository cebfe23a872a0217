"""An application that listens: for ``serve``, the demo and tests."""

import asyncio
import contextlib
from pathlib import Path

from wizard_server.app import create_app
from wizard_server.config.loading import ServerConfig
from wizard_server.hub.hub import Hub
from wizard_server.web.http.acceptor import Acceptor, listen
from wizard_server.web.http.context import HUB
from wizard_server.web.http.in_flight import IN_FLIGHT
from wizard_server.web.http.receiving import RECEIVING
from wizard_server.web.http.runner import Runner
from wizard_server.web.http.slow_readers import reset

# With the framework's 128 a reconnect storm waits for SYN retries.
BACKLOG = 16384
_LONGEST_QUEUE = Path("/proc/sys/net/core/somaxconn")
_MOST_SOCKETS = 8
# A request still in flight after [server] shutdown_timeout_seconds has this much longer, then it is cancelled.
CANCEL_AFTER_SECONDS = 0.5


class Server:
    """An application that listens; `start`, then `stop`."""

    def __init__(self, config: ServerConfig, config_path: str = "config.toml") -> None:
        self._config = config
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
            sockets = listen(host, self._config.server.port, BACKLOG, _sockets_for(BACKLOG))
        except OSError:
            await self._runner.cleanup()
            raise
        port = sockets[0].getsockname()[1]
        self._acceptor = Acceptor(sockets, self._runner.connection)
        self._acceptor.start()
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def hub(self) -> Hub:
        """The hub of the application; for tests."""
        return self._app[HUB]

    async def kill(self) -> None:
        """Stop as after a crash, as far as one process can: reset connections, answer no request; for tests."""
        if self._acceptor is not None:
            self._acceptor.close()
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
            self._acceptor.close()
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


def _sockets_for(backlog: int) -> int:
    """Return how many listening sockets queue `backlog` connections, because the kernel limits the queue of each."""
    try:
        longest = int(_LONGEST_QUEUE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1  # not Linux: the limit is not known
    return min(max(-(-backlog // max(longest, 1)), 1), _MOST_SOCKETS)
