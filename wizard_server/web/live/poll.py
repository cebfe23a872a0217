"""``/api/v1/polling/wizard-state/{id}``: the long-poll (contract 5)."""

from collections.abc import Hashable
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from aiohttp import web

from wizard_server.domain.callers import Caller
from wizard_server.domain.clock import to_wire
from wizard_server.domain.record import StateRecord
from wizard_server.errors import RequestError
from wizard_server.web.api.state_body import seen, state_pieces
from wizard_server.web.http.answers import GZIP_BODY, JSON_BODY
from wizard_server.web.http.compression import GZIP_MAGIC, accepts_gzip
from wizard_server.web.http.context import CLOCK, HUB, INSTANT, INTERVALS, LIMITER, RULES, SERVICE, STORE
from wizard_server.web.http.etags import etag
from wizard_server.web.http.parameters import path_identifier
from wizard_server.web.http.prepared import Prepared, head, lines
from wizard_server.web.http.problems import retry_after
from wizard_server.web.live.parking import Condition, Polled, park
from wizard_server.web.live.poll_query import Poll, asked_by
from wizard_server.web.live.waits import deadline

# Bodies of one event that are kept: intervals differ with the load.
_MOST_SHARED = 16


async def poll(request: web.Request, caller: Caller) -> web.StreamResponse:
    """Return the state when it differs from what the client has, waiting for that as long as the client asks."""
    investigation_id, app = path_identifier(request), request.app
    asked = asked_by(request, app)
    if not asked.seconds:
        now = app[CLOCK]()
        record = app[SERVICE].known(caller, investigation_id, now)
        if record is None or asked.wait.is_reset(record):
            record = await _read(request, caller, investigation_id, asked, now)
        return _answer(request, caller, asked, _outcome(app, asked, record, now))
    hub, until = app[HUB], deadline(asked.seconds)
    # The subscription stands before the state is read, so nothing falls in between.
    with hub.subscribe(investigation_id) as waiter:
        now = app[CLOCK]()
        record = await _read(request, caller, investigation_id, asked, now)
        waiter.has_read(record)
        outcome = _outcome(app, asked, record, now)
        if not outcome.news and not outcome.wait.satisfied(outcome.record):
            if hub.may_park(caller.user_id):
                outcome = await park(app, caller, waiter, Condition(app[RULES], outcome), until)
            else:
                record = await _read(request, caller, investigation_id, asked._replace(seconds=0), now)
                outcome = _outcome(app, asked, record, now)._replace(crowded=True)
    return _answer(request, caller, asked, outcome)


async def _read(request: web.Request, caller: Caller, investigation_id: str, asked: Poll, now: datetime) -> StateRecord:
    """Return the state: as it is, or for a poll that waits as memory has it; raises as `WizardService.read`."""
    service, known = request.app[SERVICE], asked.wait.newest
    try:
        if asked.seconds:
            return await service.read_from(caller, investigation_id, known, now)
        return await service.read(caller, investigation_id, now, version=known)
    except RequestError:
        request[INSTANT] = now  # only here, for what the problem says: on a parked poll it would weigh 200 bytes
        raise


def _outcome(app: web.Application, asked: Poll, record: StateRecord, now: datetime) -> Polled:
    """Return the state as it is; that the client is wrong about its agents' silence is news."""
    news = asked.stalled is not None and asked.stalled is not app[RULES].has_stalled(record, now)
    return Polled(record, now, asked.wait.arriving_at(record), news)


def _answer(request: web.Request, caller: Caller, asked: Poll, outcome: Polled) -> web.StreamResponse:
    """Return the state as the answer to a poll, 304 where the client named it in its header."""
    app, record, now, wait = request.app, outcome.record, outcome.now, outcome.wait
    app[STORE].touch(record.investigation_id, to_wire(now))
    load = 1.0 if outcome.crowded else app[HUB].load
    interval = app[LIMITER].interval(caller, request.path, app[INTERVALS].under(load).recommend(record, now))
    changed = outcome.news or wait.has_changes(record)
    if asked.by_header and not changed:
        # A 304 keeps the client at the version it has, also where a newer one changed only what it does not watch.
        kept = wait.known is not None and record.version not in wait.known
        answer = Prepared(304, _unmodified_head(max(wait.known or ()) if kept else record.version, interval))
    else:
        compresses = accepts_gzip(request)
        pieces = _pieces(request, outcome, changed, interval, compresses=compresses, summary=asked.summary)
        compresses = compresses and pieces[0].startswith(GZIP_MAGIC)
        answer = Prepared(200, _changed_head(record.version, interval, compresses), *pieces)
    if asked.headers and not outcome.crowded:
        answer.lines += lines(asked.headers)
    if outcome.draining:
        answer.lines += lines({"Retry-After": retry_after()})
    return answer


def _pieces(
    request: web.Request, outcome: Polled, changed: bool, interval: int, *, compresses: bool, summary: bool
) -> tuple[bytes, ...]:
    """Return the answer's body, made once for all who get the same."""
    record, now, reset = outcome.record, to_wire(outcome.now), outcome.wait.is_reset(outcome.record)
    key = ("poll", changed, reset, interval, compresses, summary)
    shared = _shared(outcome)
    pieces: tuple[bytes, ...] | None = shared.get(key)
    if pieces is None:
        before = _before(record, changed, reset, interval, now)
        pieces, _ = state_pieces(request, record, before, seen(request, record, outcome.now) + b"}", summary=summary)
        if len(shared) < _MOST_SHARED:
            shared[key] = pieces
    return pieces


def _shared(outcome: Polled) -> dict[Hashable, Any]:
    """Return the bodies made so far for those whom one event wakes, or who ask for the state within a millisecond.

    The latter saves ``python -m tests.benchmarks full`` 14 % of the processor time of an answer.
    """
    if outcome.renderings is not None:
        return outcome.renderings
    record, moment = outcome.record, (outcome.now, outcome.record.heard_at)
    known = record.renderings.get("polled")
    if known is None or known[0] != moment:
        known = record.renderings["polled"] = moment, {}
    bodies: dict[Hashable, Any] = known[1]
    return bodies


def _headers(version: int, interval: int) -> dict[str, str]:
    return {
        "ETag": etag(version),
        "X-Recommended-Interval": str(interval),
        "Cache-Control": "no-store",
        "Vary": "Accept-Encoding",
    }


@lru_cache(maxsize=1024)
def _unmodified_head(version: int, interval: int) -> bytes:
    return head(304, _headers(version, interval))


@lru_cache(maxsize=1024)
def _changed_head(version: int, interval: int, compresses: bool) -> bytes:
    return head(200, {**_headers(version, interval), **JSON_BODY, **(GZIP_BODY if compresses else {})})


def _before(record: StateRecord, changed: bool, reset: bool, interval: int, now: str) -> bytes:
    members = {
        "investigation_id": record.investigation_id,
        "timestamp": now,
        "has_changes": changed,
        "next_poll_interval": interval,
        "version": record.version,
    }
    if record.mutation_id is not None:
        members["mutation_id"] = record.mutation_id
    if reset:
        members["reset"] = True
    return orjson.dumps(members)[:-1] + b',"state":'
