"""Answers stored under an Idempotency-Key: what is stored of one, and how it is made again (contract 8)."""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from wizard_server.domain.history import document_at
from wizard_server.domain.keyed import KeptAnswer, Shown
from wizard_server.domain.record import StateRecord, opened_document
from wizard_server.errors import HistoryGoneError, NotFoundError
from wizard_server.web.api.state_body import MINIMAL, seen, state_headers, state_location, template_location
from wizard_server.web.http.answers import JSON_BODY
from wizard_server.web.http.compression import compressed
from wizard_server.web.http.context import CONFIG, RULES, STORE, instant
from wizard_server.web.http.parameters import wants_minimal

_CREATED, _EMPTY = 201, 204


def created_state(request: web.Request) -> Callable[[StateRecord], Shown]:
    """Return the function that makes of a new state what is stored of the answer to `request`."""
    return lambda record: _state(request, record, _CREATED, b'"last_accessed":null}')


def changed_state(request: web.Request) -> Callable[[StateRecord], Shown]:
    """Return the function that makes of a changed state what is stored of the answer to `request`."""
    status = _EMPTY if wants_minimal(request) else 200
    return lambda record: _state(request, record, status, seen(request.app[RULES], record, instant(request)))


def _state(request: web.Request, record: StateRecord, status: int, end: bytes) -> Shown:
    """Return what is stored of an answer that shows `record`: the version, if the audit trail can rebuild it."""
    body = None
    if not wants_minimal(request):
        audited = request.app[CONFIG].features.audit_logging
        body = (end if audited else record.opened + end).decode()
    return Shown(status, record.investigation_id, record.version, body)


def text(status: int, wire: Callable[[Any], dict[str, Any]]) -> Callable[[Any], Shown]:
    """Return the function that stores the whole body, for results without versions."""
    return lambda result: Shown(status, None, None, orjson.dumps(wire(result)).decode())


async def made_again(request: web.Request, kept: KeptAnswer) -> web.Response:
    """Return the first answer again, in a coding that this request accepts.

    Raises `HistoryGoneError` when the version that it showed cannot be rebuilt any more.
    """
    shown = kept.shown
    headers = {"Vary": "Accept-Encoding"} if shown.version is None else state_headers(shown.version)
    if shown.investigation_id is not None and shown.status == _CREATED:
        headers["Location"] = state_location(request, shown.investigation_id)
    if shown.body is None:
        return web.Response(status=shown.status, headers={**headers, **MINIMAL})
    body = shown.body.encode()
    if shown.version is None:
        template_id = orjson.loads(body).get("template_id") if shown.status == _CREATED else None
        headers |= {"Location": template_location(request, template_id)} if template_id else {}
    elif not body.startswith(b"{"):
        body = await _opened(request, kept, shown.version) + body
    sent = compressed(request, body, headers)
    return web.Response(status=shown.status, body=sent, headers={**headers, **JSON_BODY})


async def _opened(request: web.Request, kept: KeptAnswer, version: int) -> bytes:
    """Return the state at `version` as `StateRecord.opened`."""
    store, key = request.app[STORE], kept.shown.investigation_id or ""
    record = await store.state(key)
    if record is not None and record.version < version:  # another server has written since; memory is behind
        record = await store.loaded(key)
    if record is not None and record.version == version:
        return record.opened
    try:
        return opened_document(await document_at(store, key, record, version))
    except (HistoryGoneError, NotFoundError):
        raise HistoryGoneError(
            f"the request with this key was carried out at {kept.created_at} and came to version {version} of {key},"
            f" which is outside the kept history"
        ) from None
