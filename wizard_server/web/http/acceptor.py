"""Accepts connections: a few in each turn of the loop, with one log line a second when files run out.

`asyncio.Server` accepts as many in one turn as the kernel has queued, and logs a traceback for each when files run out.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from wizard_server.sparing import Sparing

logger = logging.getLogger(__name__)

# With the framework's 128 a reconnect storm waits for SYN retries.
BACKLOG = 16384
_LONGEST_QUEUE = Path("/proc/sys/net/core/somaxconn")
_MOST_SOCKETS = 8

# Connections accepted and not begun yet, whatever the number of listening sockets: other work runs in between, and few
# are open beyond [server] max_connections until they are closed.
AT_ONCE = 16
# How long the acceptor pauses when no file is left for a connection.
PAUSE_SECONDS = 0.25
_OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_NO_SUCH_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class Acceptor:
    """Accepts from listening sockets; `make` returns the protocol for each connection."""

    def __init__(self, listening: Sequence[socket.socket], make: Callable[[], asyncio.BaseProtocol]) -> None:
        self._listening = listening
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._lines = Sparing(logger, logging.ERROR, "no connection accepted: no file is left for it", 1)

    def start(self) -> None:
        """Start accepting."""
        self._pause = None
        for each in self._listening:
            self._loop.add_reader(each, self._accept, each)

    async def close(self) -> None:
        """Stop accepting, close the listening sockets, and return once each accepted connection has begun.

        One that begins later would be closed by nobody, because whoever closes them all would not know it yet.
        """
        self._stop()
        for each in self._listening:
            each.close()
        if self._beginning:
            await asyncio.wait(self._beginning)

    def _stop(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        for each in self._listening:
            self._loop.remove_reader(each)

    def _accept(self, listening: socket.socket) -> None:
        while len(self._beginning) < AT_ONCE:
            try:
                accepted, _ = listening.accept()
            except OSError as error:  # the queue is empty, or the client has gone
                if error.errno in _OUT_OF_FILES:
                    self._lines.log({"reason": error.strerror})
                    self._stop()
                    self._pause = self._loop.call_later(PAUSE_SECONDS, self.start)
                return
            accepted.setblocking(False)  # noqa: FBT003 - the standard library's signature
            task = self._loop.create_task(self._begin(accepted))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)

    async def _begin(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, accepted)
        except OSError as error:  # the client has gone
            accepted.close()
            logger.debug("connection ended before it began", extra={"reason": str(error)})


def listen(host: str, port: int, backlog: int, count: int = 1) -> list[socket.socket]:
    """Return `count` sockets for each address of `host`, on one port (0: a free one), with a queue of `backlog` each.

    A socket without SO_REUSEPORT is bound first, because it fails when another process uses the address; those that
    share the address replace it. Raises `OSError`.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listening: list[socket.socket] = []
    unavailable: OSError | None = None
    try:
        for family, name in dict.fromkeys((family, address[0]) for family, _, _, _, address in found):
            try:
                alone = _listening(family, (name, port), backlog, shared=False)
            except OSError as error:
                if error.errno not in _NO_SUCH_ADDRESS:
                    raise
                unavailable = error  # a name may resolve to an address that this machine does not have
                continue
            port = alone.getsockname()[1]
            if count == 1:
                listening.append(alone)
                continue
            alone.close()
            for _ in range(count):
                listening.append(_listening(family, (name, port), backlog, shared=True))  # noqa: PERF401 - so that each is closed
        if unavailable is not None and not listening:
            raise unavailable
    except OSError:
        for each in listening:
            each.close()
        raise
    return listening


def sockets_for(backlog: int) -> int:
    """Return how many listening sockets queue `backlog` connections: the kernel shortens the queue of each."""
    try:
        longest = int(_LONGEST_QUEUE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1  # no Linux, so nothing is known of it
    return min(max(-(-backlog // max(longest, 1)), 1), _MOST_SOCKETS)


def url_of(host: str, listening: Sequence[socket.socket]) -> str:
    """Return the URL of what listens on `host`."""
    port = listening[0].getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listening(
    family: socket.AddressFamily, address: tuple[str | int, int], backlog: int, *, shared: bool
) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)  # noqa: FBT003 - as above
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(backlog)
    except OSError as error:
        made.close()
        raise OSError(error.errno, (error.strerror or str(error)).lower()) from None
    return made
