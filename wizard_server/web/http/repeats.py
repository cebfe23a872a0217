"""Requests that come again byte for byte, as those of a client that polls do, are answered without parsing them.

A client that polls at intervals sends the same bytes over and over until something has changed. What they ask is
remembered by these bytes, of whatever connection. Then an answer needs no parsing, no routing, no task and no turn of
the loop, which are three quarters of its cost (``python -m tests.benchmarks unchanged``). Everything that may differ
between two such requests is looked at each time: the token, the quota, the state, the drain; where other nodes write,
after a look at the database, which all that came before it share. Where one of them needs more than memory has, or an
error is the answer, the request goes the ordinary way, and nothing has been counted.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from aiohttp import HttpVersion11, hdrs, web

from wizard_server.errors import RequestError
from wizard_server.hub.hub import Hub
from wizard_server.web.auth.authenticator import Authenticator
from wizard_server.web.http.accounting import Requests
from wizard_server.web.http.common_headers import CommonHeaders
from wizard_server.web.http.context import given_id, new_id
from wizard_server.web.http.in_flight import InFlight
from wizard_server.web.http.prepared import Repeatable
from wizard_server.web.http.quotas import RateLimiter

if TYPE_CHECKING:
    import asyncio

NextLook = Callable[[], "asyncio.Future[bool]"]

# What a request has that may be parked, in its query or in ``Prefer``.
WAITS = b"wait="
# Longer requests are not remembered. With the most that are remembered at a time this bounds the memory, at 40 MB.
MAX_BYTES = 2048
MAX_REMEMBERED = 10_000


class Again(Protocol):
    """What answers one request when it comes again."""

    def is_worth_a_look(self) -> bool:
        """Whether it may be answered after a look at the database: a refusal must cost none."""

    def answer(self) -> bytes | None:
        """Return the answer; None where the request has to go the ordinary way, and nothing has been counted."""

    def count_cancelled(self) -> None:
        """Count a client that went away before the answer."""


class Repeats:
    """What answers the requests that came before, by their bytes; `prefixes` are those of the routes that have any.

    Where there is a `next_look` an answer waits for what it returns; meanwhile its request is one of those `in_flight`.
    """

    __slots__ = ("_answers", "in_flight", "next_look", "prefixes")

    def __init__(self, in_flight: InFlight) -> None:
        self.in_flight = in_flight
        self.next_look: NextLook | None = None
        self.prefixes: tuple[bytes, ...] = ()
        self._answers: OrderedDict[bytes, Again] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def expect(self, paths: Sequence[str], next_look: NextLook | None) -> None:
        """Remember only requests to GET one of `paths`, which may have a parameter at their end."""
        self.next_look = next_look
        self.prefixes = tuple(f"GET {path.partition('{')[0]}".encode() for path in paths)

    def admits(self, request: bytes) -> bool:
        """Whether these bytes, if they are one whole request, may be remembered: it must not wait."""
        return request.startswith(self.prefixes) and len(request) <= MAX_BYTES and WAITS not in request

    def remember(self, request: bytes, again: Again) -> None:
        """Answer the same bytes by `again` from now on, and forget those that came first when there is no room."""
        self._answers[request] = again
        if len(self._answers) > MAX_REMEMBERED:
            self._answers.popitem(last=False)

    def known(self, request: bytes) -> Again | None:
        """Return what answers a request that came before."""
        return self._answers.get(request)


REPEATS = web.AppKey("repeats", Repeats)


class Repetition:
    """Answers requests that come again: the steps of the pipeline whose outcome may differ each time."""

    def __init__(
        self,
        authenticator: Authenticator,
        limiter: RateLimiter,
        headers: CommonHeaders,
        hub: Hub,
        requests: Requests,
    ) -> None:
        self.caller_of = authenticator.caller_of
        self.credential = authenticator.credential
        self.admit = limiter.admit_at_once
        self.has_room = limiter.has_room
        self.headers = headers
        self.hub = hub
        self.requests = requests

    def of(self, request: web.Request, asked: Repeatable) -> Again:
        """Return what answers the bytes of `request`, which was admitted and answered just now."""
        return _Again(self, request, asked)


class _Again:
    """One request that may come again."""

    __slots__ = ("_asked", "_counts", "_credential", "_given_id", "_origin", "_steps")

    def __init__(self, steps: Repetition, request: web.Request, asked: Repeatable) -> None:
        self._steps = steps
        self._asked = asked
        self._counts = steps.requests.of(request)
        self._credential = steps.credential(request)
        self._given_id = given_id(request)
        self._origin = steps.headers.origin_lines(request)

    def is_worth_a_look(self) -> bool:
        steps = self._steps
        caller = steps.caller_of(self._credential)
        if caller is None or steps.hub.draining or steps.requests.may_log(self._counts):
            return False
        return steps.has_room(caller)

    def count_cancelled(self) -> None:
        self._counts.cancelled += 1

    def answer(self) -> bytes | None:
        steps, counts = self._steps, self._counts
        caller = steps.caller_of(self._credential)
        if caller is None or steps.hub.draining or steps.requests.may_log(counts):
            return None
        try:
            make = self._asked.look(caller)
        except RequestError:
            return None
        admission = None if make is None else steps.admit(caller)
        if make is None or admission is None:
            return None
        response = make()
        counts.by_status[response.status] += 1
        response.lines += steps.headers.joined(self._given_id or new_id(), admission.lines, self._origin)
        return response.encoded()


def comes_whole(request: web.Request) -> bool:
    """Whether the answer to a request depends on nothing but its bytes and keeps the connection open."""
    return request.method == hdrs.METH_GET and request.version == HttpVersion11 and request.keep_alive
