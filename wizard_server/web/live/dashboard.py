"""``/api/v1/polling/active-investigations``: one poll for a whole dashboard (contract 5)."""

import asyncio
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aiohttp import hdrs, web
from pydantic import Field

from wizard_server.domain.callers import Caller
from wizard_server.domain.clock import to_wire
from wizard_server.domain.events import StateEvent
from wizard_server.domain.field_types import Schema
from wizard_server.domain.filters import ActiveFilter, ActivePage
from wizard_server.domain.models.enumerations import InvestigationStatus, WizardStep
from wizard_server.domain.ports import Store
from wizard_server.domain.record import summary
from wizard_server.domain.rules import Rules
from wizard_server.errors import ValidationFailedError
from wizard_server.hub.hub import WaitEnd
from wizard_server.hub.waiters import ListWaiter
from wizard_server.web.http.answers import json_response
from wizard_server.web.http.context import CLOCK, HUB, INTERVALS, LIMITER, RULES, STORE, instant
from wizard_server.web.http.etags import opaque_tags, tags_in
from wizard_server.web.http.parameters import query
from wizard_server.web.http.problems import retry_after
from wizard_server.web.live.waits import asked_seconds, deadline, left_until

_MOST_STALLED = 1000
_TAG = re.compile(r"list-([0-9]{1,18})")


class ActiveQuery(Schema):
    """The parameters; `cursor` is the client's last, `wait` in seconds."""

    cursor: int | None = Field(None, ge=0, le=10**18, description="the client's last: only what changed since")
    wait: float | None = Field(None, ge=0, allow_inf_nan=False, description="seconds to wait for a change at most")
    limit: int = Field(100, ge=1, le=1000, description="how many rows at most; with cursor, unless one commit has more")
    offset: int = Field(0, ge=0, le=1_000_000_000, description="how many rows to leave out first")
    status: tuple[InvestigationStatus, ...] = Field((), description="only those of one of these statuses")
    wizard_step: tuple[WizardStep, ...] = Field((), description="only those at one of these steps")


@dataclass(frozen=True, slots=True)
class _Dashboard:
    """What one poll asks: the filter, where the client is, and whether a header said so.

    `anything` is ``If-None-Match: *``: the list that is current on arrival counts as known.
    """

    wanted: ActiveFilter
    cursor: int | None
    by_header: bool
    anything: bool
    seconds: float
    deadline: float
    headers: dict[str, str]


async def poll(request: web.Request, caller: Caller) -> web.Response:
    """Return the caller's investigations; with a cursor only what changed since, waiting for it if asked to."""
    asked = _asked(request, caller)
    store, hub = request.app[STORE], request.app[HUB]
    if asked.anything:
        asked = replace(asked, cursor=(await store.active(asked.wanted)).cursor)
    if asked.cursor is None:
        return _answer(request, caller, asked, await store.active(asked.wanted))
    with hub.subscribe_list(asked.wanted.user_id) as waiter:
        now = instant(request)
        page = await store.active_since(asked.wanted, asked.cursor)
        if _is_outdated(asked.cursor, page):
            return _answer(request, caller, asked, await store.active(asked.wanted), reset=True)
        if page.rows or page.removed or not asked.seconds:
            return _answer(request, caller, asked, page)
        if not hub.may_park(caller.user_id):
            return _answer(request, caller, asked, page, crowded=True)
        waiter.known_up_to(page.cursor)
        end, page = await _parked(request, caller, asked, waiter, page.cursor, now)
    if _is_outdated(asked.cursor, page):
        return _answer(request, caller, asked, await store.active(asked.wanted), reset=True)
    if end is WaitEnd.DRAINING:
        asked.headers["Retry-After"] = retry_after()
    return _answer(request, caller, asked, page)


def _is_outdated(cursor: int, page: ActivePage) -> bool:
    """Whether what changed does not lead on from the client's list: a restored backup, or what no change tells."""
    return page.cursor < cursor or cursor < page.floor


def _asked(request: web.Request, caller: Caller) -> _Dashboard:
    parameters = query(request, ActiveQuery)
    if parameters.cursor is not None and parameters.offset:
        message = "goes with the whole list, not with cursor: what changed comes in its order, limit at once"
        raise ValidationFailedError.of("offset", message, "either")
    named = tags_in(request.headers, hdrs.IF_NONE_MATCH) if parameters.cursor is None else None
    tags = frozenset[str]() if named is None else opaque_tags(named, hdrs.IF_NONE_MATCH)
    tag = next(filter(None, map(_TAG.fullmatch, sorted(tags or ()))), None)
    wanted = ActiveFilter(
        user_id=None if caller.may_see(None) else caller.user_id,
        status=parameters.status,
        wizard_step=parameters.wizard_step,
        limit=parameters.limit,
        offset=parameters.offset,
    )
    headers: dict[str, str] = {}
    seconds = asked_seconds(request, parameters.wait, headers)
    cursor, by_header = int(tag.group(1)) if tag else parameters.cursor, bool(tag) or tags is None
    return _Dashboard(wanted, cursor, by_header, tags is None, seconds, deadline(seconds), headers)


async def _parked(
    request: web.Request, caller: Caller, asked: _Dashboard, waiter: ListWaiter, cursor: int, arrived: datetime
) -> tuple[WaitEnd | None, ActivePage]:
    """Wait until there is something to tell or time is up; return how the wait ended, and what to tell.

    It ends when an investigation would become stalled, and goes on when its agents reported meanwhile, or
    when what others have done is nothing to this dashboard.
    """
    loop, hub, store = asyncio.get_running_loop(), request.app[HUB], request.app[STORE]
    began, now = loop.time(), arrived
    while True:
        left = left_until(asked.deadline)
        stalls_in = await _next_stall(request, asked.wanted, now)
        end = await hub.park_list(waiter, caller.user_id, min(left, stalls_in))
        if end is WaitEnd.TIMEOUT and store.is_shared:
            await store.caught_up(began)
        page = await _woken(request, asked, waiter, cursor, arrived)
        is_empty = not (page.rows or page.removed or page.unreadable or _is_outdated(cursor, page))
        if end is WaitEnd.DRAINING or not is_empty or (end is WaitEnd.TIMEOUT and left <= stalls_in):
            return end, page
        cursor, now = page.cursor, request.app[CLOCK]()
        waiter.known_up_to(cursor)


async def _next_stall(request: web.Request, wanted: ActiveFilter, now: datetime) -> float:
    """Return the seconds until the first of the running investigations counts as stalled; infinity when none will."""
    rules = request.app[RULES]
    first = await request.app[STORE].oldest_report(wanted, to_wire(now - rules.stalled_after))
    return rules.until_stalled(first, now) if first else math.inf


async def _woken(
    request: web.Request, asked: _Dashboard, waiter: ListWaiter, cursor: int, arrived: datetime
) -> ActivePage:
    """Return what the events tell; only where they do not tell everything is the database asked again.

    Without events, investigations that became stalled are listed; that is no change, so the cursor stays.
    """
    store = request.app[STORE]
    outdated, waiter.outdated = waiter.outdated, False
    if outdated or len({event.investigation_id for event in waiter.events}) > asked.wanted.limit:
        return await store.active_since(asked.wanted, cursor)
    if waiter.events:
        return _told(store, waiter.events, max(cursor, *(event.sequence for event in waiter.events)))
    age = request.app[RULES].stalled_after
    after, until = to_wire(arrived - age), to_wire(request.app[CLOCK]() - age)
    rows = await store.newly_stalled(asked.wanted, after=after, until=until, limit=_MOST_STALLED)
    return ActivePage(rows, [], len(rows), cursor)


def _told(store: Store, events: Iterable[StateEvent], cursor: int) -> ActivePage:
    newest = {event.investigation_id: event.record for event in events}
    rows = [summary(record, store.last_accessed(key)) for key, record in newest.items() if record is not None]
    return ActivePage(rows, [key for key, record in newest.items() if record is None], len(rows), cursor)


def _answer(
    request: web.Request,
    caller: Caller,
    asked: _Dashboard,
    page: ActivePage,
    *,
    reset: bool = False,
    crowded: bool = False,
) -> web.Response:
    now = request.app[CLOCK]() if asked.seconds else instant(request)
    load = max(request.app[HUB].load, 1.0 if crowded else 0.0)
    interval = request.app[LIMITER].interval(caller, request.path, request.app[INTERVALS].under(load).normal_ms)
    headers = {
        "ETag": f'"list-{page.cursor}"',
        "Cache-Control": "no-store",
        "X-Recommended-Interval": str(interval),
        **({} if crowded else asked.headers),
    }
    if asked.by_header and not page.rows and not page.removed and not reset:
        return web.Response(status=304, headers=headers)
    return json_response(request, _body(request.app[RULES], asked, page, now, reset=reset), headers=headers)


def _body(rules: Rules, asked: _Dashboard, page: ActivePage, now: datetime, *, reset: bool) -> dict[str, Any]:
    """Return the members of an answer; after a cursor, rows that no longer match the filter are listed as removed."""
    delta = asked.cursor is not None and not reset
    shown = [row for row in page.rows if not delta or _matches(row, asked.wanted)]
    left = [row["investigation_id"] for row in page.rows if delta and not _matches(row, asked.wanted)]
    body: dict[str, Any] = {
        "investigations": [rules.shown(row, now) for row in shown],
        "total": len(shown) if delta else page.total,
        "limit": asked.wanted.limit,
        "offset": asked.wanted.offset,
        "timestamp": to_wire(now),
        "cursor": page.cursor,
    }
    if asked.cursor is not None:
        body["removed"] = [*page.removed, *left]
    if reset:
        body["reset"] = True
    if page.has_more:
        body["has_more"] = True
    if page.unreadable:
        body["unreadable"] = page.unreadable
    return body


def _matches(row: Mapping[str, Any], wanted: ActiveFilter) -> bool:
    return row["status"] in (wanted.status or (row["status"],)) and row["wizard_step"] in (
        wanted.wizard_step or (row["wizard_step"],)
    )
