"""The answer to a poll (contract 5): 304, or the state, made once for all who get the same."""

from collections.abc import Hashable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from wizard_server.domain.callers import Caller
from wizard_server.domain.clock import to_wire
from wizard_server.domain.record import StateRecord
from wizard_server.domain.rules import Rules
from wizard_server.web.api.state_body import seen, state_pieces
from wizard_server.web.http.answers import GZIP_BODY, JSON_BODY
from wizard_server.web.http.compression import GZIP_MAGIC
from wizard_server.web.http.context import HUB, INTERVALS, LIMITER, RULES, STORE
from wizard_server.web.http.etags import etag
from wizard_server.web.http.prepared import Prepared, head, lines
from wizard_server.web.http.problems import retry_after
from wizard_server.web.live.parking import Polled
from wizard_server.web.live.poll_query import Poll

# Bodies of one event that are kept: intervals differ with the load.
_MOST_SHARED = 16


class Asking(NamedTuple):
    """A poll and what of its request the answer depends on: the path, and whether the client accepts gzip."""

    asked: Poll
    path: str
    gzip: bool


def answer(app: web.Application, caller: Caller, asking: Asking, outcome: Polled) -> Prepared:
    """Return the state as the answer to a poll, 304 where the client named it in its header."""
    asked, record, now, wait = asking.asked, outcome.record, outcome.now, outcome.wait
    app[STORE].touch(record.investigation_id, to_wire(now))
    load = 1.0 if outcome.crowded else app[HUB].load
    interval = app[LIMITER].interval(caller, asking.path, app[INTERVALS].under(load).recommend(record, now))
    changed = outcome.news or wait.has_changes(record)
    if asked.by_header and not changed:
        # A 304 keeps the client at the version it has, also where a newer one changed only what it does not watch.
        kept = wait.known is not None and record.version not in wait.known
        response = Prepared(304, _unmodified_head(max(wait.known or ()) if kept else record.version, interval))
    else:
        pieces = _pieces(app[RULES], outcome, changed, interval, gzip=asking.gzip, summary=asked.summary)
        compresses = asking.gzip and pieces[0].startswith(GZIP_MAGIC)
        response = Prepared(200, _changed_head(record.version, interval, compresses), *pieces)
    if asked.headers and not outcome.crowded:
        response.lines += lines(asked.headers)
    if outcome.draining:
        response.lines += lines({"Retry-After": retry_after()})
    return response


def _pieces(
    rules: Rules, outcome: Polled, changed: bool, interval: int, *, gzip: bool, summary: bool
) -> tuple[bytes, ...]:
    """Return the answer's body, made once for all who get the same."""
    record, now, reset = outcome.record, to_wire(outcome.now), outcome.wait.is_reset(outcome.record)
    key = ("poll", changed, reset, interval, gzip, summary)
    shared = _shared(outcome)
    pieces: tuple[bytes, ...] | None = shared.get(key)
    if pieces is None:
        before = _before(record, changed, reset, interval, now)
        after = seen(rules, record, outcome.now) + b"}"
        pieces, _ = state_pieces(record, before, after, gzip=gzip, summary=summary)
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
