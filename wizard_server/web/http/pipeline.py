"""The way of every request: authentication, quota, scopes, the handler, its error as a problem, accounting.

It runs for each of 8,000 new requests a second and stays on the stack of each of 10,000 parked polls. So it is one
coroutine and not a chain of middlewares, each of which would cost a microsecond per request and half a kilobyte per
parked poll. All that does not depend on the request is computed before.
"""

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from time import perf_counter

from aiohttp import hdrs, web
from multidict import istr

from wizard_server.domain.callers import Caller
from wizard_server.hub.hub import Hub
from wizard_server.web.auth.authenticator import Authenticator
from wizard_server.web.auth.key_sets import UnknownKeyError
from wizard_server.web.http import problems
from wizard_server.web.http.accounting import Requests
from wizard_server.web.http.bodies import forget_body
from wizard_server.web.http.common_headers import HEADERS, CommonHeaders
from wizard_server.web.http.connections import Connection
from wizard_server.web.http.context import CALLER
from wizard_server.web.http.idempotency import KEYED_METHODS, IdempotencyStore
from wizard_server.web.http.in_flight import InFlight
from wizard_server.web.http.prepared import Prepared, Repeatable
from wizard_server.web.http.problems import problem
from wizard_server.web.http.quotas import ADMISSION, Admission, RateLimiter
from wizard_server.web.http.repeats import Repetition, comes_whole
from wizard_server.web.http.route import Handler, OpenHandler, Route
from wizard_server.web.http.route_inputs import RouteInputs

_IDEMPOTENCY_KEY = istr("Idempotency-Key")


class Pipeline:
    """Wraps the handlers of one application for the framework.

    While the server drains, every connection is closed after its answer.
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
        self._repetition = Repetition(authenticator, limiter, headers, hub, requests)

    def guarded(self, route: Route) -> OpenHandler:
        """Return the handler of `route` behind authentication, its scopes, the caller's quota and its inputs.

        Where the route `polls`, a request is admitted over quota when it comes after the recommended interval.
        """
        authenticate, newer_keys, admit = self._authenticate, self._newer_keys, self._limiter.admit
        inputs = RouteInputs(route)
        in_flight, refuses, finish = self._in_flight, inputs.refuses, self._finish
        answer = self._once(route.handler) if route.method in KEYED_METHODS else route.handler

        async def handle(request: web.Request) -> web.StreamResponse:
            begun, admission, caller = perf_counter(), None, None
            in_flight.count += 1
            try:
                try:
                    caller = authenticate(request)
                except UnknownKeyError:
                    await newer_keys()
                    caller = authenticate(request)
                _mark(request, known=True)
                admission = admit(caller, request.path if route.polls else None)
                admission.check()
                caller.require(*route.scopes)
                if refuses(request):
                    await inputs.refuse(request)
                if route.pushes:
                    request[ADMISSION], request[CALLER] = admission, caller
                response = await answer(request, caller)
            except (asyncio.CancelledError, ConnectionError):  # the client has gone; a write may fail first
                self._requests.cancelled(request, begun, caller)
                raise asyncio.CancelledError from None
            except Exception as error:  # noqa: BLE001 - every error becomes a problem, without its details
                response = problems.answer(request, error)
            finally:
                in_flight.end()
            if route.repeats and isinstance(response, Prepared) and response.again is not None:
                self._remember(request, response.again)
            return finish(request, response, begun, admission, caller)

        return handle

    def _remember(self, request: web.Request, asked: Repeatable) -> None:
        """Have the request answered without the framework when it comes again; see `repeats`."""
        connection = request.protocol
        if isinstance(connection, Connection) and comes_whole(request):
            connection.remember(self._repetition.of(request, asked))

    def open(self, handler: OpenHandler, inputs: RouteInputs | None = None) -> OpenHandler:
        """Return `handler` for requests without a token, behind the route's `inputs` where they are given."""
        in_flight, finish, trusting = self._in_flight, self._finish, self._trusting

        async def handle(request: web.Request) -> web.StreamResponse:
            begun = perf_counter()
            in_flight.count += 1
            try:
                _mark(request, known=trusting)
                if inputs is not None and inputs.refuses(request):
                    await inputs.refuse(request)
                response = await handler(request)
            except (asyncio.CancelledError, ConnectionError):  # as above
                self._requests.cancelled(request, begun, None)
                raise asyncio.CancelledError from None
            except Exception as error:  # noqa: BLE001 - as above
                response = problems.answer(request, error)
            finally:
                in_flight.end()
            return finish(request, response, begun, None, None)

        return handle

    def _once(self, handler: Handler) -> Handler:
        """Return `handler` as one that carries out a request with an Idempotency-Key once."""
        answer = self._idempotency.answer

        def once(request: web.Request, caller: Caller) -> Awaitable[web.StreamResponse]:
            return answer(request, caller, handler) if _IDEMPOTENCY_KEY in request.headers else handler(request, caller)

        return once

    def _finish(
        self,
        request: web.Request,
        response: web.StreamResponse,
        begun: float,
        admission: Admission | None,
        caller: Caller | None,
    ) -> web.StreamResponse:
        if request.body_exists:
            forget_body(request)
        counts = self._requests.of(request)
        status = response.status
        counts.by_status[status] += 1
        if isinstance(response, Prepared):
            response.lines += self._headers.lines(request, admission)
        elif not response.prepared:
            self._headers.put(request, response.headers, admission)
        if status >= HTTPStatus.BAD_REQUEST or self._requests.may_log(counts):
            self._requests.answered(request, response, counts, begun, caller)
        if self._hub.draining and not response.prepared:
            response.force_close()
        return response


def _mark(request: web.Request, *, known: bool) -> None:
    """Mark the connection as one of a caller who is known, or as one that asks something."""
    connection = request.protocol
    if isinstance(connection, Connection) and not connection.is_known:
        if known:
            connection.mark_known()
        else:
            connection.mark_active()


_EXPECTED = "100-continue"


async def expect(request: web.Request) -> web.Response | None:
    """Accept ``Expect: 100-continue``: `whole_body` sends the 100, so that a refusal comes before the body is sent."""
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
