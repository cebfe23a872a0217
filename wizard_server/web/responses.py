"""How answers are written: JSON bodies, the bodies of states, and their compressed form."""

import gzip
import struct
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from wizard_server.domain.clock import to_wire
from wizard_server.domain.state import StateRecord
from wizard_server.web.etags import etag
from wizard_server.web.keys import RULES

COMPRESS_OVER = 1024
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_STORED_MAX = 0xFFFF
_LEVEL = 6


def accepts_gzip(request: web.Request) -> bool:
    """Whether the client takes a body compressed with gzip."""
    for coding in request.headers.get("Accept-Encoding", "").split(","):
        name, _, quality = coding.partition(";")
        if name.strip().lower() in ("gzip", "*"):
            return quality.replace(" ", "").rstrip("0.") != "q="
    return False


def json_response(
    request: web.Request, body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return `body` (anything orjson writes) as JSON, compressed over 1 KiB when the client asks."""
    text = orjson.dumps(body)
    sent = {"Vary": "Accept-Encoding", **(headers or {})}
    if len(text) > COMPRESS_OVER and accepts_gzip(request):
        text = gzip.compress(text, _LEVEL, mtime=0)
        sent["Content-Encoding"] = "gzip"
    return web.Response(body=text, status=status, content_type="application/json", headers=sent)


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
    return around_state(request, record, b"", seen(request, record, now), status=status, headers=sent)


def seen(request: web.Request, record: StateRecord, now: datetime | None) -> bytes:
    """Return the end of a state's body: what depends on when it is read, not on its version; None: just created."""
    if now is None:
        return b'"last_accessed":null,"stale":false,"stalled":false}'
    rules = request.app[RULES]
    members = {
        "last_accessed": to_wire(now),
        "stale": rules.is_stale(record.updated_at, now),
        "stalled": rules.is_stalled(record.wizard_step, record.status, record.updated_at, now),
    }
    return orjson.dumps(members)[1:]


def state_headers(version: int) -> dict[str, str]:
    """Return the headers that go with a version of a state, with or without its body."""
    return {"ETag": etag(version), "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}


def around_state(
    request: web.Request,
    record: StateRecord,
    before: bytes,
    after: bytes,
    *,
    status: int = 200,
    headers: dict[str, str],
    summary: bool = False,
) -> web.Response:
    """Return a JSON body that holds a state between `before` and `after`; the state itself is encoded once.

    `after` begins with further members of the state (see `seen`).
    """
    body = _summary(record) if summary else record.body
    tail = b"," + after
    if len(body) > COMPRESS_OVER and accepts_gzip(request):
        headers["Content-Encoding"] = "gzip"
        text = _gzip_around(before, body[:-1], _deflated(record, body, summary=summary), tail)
    else:
        text = b"".join((before, body[:-1], tail))
    return web.Response(body=text, status=status, content_type="application/json", headers=headers)


def _summary(record: StateRecord) -> bytes:
    """Return the state without settings and results, its progress without logs (contract 5, ``view=summary``)."""
    body = record.renderings.get("summary")
    if body is None:
        document = record.document()
        del document["settings"], document["results"]
        progress = document["progress"]
        if progress is not None:
            del progress["logs"]
            for agent in progress["agents"]:
                del agent["logs"]
        body = record.renderings["summary"] = orjson.dumps(document)
    return body


def _deflated(record: StateRecord, body: bytes, *, summary: bool) -> bytes:
    """Return `body` without its last brace as raw deflate blocks that end on a byte; made once per version."""
    key = "deflated-summary" if summary else "deflated"
    blocks = record.renderings.get(key)
    if blocks is None:
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        blocks = record.renderings[key] = compressor.compress(body[:-1]) + compressor.flush(zlib.Z_FULL_FLUSH)
    return blocks


def _gzip_around(before: bytes, plain: bytes, deflated: bytes, after: bytes) -> bytes:
    """Return ``before + plain + after`` as one gzip member (RFC 1952), with `plain` taken in its compressed form.

    What stands around it changes with every answer, so it goes into stored blocks, which cost nothing.
    """
    checksum = zlib.crc32(after, zlib.crc32(plain, zlib.crc32(before)))
    size = len(before) + len(plain) + len(after)
    trailer = struct.pack("<II", checksum, size & 0xFFFFFFFF)
    return b"".join((_GZIP_HEADER, _stored(before, 0), deflated, _stored(after, 1), trailer))


def _stored(text: bytes, final: int) -> bytes:
    return struct.pack("<BHH", final, len(text), len(text) ^ _STORED_MAX) + text
