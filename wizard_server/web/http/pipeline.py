"""What every request passes: who asks, whether they may, the handler, its error as a problem; counted and told about.

It runs for each of 26,000 polls a second and stays on the stack of each of 10,000 that are parked. So it is one
coroutine and not a chain of middlewares, which each cost a microsecond for a request and half a kilobyte for a parked
one; nothing is computed here that can be computed before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from time import perf_counter

from aiohttp import hdrs, web
from multidict import istr

from wizard_server.domain.callers import Caller
from wizard_server.hub.hub import Hub
from wizard_server.web.auth.authenticator import Authenticator
from wizard_server.web.auth.key_sets import UnknownKeyError
from wizard_server.web.http import problems
from wizard_server.web.http.accounting import Requests, logger
from wizard_server.web.http.common_headers import HEADERS, CommonHeaders
from wizard_server.web.http.connections import Connection
from wizard_server.web.http.context import CALLER
from wizard_server.web.http.idempotency import IdempotencyStore
from wizard_server.web.http.in_flight import InFlight
from wizard_server.web.http.prepared import Prepared
from wizard_server.web.http.problems import problem
from wizard_server.web.http.quotas import ADMISSION, Admission, RateLimiter
from wizard_server.web.http.taken import Taken

Handler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
OpenHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_IDEMPOTENCY_KEY = istr("Idempotency-Key")
_REFUSED = 400  # looking into an enumeration takes as long as five comparisons


class Pipeline:
    """Makes handlers of one application into what the framework calls.

    While the server drains, no connection lives on after its answer.
    """

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        limiter: RateLimiter,
        idempotency: IdempotencyStore,
        headers: CommonHeaders,
        hub: Hub,
        in_flight: InFlight,
        requests: Requests,
        trusting: bool,
    ) -> None:
        self._authenticate = authenticator.authenticate
        self._limiter = limiter
        self._newer_keys = authenticator.newer_keys
        self._idempotency = idempotency
        self._headers = headers
        self._hub = hub
        self._in_flight = in_flight
        self._requests = requests
        self._trusting = trusting

    def guarded(
        self, handler: Handler, scopes: Sequence[str], taken: Taken, *, keyed: bool, pushes: bool, polls: bool
    ) -> OpenHandler:
        """Let callers with one of `scopes` in, as far as their quota goes, with what is `taken`.

        A `keyed` handler takes an Idempotency-Key; one that `pushes` sends the head of its answer
        itself; one that `polls` is let in when it comes as it was told.
        """
        authenticate, in_flight, finish = self._authenticate, self._in_flight, self._finish
        admit = self._limiter.admit_poll if polls else self._limiter.admit
        refuses, newer_keys = taken.refuses, self._newer_keys

        async def handle(request: web.Request) -> web.StreamResponse:
            begun, admission, caller = perf_counter(), None, None
            in_flight.count += 1
            try:
                try:
                    caller = authenticate(request)
                except UnknownKeyError:
                    await newer_keys()
                    caller = authenticate(request)
                connection = request.protocol
                if isinstance(connection, Connection) and not connection.is_known:
                    connection.vouch()
                admission = admit(caller)
                admission.check()
                caller.require(*scopes)
                if refuses(request):
                    await taken.refuse(request)
                if pushes:
                    request[ADMISSION], request[CALLER] = admission, caller
                if keyed and _IDEMPOTENCY_KEY in request.headers:
                    response = await self._idempotency.answer(request, caller, handler)
                else:
                    response = await handler(request, caller)
            except asyncio.CancelledError:
                self._requests.cancelled(request, begun, caller)
                raise
            except ConnectionError:  # what it sent met a client that has gone, and it was about to be cancelled
                self._requests.cancelled(request, begun, caller)
                raise asyncio.CancelledError from None
            except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a problem and not its details
                response = problems.answer(request, error)
            finally:
                in_flight.end()
            return finish(request, response, begun, admission, caller)

        return handle

    def open(self, handler: OpenHandler, taken: Taken | None = None) -> OpenHandler:
        """Let everybody in; with what is `taken`, or whatever comes."""
        in_flight, finish, trusting = self._in_flight, self._finish, self._trusting

        async def handle(request: web.Request) -> web.StreamResponse:
            begun = perf_counter()
            in_flight.count += 1
            try:
                connection = request.protocol
                if isinstance(connection, Connection) and not connection.is_known:
                    if trusting:
                        connection.vouch()
                    else:
                        connection.speak()
                if taken is not None and taken.refuses(request):
                    await taken.refuse(request)
                response = await handler(request)
            except asyncio.CancelledError:
                self._requests.cancelled(request, begun, None)
                raise
            except ConnectionError:  # as above
                self._requests.cancelled(request, begun, None)
                raise asyncio.CancelledError from None
            except Exception as error:  # noqa: BLE001 - as above
                response = problems.answer(request, error)
            finally:
                in_flight.end()
            return finish(request, response, begun, None, None)

        return handle

    def _finish(
        self,
        request: web.Request,
        response: web.StreamResponse,
        begun: float,
        admission: Admission | None,
        caller: Caller | None,
    ) -> web.StreamResponse:
        tally = self._requests.of(request)
        status = response.status
        tally.by_status[status] += 1
        if isinstance(response, Prepared):
            response.lines += self._headers.lines(request, admission)
        elif not response.prepared:
            self._headers.put(request, response.headers, admission)
        if status >= _REFUSED or tally.opens or logger.isEnabledFor(tally.level):
            self._requests.tell(request, response, tally, begun, caller)
        if self._hub.draining and not response.prepared:
            response.force_close()
        return response


_EXPECTED = "100-continue"


async def expect(request: web.Request) -> web.Response | None:
    """Take note of ``Expect: 100-continue``: who may not send the body is told so before it is sent (`whole_body`)."""
    if request.headers[hdrs.EXPECT].lower() == _EXPECTED:
        return None
    refusal = problem(
        request,
        HTTPStatus.EXPECTATION_FAILED,
        "expectation-failed",
        f"the only Expect that is met is {_EXPECTED}",
        extra={},
        headers={},
    )
    request.app[HEADERS].put(request, refusal.headers, None)
    return refusal
