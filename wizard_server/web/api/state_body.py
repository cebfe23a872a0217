"""The bodies of states, plain and compressed, and the headers that go with them."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from aiohttp import web

from wizard_server.domain.clock import to_wire
from wizard_server.domain.record import StateRecord, opened
from wizard_server.domain.rules import Rules
from wizard_server.web.http.answers import GZIP_BODY, JSON_BODY
from wizard_server.web.http.compression import (
    COMPRESS_OVER,
    accepts_gzip,
    compressed_aside,
    deflated,
    gzip_around,
)
from wizard_server.web.http.context import CONFIG, RULES
from wizard_server.web.http.etags import etag
from wizard_server.web.http.prepared import Prepared, head

MINIMAL = {"Preference-Applied": "return=minimal"}


def state_location(request: web.Request, investigation_id: str) -> str:
    """Return the path of a state below the public URL."""
    return f"{request.app[CONFIG].server.public_path}/api/v1/wizard-state/{investigation_id}"


def template_location(request: web.Request, template_id: str) -> str:
    """Return the path of a template below the public URL."""
    return f"{request.app[CONFIG].server.public_path}/api/v1/templates/{template_id}"


async def large_json_response(
    request: web.Request, body: Any, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return what `json_response` does for lists of megabytes, compressed in a thread."""
    sent = {"Vary": "Accept-Encoding", **(headers or {})}
    text = await compressed_aside(request, orjson.dumps(body), sent)
    return web.Response(body=text, content_type="application/json", headers=sent)


def state_response(
    request: web.Request,
    record: StateRecord,
    now: datetime | None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return a state, read at `now`, with its ETag."""
    sent = {**state_headers(record.version), **(headers or {})}
    after = seen(request.app[RULES], record, now)
    pieces, compresses = state_pieces(record, b"", after, gzip=accepts_gzip(request))
    if compresses:
        sent["Content-Encoding"] = "gzip"
    return web.Response(body=b"".join(pieces), status=status, content_type="application/json", headers=sent)


def seen(rules: Rules, record: StateRecord, now: datetime | None) -> bytes:
    """Return the end of a state's body, which depends on when it is read (None: it was just created)."""
    if now is None:
        return b'"last_accessed":null}'
    marks = rules.marks(record, now)
    end = b"," + orjson.dumps(marks)[1:] if marks else b"}"
    return b'"last_accessed":"%s"%s' % (to_wire(now).encode(), end)


def state_headers(version: int) -> dict[str, str]:
    """Return the headers that go with a version of a state, with or without its body."""
    return {"ETag": etag(version), "Vary": "Accept-Encoding", "Cache-Control": "private, no-cache"}


def shared_state(rules: Rules, record: StateRecord, now: datetime, *, gzip: bool) -> Prepared:
    """Return a state, read at `now`, as `state_response` does, with a head that is made once per version."""
    pieces, compresses = state_pieces(record, b"", seen(rules, record, now), gzip=gzip)
    return Prepared(200, shared_head(record.version, compresses), *pieces)


@lru_cache(maxsize=4096)
def minimal_head(version: int) -> bytes:
    """Return the head of the answer to a change whose client asked for no body."""
    return head(204, {**state_headers(version), **MINIMAL})


@lru_cache(maxsize=4096)
def unmodified_head(version: int) -> bytes:
    """Return the head of the answer to whoever has this version of a state."""
    return head(304, state_headers(version))


@lru_cache(maxsize=4096)
def shared_head(version: int, compresses: bool) -> bytes:
    """Return the head of the answer to whoever reads a version of a state."""
    return head(200, {**state_headers(version), **JSON_BODY, **(GZIP_BODY if compresses else {})})


def state_pieces(
    record: StateRecord, before: bytes, after: bytes, *, gzip: bool, summary: bool = False
) -> tuple[tuple[bytes, ...], bool]:
    """Return a JSON body that holds a state between `before` and `after`, in pieces, and whether it is compressed.

    `gzip` says whether the client accepts that. The state itself is encoded and compressed once. `after` begins with
    further members of the state (see `seen`).
    """
    state = _summary(record) if summary else record.opened
    if gzip and len(before) + len(state) + len(after) > COMPRESS_OVER:
        return (gzip_around(before, state, _deflated(record, state, summary=summary), after),), True
    return (before, state, after), False


def _summary(record: StateRecord) -> bytes:
    """Return the state without settings and results, its progress without logs (contract 5, ``view=summary``)."""
    summary = record.renderings.get("summary")
    if summary is None:
        document = record.document()
        del document["settings"], document["results"]
        document["progress"] = _without_logs(document["progress"])
        summary = record.renderings["summary"] = opened(orjson.dumps(document))
    return summary


def _without_logs(progress: Any) -> Any:
    """Return `progress` without its logs and those of its agents; after an edit in SQL it may be anything."""
    if not isinstance(progress, dict):
        return progress
    progress.pop("logs", None)
    agents = progress.get("agents")
    for agent in agents if isinstance(agents, list) else ():
        if isinstance(agent, dict):
            agent.pop("logs", None)
    return progress


def _deflated(record: StateRecord, state: bytes, *, summary: bool) -> bytes:
    key = "deflated-summary" if summary else "deflated"
    blocks = record.renderings.get(key)
    if blocks is None:
        blocks = record.renderings[key] = deflated(state)
    return blocks
