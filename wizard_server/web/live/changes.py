"""``/api/v1/polling/wizard-state/{id}/changes``: the changes after a version, as patches (contract 5)."""

import asyncio

import orjson
from aiohttp import hdrs, web
from pydantic import Field

from wizard_server.domain.callers import Caller
from wizard_server.domain.events import StateEvent
from wizard_server.domain.field_types import Schema
from wizard_server.domain.history import Changes, changes_after, linked
from wizard_server.domain.record import StateRecord
from wizard_server.errors import ValidationFailedError
from wizard_server.hub.hub import WaitEnd
from wizard_server.web.http.answers import GZIP_BODY, JSON_BODY
from wizard_server.web.http.compression import COMPRESS_OVER, accepts_gzip, gzip_around
from wizard_server.web.http.context import CLOCK, HUB, INTERVALS, LIMITER, SERVICE, STORE, instant
from wizard_server.web.http.etags import etag, parse_tags, tags_in
from wizard_server.web.http.parameters import path_identifier, query
from wizard_server.web.http.prepared import Prepared, head
from wizard_server.web.http.problems import retry_after
from wizard_server.web.live.listing import listing
from wizard_server.web.live.waits import asked_seconds, deadline, left_until


class ChangesQuery(Schema):
    """The parameters of ``GET .../changes``; `wait` in seconds, `limit` changes in one answer."""

    since_version: int | None = Field(None, ge=0, description="the client's version; required here or as If-None-Match")
    wait: float | None = Field(None, ge=0, allow_inf_nan=False, description="seconds to wait for a change at most")
    limit: int = Field(100, ge=1, le=1000, description="how many changes at most")


async def poll(request: web.Request, caller: Caller) -> web.StreamResponse:
    """Return the changes after the client's version, waiting for one as long as the client asks; 304 for none."""
    investigation_id = path_identifier(request)
    asked = query(request, ChangesQuery)
    since = _since(request, asked)
    headers: dict[str, str] = {}
    seconds = asked_seconds(request, asked.wait, headers)
    service, hub, until = request.app[SERVICE], request.app[HUB], deadline(seconds)
    with hub.subscribe(investigation_id) as waiter:
        if seconds:
            record = await service.read_from(caller, investigation_id, since, instant(request))
        else:
            record = await service.read(caller, investigation_id, instant(request), version=since)
        waiter.has_read(record)
        found = await changes_after(request.app[STORE], record, since, asked.limit)
        if found.entries or not seconds:
            return await _answer(request, caller, record, found, headers)
        if not hub.may_park(caller.user_id):
            return await _answer(request, caller, record, found, {}, crowded=True)
        began = asyncio.get_running_loop().time()
        end = await hub.park(waiter, caller.user_id, lambda record: record.version != since, left_until(until))
    if isinstance(end, StateEvent):
        if end.record is None or not caller.may_see(end.record.user_id):
            raise await service.absence(caller, investigation_id)
        return await _woken(request, caller, end.record, end, since, asked.limit, headers)
    if end is WaitEnd.DRAINING:
        headers["Retry-After"] = retry_after()
        return await _answer(request, caller, record, Changes(since, since, (), has_more=False), headers)
    record = await service.read(caller, investigation_id, request.app[CLOCK](), since=began)
    return await _answer(
        request, caller, record, await changes_after(request.app[STORE], record, since, asked.limit), headers
    )


async def _woken(
    request: web.Request,
    caller: Caller,
    record: StateRecord,
    event: StateEvent,
    since: int,
    limit: int,
    headers: dict[str, str],
) -> web.StreamResponse:
    """Answer with the changes of the event itself where they follow on what the client has, else from the trail."""
    chain = linked(since, event.entries)
    if chain and chain[-1].version == record.version and len(chain) <= limit:
        found = Changes(since, record.version, chain, has_more=False)
    else:
        found = await changes_after(request.app[STORE], record, since, limit)
    return await _answer(request, caller, record, found, headers, event)


def _since(request: web.Request, asked: ChangesQuery) -> int:
    if asked.since_version is not None:
        return asked.since_version
    tags = parse_tags(tags_in(request.headers, hdrs.IF_NONE_MATCH), hdrs.IF_NONE_MATCH)
    if tags is None or not tags.versions:
        raise ValidationFailedError.of("since_version", "required, here or as If-None-Match", "missing")
    return max(tags.versions)


async def _answer(
    request: web.Request,
    caller: Caller,
    record: StateRecord,
    found: Changes,
    headers: dict[str, str],
    event: StateEvent | None = None,
    *,
    crowded: bool = False,
) -> web.StreamResponse:
    now = event.instant if event else instant(request)
    load = max(request.app[HUB].load, 1.0 if crowded else 0.0)
    interval = request.app[LIMITER].interval(
        caller, request.path, request.app[INTERVALS].under(load).recommend(record, now)
    )
    sent = {
        **headers,
        "X-Recommended-Interval": str(interval),
        "Cache-Control": "no-store",
    }
    if not found.entries:
        return Prepared(304, head(304, {**sent, "ETag": etag(found.to_version or record.version)}))
    listed = listing(found.entries, event)
    text, count = await listed.encoded()
    to_version = found.to_version if count == len(found.entries) else found.entries[count - 1].version
    before, after = _around(
        record, found.from_version, to_version, count < len(found.entries) or found.has_more, interval
    )
    sent |= {"ETag": etag(to_version or record.version), "Vary": "Accept-Encoding", **JSON_BODY}
    if len(text) > COMPRESS_OVER and accepts_gzip(request):
        blocks = await listed.blocks()
        return Prepared(200, head(200, sent | GZIP_BODY), gzip_around(before, text, blocks, after))
    return Prepared(200, head(200, sent), before, text, after)


def _around(
    record: StateRecord, since: int, to_version: int | None, has_more: bool, interval: int
) -> tuple[bytes, bytes]:
    """Return what stands before and after the changes of an answer."""
    before = {"investigation_id": record.investigation_id, "from_version": since, "to_version": to_version}
    after = {"has_more": has_more, "next_poll_interval": interval}
    return orjson.dumps(before)[:-1] + b',"changes":', b"," + orjson.dumps(after)[1:]
