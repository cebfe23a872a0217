"""Accepts connections: a few in each turn of the loop, however many have queued, and without a word when files run out.

The framework's way (`asyncio.Server`) goes round as often as the kernel's queue is long, and once it is out of files it
logs a traceback each time.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence

from wizard_server.sparing import Sparing

logger = logging.getLogger(__name__)

# From one listening socket in one turn of the loop; what else there is to do is done in between.
AT_ONCE = 32
# How long nothing is accepted once there is no file left for a connection.
PAUSE_SECONDS = 0.25
_OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_NO_SUCH_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class Acceptor:
    """Accepts from listening sockets, and has `make` make a protocol for each connection."""

    def __init__(self, listening: Sequence[socket.socket], make: Callable[[], asyncio.BaseProtocol]) -> None:
        self._listening = listening
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._lines = Sparing(logger, logging.ERROR, "no connection accepted: no file is left for it", 1)

    def start(self) -> None:
        """Accept from now on."""
        self._pause = None
        for each in self._listening:
            self._loop.add_reader(each, self._accept, each)

    def close(self) -> None:
        """Accept no more."""
        self._stop()
        for each in self._listening:
            each.close()

    def _stop(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        for each in self._listening:
            self._loop.remove_reader(each)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, _ = listening.accept()
            except OSError as error:  # nobody is there (any more)
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
        except OSError as error:  # it has gone already
            accepted.close()
            logger.debug("connection ended before it began", extra={"reason": str(error)})


def listen(host: str, port: int, backlog: int, count: int = 1) -> list[socket.socket]:
    """Return `count` sockets for each address of `host`, all on one port (0: a free one), that queue `backlog` each.

    The first one listens alone, which no address in use permits; those that share the address come after it. Raises
    `OSError`.
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
                unavailable = error  # a name may stand for an address that this machine does not have
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
