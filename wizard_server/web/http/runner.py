"""Runs an application on our own `Connection`s instead of the framework's."""

import asyncio
from typing import Any

from aiohttp import web

from wizard_server.web.http.connections import Connection
from wizard_server.web.http.context import CONFIG
from wizard_server.web.http.refused_requests import MAX_HEADER_BYTES, MAX_HEADERS, MAX_REQUEST_LINE_BYTES
from wizard_server.web.http.slow_clients import Patience
from wizard_server.web.http.targets import with_path

# The rest of a refused request is read and dropped for so long, because a client reads the refusal after sending.
LINGER_SECONDS = 5.0


class _Server(web.Server):
    """Makes a `Connection` for each client."""

    def __init__(self, made: web.Server, app: web.Application, patience: Patience, **options: Any) -> None:
        super().__init__(
            made.request_handler,
            request_factory=with_path(made.request_factory),
            handler_cancellation=made.handler_cancellation,
            **options,
        )
        self._app = app
        self._patience = patience
        self._options = options

    def stop_lingering(self) -> None:
        """See `Connection.stop_lingering`."""
        for connection in self.connections:
            if isinstance(connection, Connection):
                connection.stop_lingering()

    def __call__(self) -> Connection:
        return Connection(self, self._app, self._patience, loop=asyncio.get_running_loop(), **self._options)


class Runner(web.AppRunner):
    """Runs an application made by `create_app`, for production and tests alike.

    A client that goes away cancels its handler. Bodies stay compressed until `bodies` reads them, so that a body which
    no handler reads costs no work.
    """

    def __init__(self, app: web.Application, **options: Any) -> None:
        fixed: dict[str, Any] = {
            "handler_cancellation": True,
            "access_log": None,
            "keepalive_timeout": float(app[CONFIG].server.keepalive_seconds),
            "lingering_time": LINGER_SECONDS,
            "max_line_size": MAX_REQUEST_LINE_BYTES,
            "max_field_size": MAX_HEADER_BYTES,
            "max_headers": MAX_HEADERS,
            "auto_decompress": False,
        }
        super().__init__(app, **{**options, **fixed})
        self._options = {name: value for name, value in fixed.items() if name != "handler_cancellation"}

    def stop_lingering(self) -> None:
        """Wait on no connection for the rest of a refused request, because the server shuts down."""
        if isinstance(self.server, _Server):
            self.server.stop_lingering()

    def connection(self) -> Connection:
        """Return the protocol of a new connection."""
        assert isinstance(self.server, _Server)  # noqa: S101 - tells mypy what `_make_server` makes
        return self.server()

    async def _make_server(self) -> web.Server:
        config = self.app[CONFIG]
        patience = Patience(config.server.receive_timeout_seconds, config.polling.send_timeout_seconds)
        return _Server(await super()._make_server(), self.app, patience, **self._options)
