"""What requests say: bodies, query parameters, and the headers that many routes share."""

import asyncio
import re
import zlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar, cast

from aiohttp import HttpVersion11, hdrs, web
from pydantic import BaseModel

from wizard_server.domain.callers import Caller
from wizard_server.domain.documents import FieldUpdate, JsonPatch, MergePatch, Update
from wizard_server.domain.json_text import parse_json
from wizard_server.domain.keyed import Claim, Keyed, Shown
from wizard_server.domain.models import AuditSource
from wizard_server.domain.origin import Origin, Precondition
from wizard_server.domain.validation import validate
from wizard_server.errors import (
    BodyTooLargeError,
    MalformedJsonError,
    RequestTimeoutError,
    StorageUnavailableError,
    UnsupportedMediaTypeError,
    ValidationFailedError,
)
from wizard_server.web.etags import Tags, parse_tags, tags_in
from wizard_server.web.keys import CONFIG, HEADERS, instant
from wizard_server.web.parameters import parameters
from wizard_server.web.problems import problem
from wizard_server.web.receiving import RECEIVING

Model = TypeVar("Model", bound=BaseModel)

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,255}")
JSON = "application/json"
_MAX_KEY = 255
# What a body may have beside a whole state: its own members and marks, so that the largest state can be sent back.
BOOKKEEPING = 32
LARGE_BODY = 32 * 1024
TURNS = web.AppKey("turns_of_large_bodies", asyncio.Lock)
_BODY = web.RequestKey("body", bytes)
KEYED = web.RequestKey("keyed", Keyed)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_EXPECTED = "100-continue"
_GZIP_BITS = zlib.MAX_WBITS | 16
PATCH_TYPES: Mapping[str, Callable[[Any], Update]] = {
    JSON: FieldUpdate.of,
    "application/merge-patch+json": MergePatch.of,
    "application/json-patch+json": JsonPatch.of,
}


def path_identifier(request: web.Request, name: str = "investigation_id") -> str:
    """Return the identifier in the path; raise `ValidationFailedError` when it is none."""
    value = request.match_info[name]
    if not IDENTIFIER.fullmatch(value):
        raise ValidationFailedError.of(name, "must match [A-Za-z0-9_-]{1,255}", "pattern")
    return value


def query(request: web.Request, model: type[Model]) -> Model:
    """Return the query parameters as `model`; see `parameters`."""
    if request.rel_url.raw_query_string:
        return parameters(request.query, model)
    defaults = _DEFAULTS.get(model)
    if defaults is None:
        defaults = _DEFAULTS[model] = validate(model, {})
    return cast("Model", defaults)


# What a request without parameters asks, by model.
_DEFAULTS: dict[type[BaseModel], BaseModel] = {}


async def expect(request: web.Request) -> web.Response | None:
    """Take note of ``Expect: 100-continue``: who may not send the body is told so before it is sent (`whole_body`)."""
    if request.headers[hdrs.EXPECT].lower() == _EXPECTED:
        return None
    refusal = problem(
        request,
        HTTPStatus.EXPECTATION_FAILED,
        "expectation-failed",
        f"the only Expect that is met is {_EXPECTED}",
        extra={},
        headers={},
    )
    request.app[HEADERS].put(request, refusal.headers, None)
    return refusal


async def whole_body(request: web.Request) -> bytes:
    """Return the body, decompressed; every body is read here.

    Raises `BodyTooLargeError` for one over the limit: before it is read when ``Content-Length`` says so, and before a
    compressed one is expanded further. `RequestTimeoutError` for one that trickles in, `UnsupportedMediaTypeError` for
    another coding than gzip and deflate, `MalformedJsonError` for one that is not as its headers say.
    """
    known: bytes | None = request.get(_BODY)
    if known is not None:
        return known
    limit = request.client_max_size
    coding = request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip", "deflate"):
        raise UnsupportedMediaTypeError("Content-Encoding is none of gzip, deflate", accepted=[])
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    received = await _received(request, limit)
    body = request[_BODY] = received if coding == "identity" or not received else _expanded(received, coding, limit)
    return body


async def _received(request: web.Request, limit: int) -> bytes:
    """Return the body as it comes over the wire, once its client has been told to send it."""
    seconds = request.app[CONFIG].server.receive_timeout_seconds
    try:
        if request.content.is_eof():  # it came with the head, as most do
            return await request.read()
        async with request.app[RECEIVING].within(seconds):
            if request.headers.get(hdrs.EXPECT) and request.version == HttpVersion11:
                await request.writer.write(_CONTINUE)
                request.writer.output_size = 0  # no part of the answer
            return await request.read()
    except TimeoutError:
        if request.app[RECEIVING].hurries:
            raise StorageUnavailableError("the server is shutting down, and the body did not arrive in time") from None
        raise RequestTimeoutError(f"the body did not arrive within {seconds} seconds") from None
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(limit) from None
    except web.RequestPayloadError as error:
        raise MalformedJsonError(f"the body is not as its headers say: {error}") from None


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is over {limit} bytes", limit_bytes=limit)


def _expanded(text: bytes, coding: str, limit: int) -> bytes:
    """Return `text` decompressed, as far as it takes to see that it is over `limit`.

    What calls itself deflate may come with a zlib header, as RFC 9110 has it, or without, as some clients have it. Of
    gzip one member is taken: a body of thousands of empty ones would cost the time of thousands of bodies.
    """
    bare = coding == "deflate" and text[0] & 0x0F != zlib.DEFLATED
    bits = -zlib.MAX_WBITS if bare else zlib.MAX_WBITS if coding == "deflate" else _GZIP_BITS
    decompressor = zlib.decompressobj(bits)
    try:
        found = decompressor.decompress(text, limit + 1)
    except zlib.error as error:
        raise MalformedJsonError(f"the body is not as its Content-Encoding says: {error}") from None
    if len(found) > limit:
        raise _too_large(limit)
    if not decompressor.eof or decompressor.unused_data:
        raise MalformedJsonError("the body is not as its Content-Encoding says: it ends too early or too late")
    return found


async def read_body(request: web.Request, *accepted: str) -> Any:
    """Return the body as JSON.

    Raises `UnsupportedMediaTypeError`, and as `parse_json` and `whole_body`.
    """
    if request.content_type not in accepted:
        raise UnsupportedMediaTypeError(
            f"Content-Type {request.headers.get('Content-Type', '(none)')} is not one of {', '.join(accepted)}",
            accepted=list(accepted),
        )
    body = await whole_body(request)
    if len(body) > LARGE_BODY:
        await _turn(request)
    return parse_json(body, request.app[CONFIG].state.max_nodes + BOOKKEEPING)


async def _turn(request: web.Request) -> None:
    """Wait until no other large body came in this turn of the loop, so that many at once do not add up to a silence."""
    async with request.app[TURNS]:
        await asyncio.sleep(0)


async def read_model(request: web.Request, model: type[Model]) -> Model:
    """Return the body, ``application/json``, as `model`."""
    return validate(model, await read_body(request, JSON))


async def read_update(request: web.Request) -> Update:
    """Return the body of a PATCH in one of its three media types, or of a PUT in ``application/json``."""
    accepted = tuple(PATCH_TYPES) if request.method == "PATCH" else (JSON,)
    body = await read_body(request, *accepted)
    return PATCH_TYPES[request.content_type](body)


def precondition(request: web.Request, version: int | None = None) -> Precondition:
    """Return what ``If-Match``, ``If-None-Match`` and the body's `version` say of the current version.

    Raises `MalformedHeaderError`.
    """
    tags = parse_tags(tags_in(request.headers, hdrs.IF_MATCH))
    not_tags = parse_tags(tags_in(request.headers, hdrs.IF_NONE_MATCH), hdrs.IF_NONE_MATCH) or Tags(frozenset())
    return Precondition(
        if_match=None if tags is None or tags.anything else tags.versions,
        any_version=tags is not None and tags.anything,
        version=version,
        if_none_match=not_tags.versions,
        no_version=not_tags.anything,
    )


def origin(
    request: web.Request,
    caller: Caller,
    *,
    from_agent: bool = False,
    show: Callable[[Any], Shown] | None = None,
) -> Origin:
    """Return over what a change comes: ``X-Audit-Source``, else SYSTEM for agents and USER for everybody else.

    `from_agent` says that only agents make such a request, whatever scopes the caller has. `show` makes of what the
    change comes to what is kept of the answer, where the request has a key.
    """
    named = request.headers.get("X-Audit-Source")
    if named is not None and named not in AuditSource.__members__:
        raise ValidationFailedError.of("X-Audit-Source", f"must be one of {', '.join(AuditSource)}", "enum")
    default = AuditSource.SYSTEM if caller.is_agent or from_agent else AuditSource.USER
    keyed = request.get(KEYED)
    claim = Claim(keyed, show) if keyed is not None and show is not None else None
    return Origin(instant(request), named or default.value, idempotency_key(request), claim)


def idempotency_key(request: web.Request) -> str | None:
    """Return the ``Idempotency-Key``, None without one; raise `ValidationFailedError` for one that is none."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and (not 0 < len(key) <= _MAX_KEY or not key.isascii() or not key.isprintable()):
        raise ValidationFailedError.of("Idempotency-Key", "must be 1 to 255 printable ASCII characters", "pattern")
    return key


def preferences(header: str) -> dict[str, str]:
    """Return the preferences of ``Prefer`` (RFC 7240), names in lower case; a bare one has the value ``""``."""
    found: dict[str, str] = {}
    for preference in header.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def wants_minimal(request: web.Request) -> bool:
    """Whether the client asks for no body: ``Prefer: return=minimal``."""
    return preferences(",".join(request.headers.getall("Prefer", ()))).get("return") == "minimal"
