"""``Idempotency-Key``: the answer to a write is kept, so that a client may send it again after a lost answer."""

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web

from wizard_server.domain.callers import Caller
from wizard_server.errors import FieldError, IdempotencyMismatchError, RequestError
from wizard_server.web import problems
from wizard_server.web.compression import accepts_gzip
from wizard_server.web.requests import idempotency_key, whole_body

TTL_SECONDS = 24 * 3600.0
MAX_BYTES = 32 * 1024 * 1024
_OVERHEAD_BYTES = 1024

Handler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    headers: dict[str, str]


@dataclass(slots=True)
class _Entry:
    fingerprint: bytes
    expires: float
    answer: asyncio.Task[_Answer]
    size: int = field(default=_OVERHEAD_BYTES)


class IdempotencyStore:
    """Answers by user and key, for `TTL_SECONDS` and up to `MAX_BYTES`; the oldest go first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._size = 0

    async def answer(self, request: web.Request, caller: Caller, handler: Handler) -> web.StreamResponse:
        """Return what `handler` answers, or what it answered to the same request with the same key before.

        Raises `IdempotencyMismatchError` when the key came with another request. The handler runs to its end even when
        the client goes away meanwhile: that is when the client will ask again.
        """
        key = idempotency_key(request) or ""
        fingerprint = await _fingerprint(request)
        self._expire()
        entry = self._entries.get((caller.user_id, key))
        if entry is None:
            task = asyncio.create_task(_run(request, caller, handler))
            entry = _Entry(fingerprint, _now() + TTL_SECONDS, task)
            self._entries[caller.user_id, key] = entry
            self._size += entry.size
            task.add_done_callback(lambda done: self._settle((caller.user_id, key), done))
        elif entry.fingerprint != fingerprint:
            message = "this key came with another request before"
            raise IdempotencyMismatchError(message, [FieldError("Idempotency-Key", message, "unique")])
        return _replayed(request, await asyncio.shield(entry.answer))

    def _settle(self, key: tuple[str, str], task: asyncio.Task[_Answer]) -> None:
        """Keep a final answer; forget one that says to try again."""
        entry = self._entries.get(key)
        if entry is None or entry.answer is not task:
            return
        if task.cancelled() or task.exception() is not None or task.result().status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._remove(key)
            return
        entry.size += len(task.result().body)
        self._size += len(task.result().body)
        for oldest in list(self._entries):
            if self._size <= MAX_BYTES:
                return
            if self._entries[oldest].answer.done():  # one that still runs would run twice
                self._remove(oldest)

    def _expire(self) -> None:
        now = _now()
        while self._entries:
            key, oldest = next(iter(self._entries.items()))
            if oldest.expires > now:
                return
            self._remove(key)

    def _remove(self, key: tuple[str, str]) -> None:
        self._size -= self._entries.pop(key).size


def _replayed(request: web.Request, answer: _Answer) -> web.Response:
    """Return a kept answer in a form that this request takes: the one before it may have taken another."""
    body, headers = answer.body, dict(answer.headers)
    if headers.get("Content-Encoding") == "gzip" and not accepts_gzip(request):
        body = gzip.decompress(body)
        del headers["Content-Encoding"]
    headers.pop("Content-Length", None)
    headers["Idempotency-Key"] = request.headers["Idempotency-Key"]
    return web.Response(status=answer.status, body=body, headers=headers)


async def _fingerprint(request: web.Request) -> bytes:
    body = hashlib.sha256(await whole_body(request))
    named = (request.method, request.path_qs, request.content_type, request.headers.get("If-Match", ""))
    for part in named:
        body.update(b"\0" + part.encode(errors="surrogateescape"))
    return body.digest()


async def _run(request: web.Request, caller: Caller, handler: Handler) -> _Answer:
    try:
        response = await handler(request, caller)
    except RequestError as error:
        response = problems.from_error(request, error)
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes | None):
        raise TypeError("only an answer that is whole can be kept")
    return _Answer(response.status, response.body or b"", dict(response.headers))


def _now() -> float:
    return asyncio.get_running_loop().time()
