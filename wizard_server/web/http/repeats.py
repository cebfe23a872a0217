"""Requests that come again byte for byte, as those of a client that polls do, are answered without parsing them.

A client that polls at intervals sends the same bytes over and over until something has changed. What they ask is
remembered by these bytes, of whatever connection. Then an answer needs no parsing, no routing, no task and no turn of
the loop, which are three quarters of its cost (``python -m tests.benchmarks unchanged``). Everything that may differ
between two such requests is looked at each time: the token, the quota, the state, the drain. Where one of them needs
more than memory has, or an error is the answer, the request goes the ordinary way, and nothing has been counted.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from aiohttp import HttpVersion11, hdrs, web

from wizard_server.errors import RequestError
from wizard_server.hub.hub import Hub
from wizard_server.web.auth.authenticator import Authenticator
from wizard_server.web.http.accounting import Requests
from wizard_server.web.http.common_headers import CommonHeaders
from wizard_server.web.http.prepared import Repeatable
from wizard_server.web.http.quotas import RateLimiter

Again = Callable[[], bytes | None]

# What a request has that may be parked, in its query or in ``Prefer``.
WAITS = b"wait="
# Longer requests are not remembered. With the most that are remembered at a time this bounds the memory, at 40 MB.
MAX_BYTES = 2048
MAX_REMEMBERED = 10_000


class Repeats:
    """What answers the requests that came before, by their bytes; `prefixes` are those of the routes that have any."""

    __slots__ = ("_answers", "prefixes")

    def __init__(self) -> None:
        self.prefixes: tuple[bytes, ...] = ()
        self._answers: OrderedDict[bytes, Again] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def expect(self, paths: Sequence[str]) -> None:
        """Remember only requests to GET one of `paths`, which may have a parameter at their end."""
        self.prefixes = tuple(f"GET {path.partition('{')[0]}".encode() for path in paths)

    def admits(self, request: bytes) -> bool:
        """Whether these bytes, if they are one whole request, may be remembered: it must not wait."""
        return request.startswith(self.prefixes) and len(request) <= MAX_BYTES and WAITS not in request

    def remember(self, request: bytes, answer: Again) -> None:
        """Answer the same bytes by `answer` from now on, and forget those that came first when there is no room."""
        self._answers[request] = answer
        if len(self._answers) > MAX_REMEMBERED:
            self._answers.popitem(last=False)

    def answer(self, request: bytes) -> bytes | None:
        """Return the answer to a request that came before; None when it has to go the ordinary way."""
        again = self._answers.get(request)
        return None if again is None else again()


REPEATS = web.AppKey("repeats", Repeats)


class Repetition:
    """Makes what answers a request when it comes again: the steps of the pipeline that are not the same each time."""

    __slots__ = ("_authenticator", "_headers", "_hub", "_limiter", "_requests")

    def __init__(
        self,
        authenticator: Authenticator,
        limiter: RateLimiter,
        headers: CommonHeaders,
        hub: Hub,
        requests: Requests,
    ) -> None:
        self._authenticator = authenticator
        self._limiter = limiter
        self._headers = headers
        self._hub = hub
        self._requests = requests

    def of(self, request: web.Request, asked: Repeatable) -> Again:
        """Return what answers the bytes of `request`, which was admitted and answered just now."""
        caller_of, hub, admit = self._authenticator.repeated(request), self._hub, self._limiter.admit_at_once
        lines, counts, may_log = self._headers.repeated(request), self._requests.of(request), self._requests.may_log

        def answer() -> bytes | None:
            caller = caller_of()
            if caller is None or hub.draining or may_log(counts):
                return None
            try:
                make = asked.look(caller)
            except RequestError:
                return None
            admission = None if make is None else admit(caller)
            if make is None or admission is None:
                return None
            response = make()
            counts.by_status[response.status] += 1
            response.lines += lines(admission)
            return response.encoded()

        return answer


def comes_whole(request: web.Request) -> bool:
    """Whether the answer to a request depends on nothing but its bytes and keeps the connection open."""
    return request.method == hdrs.METH_GET and request.version == HttpVersion11 and request.keep_alive
