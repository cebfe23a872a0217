"""What the pipeline does with a request whose client has gone: it counts, and answers nobody."""

import asyncio
import logging

import pytest
from aiohttp import ClientConnectionResetError, web

from tests import factories
from tests.unit.requests import request_with
from wizard_server.domain.callers import READ, Caller
from wizard_server.domain.keyed import KeptAnswer
from wizard_server.hub.hub import Hub
from wizard_server.web.auth.development import TrustingAuthenticator
from wizard_server.web.http.accounting import Requests
from wizard_server.web.http.common_headers import CommonHeaders
from wizard_server.web.http.cors import Origins
from wizard_server.web.http.idempotency import IdempotencyStore
from wizard_server.web.http.in_flight import InFlight
from wizard_server.web.http.pipeline import Pipeline
from wizard_server.web.http.quotas import RateLimiter
from wizard_server.web.http.route import Answer, Route

# A client that leaves cancels its handler, or a write to it fails before.
GONE = [asyncio.CancelledError(), ClientConnectionResetError("the client has gone"), BrokenPipeError()]


async def never(_request: web.Request, _kept: KeptAnswer) -> web.Response:
    raise AssertionError("no answer is kept here")


class Pipelined:
    """A pipeline whose handlers raise `error`, and what it counts."""

    def __init__(self, error: BaseException) -> None:
        self._error = error
        self.requests = Requests()
        self.in_flight = InFlight()
        self._pipeline = Pipeline(
            authenticator=TrustingAuthenticator(),
            limiter=RateLimiter(factories.config().rate_limit),
            idempotency=IdempotencyStore(never),
            headers=CommonHeaders(Origins([])),
            hub=Hub(max_waiters=1, max_waiters_per_user=1),
            in_flight=self.in_flight,
            requests=self.requests,
            trusting=True,
        )

    async def guarded(self, request: web.Request) -> web.StreamResponse:
        """Ask as a caller."""
        route = Route("GET", "/", self._fail, (READ,), answers=(Answer(200, "never"),))
        handle = self._pipeline.guarded(route)
        return await handle(request)

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Ask as nobody."""
        return await self._pipeline.open(self._fail)(request)

    async def _fail(self, _request: web.Request, _caller: Caller | None = None) -> web.StreamResponse:
        raise self._error


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "open"])
@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
async def test_a_request_whose_client_has_gone_is_cancelled_and_no_error_of_the_server(
    error: BaseException, guarded: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pipelined, request = Pipelined(error), request_with()
    with pytest.raises(asyncio.CancelledError):
        await (pipelined.guarded(request) if guarded else pipelined.open(request))
    counts = pipelined.requests.of(request)
    assert (counts.cancelled, dict(counts.by_status), pipelined.in_flight.count) == (1, {}, 0)
    (line,) = (each for each in caplog.records if each.name.startswith("wizard_server"))
    assert (line.message, getattr(line, "user", None)) == ("request cancelled", "dev" if guarded else None)


async def test_an_error_that_is_not_the_clients_leaving_is_answered_and_counted() -> None:
    pipelined, request = Pipelined(OSError("the disk")), request_with()
    for answer in (await pipelined.guarded(request), await pipelined.open(request)):
        assert answer.status == 500
    counts = pipelined.requests.of(request)
    assert (counts.cancelled, dict(counts.by_status), pipelined.in_flight.count) == (0, {500: 2}, 0)
