"""Thousands of HTTP connections in one thread: one epoll, and as little parsing as an answer needs.

asyncio would cost this side as much for each answer as the servers take to write one, and the load would be what is
measured. Nothing waits without a bound.
"""

import gc
import select
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_CHUNK = 256 * 1024
_EVENTS = 4096
_RESET = struct.pack("ii", 1, 0)
_BODILESS = frozenset({204, 304})
PATIENCE_SECONDS = 60.0


class Connection:
    """One connection, kept alive, with one request under way at most; times are of the monotonic clock, in seconds.

    `waits`: a request is under way. `gone`: the server closed the connection while none was, as it may.
    """

    __slots__ = ("_got", "_missing", "answered", "gone", "number", "request", "sent", "sock", "status", "waits")

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self.number = number
        self.request = b""
        self.waits = False
        self.gone = False
        self.status = 0
        self.sent = 0.0
        self.answered = 0.0
        self._got = b""
        self._missing = 0

    def receive(self) -> bool:
        """Take what has come and return whether that ends an answer; raise `ConnectionError` when the server left."""
        data = self.sock.recv(_CHUNK)
        if not data:
            if not self.waits:
                self.gone = True
                return False
            raise ConnectionError(f"the server closed connection {self.number}: {self._got[:200]!r}")
        if self._missing:
            self._missing -= len(data)
        elif not self._take_head(data):
            return False
        if self._missing > 0:
            return False
        self.answered = time.monotonic()
        self.waits = False
        return True

    def _take_head(self, data: bytes) -> bool:
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self._got[:end].lower()
        self.status = int(head[9:12])
        place = head.find(b"\r\ncontent-length:")
        if place >= 0:
            length = int(head[place + 17 :].partition(b"\r\n")[0])
        elif self.status in _BODILESS:
            length = 0
        else:
            raise ConnectionError(f"an answer without a length: {head!r}")
        self._missing = length - (len(self._got) - end - 4)
        self._got = b""
        return True


class Swarm:
    """Connections to one server; a context manager that leaves none open."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._epoll = select.epoll()
        self._by_number: dict[int, Connection] = {}
        self._collects = False

    def __enter__(self) -> "Swarm":
        self._collects = gc.isenabled()
        gc.disable()  # a collection among ten thousand connections would be measured as the server's
        return self

    def __exit__(self, *exception: object) -> None:
        self.leave()
        self._epoll.close()
        if self._collects:
            gc.enable()

    def connect(self, count: int, port: int | None = None) -> list[Connection]:
        """Begin `count` connections at once; a request may be given to each right away. `port`: another server's."""
        address = self._address if port is None else (self._address[0], port)
        return [self._connect(address) for _ in range(count)]

    def _connect(self, address: tuple[str, int]) -> Connection:
        sock = socket.socket()
        sock.settimeout(0)
        connection = Connection(sock, sock.fileno())
        self._by_number[connection.number] = connection
        sock.connect_ex(address)
        self._epoll.register(connection.number, select.EPOLLIN)
        return connection

    def leave(self) -> None:
        """Drop every connection at once, as after a crash."""
        self.drop(list(self._by_number.values()))

    def drop(self, connections: Iterable[Connection]) -> None:
        """Drop those that are not dropped yet: with a RST, so that no address stays taken."""
        for connection in connections:
            if self._by_number.get(connection.number) is not connection:
                continue
            del self._by_number[connection.number]
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.sock.close()

    def ask(self, connection: Connection, request: bytes) -> None:
        """Send a request, as soon as the connection stands."""
        connection.sent = time.monotonic()
        connection.waits = True
        try:
            sent = connection.sock.send(request)
        except BlockingIOError:
            connection.request = request
            self._epoll.modify(connection.number, select.EPOLLOUT)
            return
        if sent != len(request):
            raise ConnectionError(f"{sent} bytes of {len(request)} fit into the socket")

    def pump(self, seconds: float) -> list[Connection]:
        """Wait up to `seconds` for something to happen; return the connections that have their answer now."""
        done: list[Connection] = []
        for number, event in self._epoll.poll(max(seconds, 0), _EVENTS):
            connection = self._by_number[number]
            if event & select.EPOLLOUT and connection.request:
                self._epoll.modify(number, select.EPOLLIN)
                request, connection.request = connection.request, b""
                self.ask(connection, request)
            elif connection.receive():
                done.append(connection)
            elif connection.gone:
                self.drop([connection])
        return done

    def answers(self, count: int, seconds: float = PATIENCE_SECONDS) -> Iterator[Connection]:
        """Yield connections as they are answered, `count` in all; raise `TimeoutError` after `seconds`."""
        deadline = time.monotonic() + seconds
        while count > 0:
            left = deadline - time.monotonic()
            if left < 0:
                raise TimeoutError(f"{count} answers are missing after {seconds:g} s")
            done = self.pump(left)
            count -= len(done)
            yield from done

    def answer(self, connection: Connection, request: bytes, *expected: int) -> Connection:
        """Ask while nothing else is under way, and return once answered, with one of the `expected` statuses."""
        self.ask(connection, request)
        for answered in self.answers(1):
            check(answered, *expected)
        return connection


@contextmanager
def swarming(port: int, count: int) -> Iterator[tuple[Swarm, list[Connection]]]:
    """Lend a swarm of `count` connections."""
    with Swarm(port) as swarm:
        yield swarm, swarm.connect(count)


def check(connection: Connection, *expected: int) -> None:
    """Raise `ValueError` for an answer that is none of the `expected` statuses: what is measured is the right thing."""
    if connection.status not in expected:
        raise ValueError(f"status {connection.status} instead of {expected}")


def request(method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    """Return a whole HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
