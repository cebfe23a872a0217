"""``/api/v1/polling``: the long-poll, and how the server fares (contract 5)."""

import asyncio
import random
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import orjson
from aiohttp import hdrs, web
from multidict import istr
from pydantic import AfterValidator, Field, JsonValue
from yarl import URL

from wizard_server.domain.callers import Caller
from wizard_server.domain.clock import to_wire
from wizard_server.domain.models import InvestigationStatus, Schema, WizardStep
from wizard_server.domain.polling import Until, Wait
from wizard_server.domain.ports import StateEvent
from wizard_server.domain.rules import Rules, is_running
from wizard_server.domain.state import FIELDS, StateRecord
from wizard_server.domain.validation import validate
from wizard_server.errors import StorageUnavailableError
from wizard_server.events import Hub, WaitEnd, Waiter
from wizard_server.web.etags import etag, parse_tags
from wizard_server.web.keys import CLOCK, CONFIG, HUB, INTERVALS, RULES, SERVICE, STORE, instant
from wizard_server.web.problems import retry_after
from wizard_server.web.rendered import Rendered, head, lines
from wizard_server.web.requests import path_identifier, preferences
from wizard_server.web.responses import GZIP_BODY, JSON_BODY, json_response, seen, state_pieces

_JITTER_SHARE = 16
_PREFER = istr("Prefer")
_UNTIL_VALUES = {"status": frozenset(InvestigationStatus), "wizard_step": frozenset(WizardStep)}
_DEGRADED_LOAD = 0.75


def _watched(value: str) -> str:
    unknown = [field for field in value.split(",") if field not in FIELDS]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: watch takes {', '.join(FIELDS)}")
    return value


def _listed(names: Iterable[str], before: str = "") -> str:
    """Return the pattern of some of `names`, separated by commas."""
    one = f"(?:{'|'.join(sorted(names))})"
    return f"^{before}{one}(?:,{one})*$"


_CONDITIONS: dict[str, JsonValue] = {
    "anyOf": [{"type": "string", "pattern": _listed(values, f"{name}:")} for name, values in _UNTIL_VALUES.items()]
}


def _condition(value: str) -> str:
    field, _, values = value.partition(":")
    allowed = _UNTIL_VALUES.get(field)
    if allowed is None or not values or not allowed.issuperset(values.split(",")):
        raise ValueError("until takes status:<values> or wizard_step:<values>, values separated by commas")
    return value


class PollQuery(Schema):
    """The parameters of ``GET /polling/wizard-state/{id}``; `wait` in seconds."""

    since_version: int | None = Field(None, ge=0, description="the client's version; goes before If-None-Match")
    wait: float | None = Field(None, ge=0, allow_inf_nan=False, description="seconds to wait for a change at most")
    view: Literal["full", "summary"] = Field("full", description="summary: without settings, results and logs")
    watch: Annotated[str, AfterValidator(_watched)] | None = Field(
        None, description="only changes of these fields count", json_schema_extra={"pattern": _listed(FIELDS)}
    )
    until: Annotated[str, AfterValidator(_condition)] | None = Field(
        None, description="wait for a condition: status:<values> or wizard_step:<values>", json_schema_extra=_CONDITIONS
    )
    stalled: bool | None = Field(None, description="what the client shows; if that is wrong, the answer comes at once")


class _Poll(NamedTuple):
    """One poll: what the client has and waits for, for how many seconds, and how it wants the answer."""

    wait: Wait
    seconds: float
    summary: bool
    by_header: bool
    stalled: bool | None
    headers: Mapping[str, str]


class _Outcome(NamedTuple):
    """How a poll ended: the state reached, when, and why it is told although its version may be the client's.

    `news`: the agents went quiet, or the client did not know that they had. `crowded`: the limits left no room to wait.
    """

    record: StateRecord
    now: datetime
    wait: Wait
    news: bool = False
    crowded: bool = False
    draining: bool = False


async def poll(request: web.Request, caller: Caller) -> web.StreamResponse:
    """Return the state when it differs from what the client has, waiting for that as long as the client asks."""
    investigation_id, app = path_identifier(request), request.app
    asked = _asked(request, app)
    if not asked.seconds:
        return _answer(request, app, asked, await _read(request, app, caller, investigation_id, asked))
    hub = app[HUB]
    # The subscription stands before the state is read, so nothing falls in between.
    with hub.subscribe(investigation_id) as waiter:
        outcome = await _read(request, app, caller, investigation_id, asked)
        if not outcome.news and not outcome.wait.satisfied(outcome.record):
            if hub.may_park(caller.user_id):
                outcome = await _park(app, caller, waiter, _Watch(app[RULES], outcome), asked.seconds)
            else:
                outcome = outcome._replace(crowded=True)
    return _answer(request, app, asked, outcome)


async def _read(
    request: web.Request, app: web.Application, caller: Caller, investigation_id: str, asked: _Poll
) -> _Outcome:
    """Return the state as it is; that the client is wrong about its agents' silence is news."""
    now, service = instant(request), app[SERVICE]
    record = service.known(caller, investigation_id, now) or await service.read(caller, investigation_id, now)
    news = asked.stalled is not None and asked.stalled is not app[RULES].has_stalled(record, now)
    return _Outcome(record, now, asked.wait.arriving_at(record), news)


class _Watch:
    """What a parked poll waits for, given the state that it last saw; called with a newer one it says whether it came.

    Going quiet is no version, and yet all who watch are told; so a wait is cut where the state would go quiet, and
    goes on when the agents were heard of meanwhile by a change that is none for this client.
    """

    __slots__ = ("_quiet", "_rules", "_running", "_wait", "investigation_id", "stalls_in")

    def __init__(self, rules: Rules, seen: _Outcome) -> None:
        self._rules = rules
        self._wait = seen.wait
        self.investigation_id = seen.record.investigation_id
        self.see(seen.record, seen.now)

    def see(self, record: StateRecord, now: datetime) -> None:
        """Wait on from this state."""
        self._running = is_running(record)
        self._quiet = self._rules.has_stalled(record, now)
        self.stalls_in = self._rules.stalls_in(record, now)

    def __call__(self, newer: StateRecord) -> bool:
        return self._wait.satisfied(newer) or self._quiet or is_running(newer) != self._running

    def woken(self, record: StateRecord, now: datetime) -> _Outcome | None:
        """Return the outcome of a change, None for one that is none for this client."""
        heard = self._quiet and not self._rules.has_stalled(record, now)
        if heard or self._wait.satisfied(record):
            return _Outcome(record, now, self._wait, news=heard)
        self.see(record, now)
        return None

    def ended(self, record: StateRecord, now: datetime, *, draining: bool, last: bool) -> _Outcome | None:
        """Return the outcome of a wait that ran out, None when it was cut and neither `last` nor news."""
        news = not self._quiet and not draining and self._rules.has_stalled(record, now)
        if news or draining or last:
            return _Outcome(record, now, self._wait, news=news, draining=draining)
        self.see(record, now)
        return None


async def _park(app: web.Application, caller: Caller, waiter: Waiter, watch: _Watch, seconds: float) -> _Outcome:
    """Wait until there is something to tell or time is up. This frame is what a parked poll costs: it holds little."""
    hub = app[HUB]
    deadline = asyncio.get_running_loop().time() + with_jitter(seconds)
    outcome: _Outcome | None = None
    while outcome is None:
        left = max(deadline - asyncio.get_running_loop().time(), 0)
        last = left <= watch.stalls_in
        try:
            await hub.begin(waiter, caller.user_id, watch, min(left, watch.stalls_in))
        finally:
            end = hub.end(waiter, caller.user_id)
        if isinstance(end, StateEvent):
            if end.record is None or not caller.may_see(end.record.user_id):
                raise await app[SERVICE].absence(caller, watch.investigation_id)
            outcome = watch.woken(end.record, end.instant)
        else:
            now = app[CLOCK]()
            record = await app[SERVICE].read(caller, watch.investigation_id, now)
            outcome = watch.ended(record, now, draining=end is WaitEnd.DRAINING, last=last)
    return outcome


def _asked(request: web.Request, app: web.Application) -> _Poll:
    """Read the parameters and headers of a poll."""
    headers = request.headers
    tags = headers.get(hdrs.IF_NONE_MATCH)
    prefer = ",".join(headers.getall(_PREFER)) if _PREFER in headers else ""
    return _parsed(request.rel_url.raw_query_string, tags, prefer, app[CONFIG].polling.max_wait_seconds)


@lru_cache(maxsize=4096)  # thousands of clients ask the same again and again
def _parsed(raw_query: str, named: str | None, prefer: str, longest: float) -> _Poll:
    """Return what a query string, ``If-None-Match`` and ``Prefer`` say; ``since_version`` goes before the header."""
    parameters = validate(PollQuery, dict(URL.build(query_string=raw_query, encoded=True).query))
    tags = parse_tags(named) if parameters.since_version is None else None
    if parameters.since_version is not None:
        known: frozenset[int] | None = frozenset({parameters.since_version})
    else:
        known = tags.versions if tags else None
    field, _, values = (parameters.until or "").partition(":")
    wait = Wait(
        known=known,
        anything=tags is not None and tags.anything,
        watch=tuple(parameters.watch.split(",")) if parameters.watch else (),
        until=Until(field, frozenset(values.split(","))) if parameters.until else None,
    )
    headers: dict[str, str] = {}
    seconds = granted_seconds(parameters.wait, prefer, longest, headers)
    return _Poll(wait, seconds, parameters.view == "summary", tags is not None, parameters.stalled, headers)


def asked_seconds(request: web.Request, wait: float | None, headers: dict[str, str]) -> float:
    """Return how long the client wants to wait, by parameter or by ``Prefer``; what is granted goes into `headers`."""
    prefer = ",".join(request.headers.getall(_PREFER, ()))
    return granted_seconds(wait, prefer, request.app[CONFIG].polling.max_wait_seconds, headers)


def granted_seconds(wait: float | None, prefer: str, longest: float, headers: dict[str, str]) -> float:
    """Return the same of a ``Prefer`` header; at most `longest`."""
    seconds = wait if wait is not None else _preferred_wait(prefer)
    if seconds is None:
        return 0
    seconds = min(seconds, longest)
    if wait is None:
        headers["Preference-Applied"] = f"wait={seconds:g}"
    return seconds


def with_jitter(seconds: float) -> float:
    """Return `seconds` and up to a sixteenth more, so that clients that came together do not come back together."""
    return seconds + random.uniform(0, seconds / _JITTER_SHARE)  # noqa: S311 - spreads load, keeps no secret


def _preferred_wait(prefer: str) -> float | None:
    """Return the seconds of ``Prefer: wait``; a preference that cannot be read is ignored (RFC 7240)."""
    value = preferences(prefer).get("wait", "")
    return float(value) if value.isascii() and value.isdecimal() and len(value) < 10 else None


def _answer(request: web.Request, app: web.Application, asked: _Poll, outcome: _Outcome) -> web.StreamResponse:
    """Return the state as the answer to a poll, 304 where the client named it in its header."""
    record, now, wait = outcome.record, outcome.now, outcome.wait
    app[STORE].touch(record.investigation_id, to_wire(now))
    load = 1.0 if outcome.crowded else app[HUB].load
    interval = app[INTERVALS].under(load).recommend(record, now)
    changed = outcome.news or wait.has_changes(record)
    if asked.by_header and not changed:
        # A 304 keeps the client at the version it has, also where a newer one changed only what it does not watch.
        kept = wait.known is not None and record.version not in wait.known
        answer = Rendered(304, _unmodified_head(max(wait.known or ()) if kept else record.version, interval))
    else:
        before = _before(record, changed, wait.is_reset(record), interval, to_wire(now))
        after = seen(request, record, now) + b"}"
        pieces, compresses = state_pieces(request, record, before, after, summary=asked.summary)
        answer = Rendered(200, _changed_head(record.version, interval, compresses), *pieces)
    if asked.headers and not outcome.crowded:
        answer.lines += lines(asked.headers)
    if outcome.draining:
        answer.lines += lines({"Retry-After": retry_after()})
    return answer


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


async def health(request: web.Request) -> web.Response:
    """Return how the server fares and how often to poll it; needs no token."""
    hub = request.app[HUB]
    status = await _status(request, hub)
    recommended = request.app[INTERVALS].under(hub.load)
    body = {
        "status": status,
        "server_time": to_wire(instant(request)),
        "recommended_intervals": {
            "fast_ms": recommended.fast_ms,
            "normal_ms": recommended.normal_ms,
            "slow_ms": recommended.slow_ms,
        },
        "server_load": {
            "active_connections": hub.parked,
            "max_connections": hub.max_waiters,
            "load_percentage": round(hub.load * 100, 2),
        },
    }
    headers = {"Cache-Control": "no-store"}
    if status == "unavailable":
        headers["Retry-After"] = retry_after()
    return json_response(request, body, status=503 if status == "unavailable" else 200, headers=headers)


async def _status(request: web.Request, hub: Hub) -> str:
    if hub.draining:
        return "unavailable"
    try:
        await request.app[STORE].ping()
    except StorageUnavailableError:
        return "unavailable"
    return "degraded" if hub.load >= _DEGRADED_LOAD else "healthy"
