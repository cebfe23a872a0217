"""``/api/v1/polling``: the long-poll, and how the server fares (contract 5)."""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Literal

import orjson
from aiohttp import web
from pydantic import AfterValidator, Field, JsonValue

from wizard_server.domain.callers import Caller
from wizard_server.domain.clock import to_wire
from wizard_server.domain.models import InvestigationStatus, Schema, WizardStep
from wizard_server.domain.polling import Intervals, Until, Wait
from wizard_server.domain.ports import StateEvent
from wizard_server.domain.rules import is_running
from wizard_server.domain.state import FIELDS, StateRecord
from wizard_server.errors import StorageUnavailableError
from wizard_server.events import Hub, WaitEnd, Waiter
from wizard_server.web.etags import etag, parse_tags
from wizard_server.web.keys import CLOCK, CONFIG, HUB, RULES, SERVICE, STORE, instant
from wizard_server.web.problems import retry_after
from wizard_server.web.requests import path_identifier, preferences, query
from wizard_server.web.responses import around_state, json_response, seen

_JITTER_SHARE = 16
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


@dataclass(frozen=True, slots=True)
class _Poll:
    """One poll: what the client has and waits for, for how many seconds, and how it wants the answer."""

    wait: Wait
    seconds: float
    summary: bool
    by_header: bool
    stalled: bool | None
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a poll ended: the state reached, when, and why it is told although its version may be the client's.

    `news`: the agents went quiet, or the client did not know that they had. `crowded`: the limits left no room to wait.
    """

    record: StateRecord
    now: datetime
    wait: Wait
    news: bool = False
    crowded: bool = False
    draining: bool = False


async def poll(request: web.Request, caller: Caller) -> web.Response:
    """Return the state when it differs from what the client has, waiting for that as long as the client asks."""
    investigation_id = path_identifier(request)
    asked = _asked(request)
    if asked.seconds:
        with request.app[HUB].subscribe(investigation_id) as waiter:
            outcome = await _park(request, caller, investigation_id, asked, waiter)
    else:
        outcome = await _read(request, caller, investigation_id, asked)
    return _answer(request, asked, outcome)


async def _read(request: web.Request, caller: Caller, investigation_id: str, asked: _Poll) -> _Outcome:
    """Return the state as it is; that the client is wrong about its agents' silence is news."""
    now = instant(request)
    record = await request.app[SERVICE].read(caller, investigation_id, now)
    quiet = request.app[RULES].has_stalled(record, now)
    return _Outcome(record, now, asked.wait.arriving_at(record), news=asked.stalled not in (None, quiet))


async def _park(request: web.Request, caller: Caller, investigation_id: str, asked: _Poll, waiter: Waiter) -> _Outcome:
    """Read, and wait where what was read is no news; the subscription stands already, so nothing falls in between."""
    first = await _read(request, caller, investigation_id, asked)
    if first.news or first.wait.satisfied(first.record):
        return first
    if not request.app[HUB].may_park(caller.user_id):
        return replace(first, crowded=True)
    loop = asyncio.get_running_loop()
    left = with_jitter(asked.seconds)
    deadline = loop.time() + left
    record, now = first.record, first.now
    while True:
        outcome, record, now = await _wait_once(request, caller, waiter, first.wait, record, now, left)
        if outcome is not None:
            return outcome
        left = max(deadline - loop.time(), 0)


async def _wait_once(
    request: web.Request, caller: Caller, waiter: Waiter, wait: Wait, record: StateRecord, now: datetime, left: float
) -> tuple[_Outcome | None, StateRecord, datetime]:
    """Wait `left` seconds at most; return the outcome, or None and the record and instant from which to wait on.

    Going quiet is no version, and yet all who watch are told; so the wait is cut where `record` would go quiet, and
    goes on when the agents were heard of meanwhile by a change that is none for this client.
    """
    service, rules = request.app[SERVICE], request.app[RULES]
    quiet, stalls_in = rules.has_stalled(record, now), rules.stalls_in(record, now)

    def wants(newer: StateRecord) -> bool:
        return wait.satisfied(newer) or quiet or is_running(newer) != is_running(record)

    end = await request.app[HUB].park(waiter, caller.user_id, wants, min(left, stalls_in))
    if isinstance(end, StateEvent):
        if end.record is None or not caller.may_see(end.record.user_id):
            raise await service.absence(caller, record.investigation_id)
        heard = quiet and not rules.has_stalled(end.record, end.instant)
        told = _Outcome(end.record, end.instant, wait, news=heard)
        return told if heard or wait.satisfied(end.record) else None, end.record, end.instant
    later = request.app[CLOCK]()
    record = await service.read(caller, record.investigation_id, later)
    news = not quiet and end is WaitEnd.TIMEOUT and rules.has_stalled(record, later)
    told = _Outcome(record, later, wait, news=news, draining=end is WaitEnd.DRAINING)
    return told if news or told.draining or left <= stalls_in else None, record, later


def _asked(request: web.Request) -> _Poll:
    """Read the parameters and headers of a poll; ``since_version`` goes before ``If-None-Match``."""
    parameters = query(request, PollQuery)
    tags = parse_tags(request.headers.get("If-None-Match")) if parameters.since_version is None else None
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
    seconds = asked_seconds(request, parameters.wait, headers)
    return _Poll(wait, seconds, parameters.view == "summary", tags is not None, parameters.stalled, headers)


def asked_seconds(request: web.Request, wait: float | None, headers: dict[str, str]) -> float:
    """Return how long the client wants to wait, by parameter or by ``Prefer``; what is granted goes into `headers`."""
    seconds = wait if wait is not None else _preferred_wait(request)
    if seconds is None:
        return 0
    seconds = min(seconds, request.app[CONFIG].polling.max_wait_seconds)
    if wait is None:
        headers["Preference-Applied"] = f"wait={seconds:g}"
    return seconds


def with_jitter(seconds: float) -> float:
    """Return `seconds` and up to a sixteenth more, so that clients that came together do not come back together."""
    return seconds + random.uniform(0, seconds / _JITTER_SHARE)  # noqa: S311 - spreads load, keeps no secret


def _preferred_wait(request: web.Request) -> float | None:
    """Return the seconds of ``Prefer: wait``; a preference that cannot be read is ignored (RFC 7240)."""
    value = preferences(request).get("wait", "")
    return float(value) if value.isascii() and value.isdecimal() and len(value) < 10 else None


def _answer(request: web.Request, asked: _Poll, outcome: _Outcome) -> web.Response:
    """Return the state as the answer to a poll, 304 where the client named it in its header."""
    record, now, wait = outcome.record, outcome.now, outcome.wait
    request.app[STORE].touch(record.investigation_id, to_wire(now))
    load = max(request.app[HUB].load, 1.0 if outcome.crowded else 0.0)
    interval = intervals(request).under(load).recommend(record, now)
    changed = outcome.news or wait.has_changes(record)
    unmodified = asked.by_header and not changed
    # A 304 keeps the client at the version it has, also where a newer one changed only what it does not watch.
    kept = unmodified and wait.known and record.version not in wait.known
    headers = {
        "ETag": etag(max(wait.known) if kept and wait.known else record.version),
        "X-Recommended-Interval": str(interval),
        "Cache-Control": "no-store",
        "Vary": "Accept-Encoding",
    }
    if not outcome.crowded:
        headers.update(asked.headers)
    if outcome.draining:
        headers["Retry-After"] = retry_after()
    if unmodified:
        return web.Response(status=304, headers=headers)
    before = _before(record, changed, wait.is_reset(record), interval, to_wire(now))
    after = seen(request, record, now) + b"}"
    return around_state(request, record, before, after, headers=headers, summary=asked.summary)


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


def intervals(request: web.Request) -> Intervals:
    """Return the configured intervals."""
    polling = request.app[CONFIG].polling
    return Intervals(polling.fast_interval_ms, polling.normal_interval_ms, polling.slow_interval_ms)


async def health(request: web.Request) -> web.Response:
    """Return how the server fares and how often to poll it; needs no token."""
    hub = request.app[HUB]
    status = await _status(request, hub)
    recommended = intervals(request).under(hub.load)
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
