"""``/api/v1/polling/wizard-state/{id}``: the long-poll (contract 5)."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from aiohttp import web

from wizard_server.domain.callers import Caller
from wizard_server.domain.record import StateRecord
from wizard_server.errors import RequestError
from wizard_server.hub.waiters import Waiter
from wizard_server.web.http.compression import accepts_gzip
from wizard_server.web.http.context import CLOCK, HUB, INSTANT, RULES, SERVICE
from wizard_server.web.http.held_requests import hold
from wizard_server.web.http.parameters import path_identifier
from wizard_server.web.http.prepared import Prepared
from wizard_server.web.http.repeating import looked_since
from wizard_server.web.live.parking import Parked, Polled
from wizard_server.web.live.poll_answer import Asking, answer
from wizard_server.web.live.poll_query import Poll, asked_by
from wizard_server.web.live.waits import deadline


def poll(request: web.Request, caller: Caller) -> Awaitable[web.StreamResponse]:
    """Return the state when it differs from what the client has, waiting for that as long as the client asks."""
    asked = asked_by(request, request.app)
    answering = _waiting if asked.seconds else _at_once
    return answering(request, caller, path_identifier(request), asked)


async def _at_once(request: web.Request, caller: Caller, investigation_id: str, asked: Poll) -> web.StreamResponse:
    app = request.app
    now = app[CLOCK]()
    record = app[SERVICE].known(caller, investigation_id, now)
    if record is None or asked.wait.is_reset(record):
        record = await _read(request, caller, investigation_id, asked, now)
    asking = _asking(request, asked)
    response = answer(app, caller, asking, _outcome(app, asked, record, now))
    response.again = _ShortPoll(app, investigation_id, asking)
    return response


async def _waiting(request: web.Request, caller: Caller, investigation_id: str, asked: Poll) -> web.StreamResponse:
    """Return the answer when there is something to tell. This frame is a parked poll's cost: it holds little."""
    # The subscription stands before the state is read, so nothing falls in between.
    with request.app[HUB].subscribe(investigation_id) as waiter:
        reached = await arrived(request, caller, waiter, asked, deadline(asked.seconds))
        asking = _asking(request, asked)
        hold(request)
        while isinstance(reached, Parked):
            try:
                await reached.begin()
            finally:
                reached.end()
            reached = await reached.look()
    return answer(request.app, caller, asking, reached)


async def arrived(request: web.Request, caller: Caller, waiter: Waiter, asked: Poll, until: float) -> Polled | Parked:
    """Return how a poll ends that need not or may not wait, else what waits `until` then (the loop's clock)."""
    app = request.app
    now = app[CLOCK]()
    record = await _read(request, caller, waiter.topic, asked, now)
    waiter.has_read(record)
    outcome = _outcome(app, asked, record, now)
    if outcome.news or outcome.wait.satisfied(outcome.record):
        return outcome
    if app[HUB].may_park(caller.user_id):
        return Parked(app, caller, waiter, outcome, until)
    record = await _read(request, caller, waiter.topic, asked._replace(seconds=0), now)
    return _outcome(app, asked, record, now)._replace(crowded=True)


class _ShortPoll:
    """A poll that does not wait, made again; see `Repeatable`."""

    __slots__ = ("_app", "_asking", "_investigation_id")

    def __init__(self, app: web.Application, investigation_id: str, asking: Asking) -> None:
        self._app = app
        self._investigation_id = investigation_id
        self._asking = asking

    def look(self, caller: Caller) -> Callable[[], Prepared] | None:
        """See `Repeatable`."""
        app, asked = self._app, self._asking.asked
        now = app[CLOCK]()
        record = app[SERVICE].known(caller, self._investigation_id, now, has_looked=True)
        if record is None or asked.wait.is_reset(record):
            return None
        return partial(answer, app, caller, self._asking, _outcome(app, asked, record, now))


def _asking(request: web.Request, asked: Poll) -> Asking:
    return Asking(asked, request.path, accepts_gzip(request))


async def _read(request: web.Request, caller: Caller, investigation_id: str, asked: Poll, now: datetime) -> StateRecord:
    """Return the state: as it is, or for a poll that waits as memory has it; raises as `WizardService.read`."""
    service, known = request.app[SERVICE], asked.wait.newest
    try:
        if asked.seconds:
            return await service.read_from(caller, investigation_id, known, now)
        return await service.read(caller, investigation_id, now, version=known, since=looked_since(request))
    except RequestError:
        request[INSTANT] = now  # only here, for what the problem says: on a parked poll it would weigh 200 bytes
        raise


def _outcome(app: web.Application, asked: Poll, record: StateRecord, now: datetime) -> Polled:
    """Return the state as it is; that the client is wrong about its agents' silence is news."""
    news = asked.stalled is not None and asked.stalled is not app[RULES].has_stalled(record, now)
    return Polled(record, now, asked.wait.arriving_at(record), news)
