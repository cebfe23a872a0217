"""``wizard-server serve``: listen, and go when asked to (contract 5 and 10)."""

import asyncio
import contextlib
import logging
import os
import resource
import shlex
import signal
from pathlib import Path

from wizard_server import collector, logs
from wizard_server.app import create_app
from wizard_server.commands.console import tell
from wizard_server.config import ServerConfig
from wizard_server.errors import SchemaError, StorageUnavailableError
from wizard_server.storage.sqlite import must_not_be_closed
from wizard_server.web.accepting import Acceptor, listen
from wizard_server.web.keys import HUB, UNDER_WAY
from wizard_server.web.protocol import Runner
from wizard_server.web.receiving import RECEIVING

logger = logging.getLogger(__name__)

# With the framework's 128 a reconnect storm waits for SYN retries.
BACKLOG = 16384
_LONGEST_QUEUE = Path("/proc/sys/net/core/somaxconn")
_MOST_SOCKETS = 8
# What has not ended within [server] shutdown_timeout_seconds gets this much longer, then it is cancelled.
CANCEL_AFTER_SECONDS = 0.5


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


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

    async def stop(self) -> None:
        """Fail readiness, answer every parked poll, let what is under way end, commit what has queued, close.

        It takes 2 seconds at the most unless an answer is on its way to a client that reads slowly.
        """
        self._app[HUB].drain()
        self._app[RECEIVING].hurry()
        self._runner.hurry()
        if self._acceptor is not None:
            self._acceptor.close()
        # From its cleanup on the framework drops what arrives, the rest of a body that a handler waits for too.
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._config.server.shutdown_timeout_seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._app[UNDER_WAY].none_left()
        if self._runner.server is not None:
            self._runner.server.pre_shutdown()  # closes idle connections, for each of which `shutdown` would wait
            # What is answered may still be on its way to a client that reads slowly.
            await self._runner.server.shutdown(max(deadline - loop.time(), CANCEL_AFTER_SECONDS))
        await self._runner.cleanup()


async def serve(config: ServerConfig, config_path: str) -> int:
    """Run until SIGTERM, SIGINT or SIGHUP (the terminal has gone); return the exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    logs.configure(config.logging)
    _raise_file_limit()
    server = Server(config, config_path)
    try:
        url = await server.start()
    except SchemaError as error:
        return _refuse(error.message)
    except StorageUnavailableError as error:
        return _refuse(error.message + _how_to_make(config.database.sqlite_path, config_path))
    except OSError as error:
        return _refuse(f"cannot listen on {config.server.host}:{config.server.port}: {error}")
    collector.relax()
    print(f"Listening on {url}", flush=True)
    logger.info("ready", extra={"url": url})
    await stop.wait()
    for number in _SIGNALS:
        loop.remove_signal_handler(number)  # the next one ends the process whatever it does
    await server.stop()
    if must_not_be_closed():  # not even by Python's own clearing up
        logging.shutdown()
        os._exit(0)
    return 0


def _sockets_for(backlog: int) -> int:
    """Return how many listening sockets queue `backlog` connections: the kernel shortens the queue of each."""
    try:
        longest = int(_LONGEST_QUEUE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1  # no Linux, so nothing is known of it
    return min(max(-(-backlog // max(longest, 1)), 1), _MOST_SOCKETS)


def _how_to_make(path: str, config_path: str) -> str:
    if Path(path).exists():
        return ""
    return f"\n    make it: wizard-server schema apply --config {shlex.quote(config_path)}"


def _raise_file_limit() -> None:
    """Let this process have as many connections as the system permits: each is an open file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _refuse(reason: str) -> int:
    tell(f"wizard-server: {reason}")
    return 1
