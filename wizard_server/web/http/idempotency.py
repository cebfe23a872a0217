"""``Idempotency-Key``: the answer to a write is kept, so that a client can repeat a request whose answer was lost.

The answer to a request that was carried out is stored in the database with its change (`kept_answers`), so it holds
over restarts and for every server on that database. Memory has the requests in flight, refusals, and recent answers.
"""

import asyncio
import gzip
import hashlib
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic

from aiohttp import web

from wizard_server.domain.callers import Caller
from wizard_server.domain.keyed import AnsweredBeforeError, KeptAnswer, Keyed, mismatch
from wizard_server.errors import IdempotencyMismatchError, RequestError, bare
from wizard_server.pace import Timer
from wizard_server.web.http import problems
from wizard_server.web.http.bodies import whole_body
from wizard_server.web.http.compression import accepts_gzip
from wizard_server.web.http.context import STORE, instant
from wizard_server.web.http.parameters import KEYED, idempotency_key
from wizard_server.web.http.prepared import Prepared

TTL_SECONDS = 24 * 3600.0
MAX_BYTES = 32 * 1024 * 1024
# An eighth of all, so that many writes of one user do not displace others' answers.
MAX_BYTES_PER_USER = MAX_BYTES // 8
# The memory of an entry without its texts, measured.
_OVERHEAD_BYTES = 2560
# With these statuses the request was not carried out, and the client is to send it again.
_TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

Handler = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class _Kept:
    status: int
    body: bytes
    headers: dict[str, str]
    code: str | None

    @property
    def size(self) -> int:
        return len(self.body) + sum(len(name) + len(value) for name, value in self.headers.items())


@dataclass(slots=True)
class _Entry:
    fingerprint: bytes
    expires: float
    answer: asyncio.Task[_Kept]
    size: int = field(default=_OVERHEAD_BYTES)

    @property
    def refuses(self) -> bool:
        """Whether the answer is known and a refusal, which the database does not store."""
        done = self.answer.done() and not self.answer.cancelled() and self.answer.exception() is None
        return done and self.answer.result().status >= HTTPStatus.BAD_REQUEST


class IdempotencyStore:
    """Answers by user and key, for `TTL_SECONDS` by `timer` and up to `max_bytes`; the oldest are dropped first.

    One user has at most `max_bytes_per_user`. `made_again` makes an answer from what the database stores of it.
    """

    def __init__(
        self,
        made_again: Callable[[web.Request, KeptAnswer], Awaitable[web.Response]],
        *,
        timer: Timer = monotonic,
        max_bytes: int = MAX_BYTES,
        max_bytes_per_user: int = MAX_BYTES_PER_USER,
    ) -> None:
        self._made_again = made_again
        self._timer = timer
        self._max_bytes = max_bytes
        self._max_bytes_per_user = max_bytes_per_user
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self.size_bytes = 0
        # The keys of each user, oldest first, and the bytes of their entries.
        self._keys: dict[str, OrderedDict[str, None]] = {}
        self._sizes: Counter[str] = Counter()

    async def answer(self, request: web.Request, caller: Caller, handler: Handler) -> web.StreamResponse:
        """Return the answer of `handler`, or its earlier answer to the same request with the same key.

        Raises `IdempotencyMismatchError` when the key was used for another request. The handler runs to its end even
        when the client goes away meanwhile, because that client will repeat the request.
        """
        key = idempotency_key(request) or ""
        fingerprint = await _fingerprint(request, caller)
        asked = Keyed(caller.user_id, key, fingerprint.hex(), instant(request))
        self._expire()
        entry = self._entries.get((caller.user_id, key))
        if entry is not None and entry.refuses and await request.app[STORE].kept_answer(asked):
            if self._entries.get((caller.user_id, key)) is entry:  # another server has carried it out since
                self._remove(caller.user_id, key)
            entry = self._entries.get((caller.user_id, key))
        if entry is None:
            task = asyncio.create_task(self._run(request, caller, handler, asked))
            entry = _Entry(fingerprint, self._timer() + TTL_SECONDS, task)
            self._add(caller.user_id, key, entry)
            task.add_done_callback(lambda done: self._settle(caller.user_id, key, done))
        elif entry.fingerprint != fingerprint:
            raise mismatch()
        return _replayed(request, await asyncio.shield(entry.answer))

    async def _run(self, request: web.Request, caller: Caller, handler: Handler, asked: Keyed) -> _Kept:
        """Return the answer to `asked`: the one in the database, or that of `handler`."""
        try:
            response = await self._carried_out(request, caller, handler, asked)
        except RequestError as error:
            response = problems.from_error(request, error)
        if isinstance(response, Prepared):
            return _Kept(response.status, response.body, dict(response.headers), None)
        if not isinstance(response, web.Response) or not isinstance(response.body, bytes | None):
            raise TypeError("only a complete answer can be kept")
        return _Kept(response.status, response.body or b"", dict(response.headers), response.get(problems.CODE))

    async def _carried_out(
        self, request: web.Request, caller: Caller, handler: Handler, asked: Keyed
    ) -> web.StreamResponse:
        """Return the answer of `handler`; where it refuses, the answer that the database has to the request, if any.

        A change needs no query before it, because its transaction finds an answer that is stored under its key.
        """
        request[KEYED] = asked
        try:
            return await handler(request, caller)
        except AnsweredBeforeError as before:
            kept = before.kept
        except IdempotencyMismatchError:
            raise
        except RequestError as refusal:
            known = await request.app[STORE].kept_answer(asked)
            if known is None:
                raise bare(refusal) from None
            kept = known
        return await self._made_again(request, kept)

    def _settle(self, user_id: str, key: str, task: asyncio.Task[_Kept]) -> None:
        """Keep a final answer; forget one after which the client is to send the request again."""
        entry = self._entries.get((user_id, key))
        if entry is None or entry.answer is not task:
            return
        if task.cancelled() or task.exception() is not None or not _is_final(task.result()):
            self._remove(user_id, key)
            return
        self._grow(user_id, task.result().size)
        entry.size += task.result().size
        if self._sizes[user_id] > self._max_bytes_per_user:
            self._forget(lambda: self._sizes[user_id] > self._max_bytes_per_user, self._of_user(user_id))
        if self.size_bytes > self._max_bytes:
            self._forget(lambda: self.size_bytes > self._max_bytes, list(self._entries))

    def _forget(self, too_much: Callable[[], bool], oldest_first: Iterable[tuple[str, str]]) -> None:
        for user_id, key in oldest_first:
            if not too_much():
                return
            if self._entries[user_id, key].answer.done():  # a request still in flight would be carried out twice
                self._remove(user_id, key)

    def _of_user(self, user_id: str) -> list[tuple[str, str]]:
        return [(user_id, key) for key in self._keys[user_id]]

    def _expire(self) -> None:
        now = self._timer()
        while self._entries:
            (user_id, key), oldest = next(iter(self._entries.items()))
            if oldest.expires > now:
                return
            self._remove(user_id, key)

    def _add(self, user_id: str, key: str, entry: _Entry) -> None:
        self._entries[user_id, key] = entry
        self._keys.setdefault(user_id, OrderedDict())[key] = None
        self._grow(user_id, entry.size)

    def _remove(self, user_id: str, key: str) -> None:
        self._grow(user_id, -self._entries.pop((user_id, key)).size)
        del self._keys[user_id][key]
        if not self._keys[user_id]:
            del self._keys[user_id], self._sizes[user_id]

    def _grow(self, user_id: str, size: int) -> None:
        self.size_bytes += size
        self._sizes[user_id] += size


def _is_final(answer: _Kept) -> bool:
    """Whether repeating the request would give the same answer: it is neither a mismatch nor a failure that passes."""
    if answer.code == IdempotencyMismatchError.code:
        return False
    return answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status not in _TRY_AGAIN


def _replayed(request: web.Request, answer: _Kept) -> web.Response:
    """Return a kept answer in a coding that this request accepts, because the first one may have accepted another."""
    body, headers = answer.body, dict(answer.headers)
    if headers.get("Content-Encoding") == "gzip" and not accepts_gzip(request):
        body = gzip.decompress(body)
        del headers["Content-Encoding"]
    headers.pop("Content-Length", None)
    headers["Idempotency-Key"] = request.headers["Idempotency-Key"]
    response = web.Response(status=answer.status, body=body, headers=headers)
    if answer.code is not None:
        response[problems.CODE] = answer.code
    return response


async def _fingerprint(request: web.Request, caller: Caller) -> bytes:
    """Return the SHA-256 that identifies a request; agents differ from users of the same name, as they see more."""
    body = hashlib.sha256(await whole_body(request))
    named = (
        request.method,
        request.path_qs,
        request.content_type,
        request.headers.get("If-Match", ""),
        request.headers.get("If-None-Match", ""),
        f"{caller.is_agent}",
    )
    for part in named:
        body.update(b"\0" + part.encode(errors="surrogateescape"))
    return body.digest()


KEYED_METHODS = frozenset({"POST", "PUT", "PATCH"})
