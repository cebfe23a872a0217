"""The bodies of requests: received within their limits, expanded, and parsed."""

import asyncio
import zlib
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from aiohttp import HttpVersion11, hdrs, web

from wizard_server.domain.json_text import parse_json
from wizard_server.domain.time_slices import TimeSlice
from wizard_server.domain.validation import validate
from wizard_server.errors import (
    BodyTooLargeError,
    MalformedJsonError,
    RequestTimeoutError,
    StorageUnavailableError,
    UnsupportedMediaTypeError,
)
from wizard_server.web.http.context import CONFIG
from wizard_server.web.http.media import JSON
from wizard_server.web.http.parameters import Model
from wizard_server.web.http.receiving import RECEIVING

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# JSON nodes that a body may have beyond those of a state: read-only members and marks, so that a GET can be sent back.
BOOKKEEPING = 32
LARGE_BODY = 16 * 1024
TURNS = web.AppKey("turns_of_large_bodies", asyncio.Lock)
_BODY = web.RequestKey("body", bytes)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_GZIP_BITS = zlib.MAX_WBITS | 16


async def whole_body(request: web.Request) -> bytes:
    """Return the body, decompressed; every body is read here.

    Raises `BodyTooLargeError` for a body over the limit, before it is read where ``Content-Length`` says so, and before
    it is expanded beyond the limit; `RequestTimeoutError` for one that arrives too slowly; `UnsupportedMediaTypeError`
    for a coding other than gzip and deflate; `MalformedJsonError` for one that contradicts its headers.
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
    """Return the body as received, after ``100 Continue`` where its client waits for that."""
    seconds = request.app[CONFIG].server.receive_timeout_seconds
    try:
        if request.content.is_eof():  # it arrived with the head, as most do
            return await _read(request, limit)
        async with request.app[RECEIVING].within(seconds):
            if request.headers.get(hdrs.EXPECT) and request.version == HttpVersion11:
                await request.writer.write(_CONTINUE)
                request.writer.output_size = 0  # the framework counts only the answer
            return await _read(request, limit)
    except TimeoutError:
        if request.app[RECEIVING].drains:
            raise StorageUnavailableError("the server is shutting down, and the body did not arrive in time") from None
        raise RequestTimeoutError(f"the body did not arrive within {seconds} seconds") from None
    except web.RequestPayloadError as error:
        raise MalformedJsonError(f"the body is not as its headers say: {error}") from None


async def _read(request: web.Request, limit: int) -> bytes:
    """Return what arrives; the framework's `read` would keep it for as long as the connection is idle."""
    pieces: list[bytes] = []
    size = 0
    while piece := await request.content.readany():
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def forget_body(request: web.Request) -> None:
    """Drop the body, because the connection keeps its last request for as long as it is idle."""
    request.pop(_BODY, None)


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is over {limit} bytes", limit_bytes=limit)


def _expanded(text: bytes, coding: str, limit: int) -> bytes:
    """Return `text` decompressed, at most one byte beyond `limit`.

    A deflate body may have a zlib header, as RFC 9110 requires, or none, as some clients send it. A gzip body must be a
    single member, because thousands of empty ones would cost the time of thousands of bodies.
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

    Raises `UnsupportedMediaTypeError`, and the errors of `parse_json` and `whole_body`.
    """
    if request.content_type not in accepted:
        raise UnsupportedMediaTypeError(
            f"Content-Type {request.headers.get('Content-Type', '(none)')} is not one of {', '.join(accepted)}",
            accepted=list(accepted),
        )
    body = await whole_body(request)
    return await by_turns(request, parse_json, body, request.app[CONFIG].state.max_nodes + BOOKKEEPING)


async def by_turns(
    request: web.Request, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Return ``work(*args, **kwargs)``, a step on the body of `request` that is all read.

    The steps on large bodies run one at a time, each in a turn of the loop of its own, and others run after a long one:
    many bodies block the loop no longer than one, and its steps do not add up.
    """
    if len(request[_BODY]) <= LARGE_BODY:
        return work(*args, **kwargs)
    async with request.app[TURNS]:
        await asyncio.sleep(0)
        time_slice = TimeSlice()
        try:
            return work(*args, **kwargs)
        finally:
            await time_slice.yield_if_over()


async def read_model(request: web.Request, model: type[Model]) -> Model:
    """Return the body, ``application/json``, as `model`."""
    return await by_turns(request, validate, model, await read_body(request, JSON))
