"""``Idempotency-Key``: the same request again gets the same answer, and is done once."""

import asyncio
import contextlib
import gc
import tracemalloc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import Mock

import pytest
from aiohttp import StreamReader, web

from tests import factories
from tests.clocks import StoppedTimer
from tests.unit.requests import NOT_UTF_8, request_with
from wizard_server.domain.callers import AGENT, Caller
from wizard_server.domain.keyed import Keyed
from wizard_server.errors import (
    IdempotencyMismatchError,
    NotFoundError,
    RequestError,
    RequestTimeoutError,
    StorageUnavailableError,
    TooManyConnectionsError,
    ValidationFailedError,
)
from wizard_server.web.api.kept_answers import made_again
from wizard_server.web.http.context import CONFIG, STORE
from wizard_server.web.http.idempotency import TTL_SECONDS, IdempotencyStore

if TYPE_CHECKING:
    from wizard_server.domain.ports import Store

ANN, BOB = Caller("ann", frozenset()), Caller("bob", frozenset())


def request_of(
    body: bytes = b"{}", *, key: str = "k-1", method: str = "PATCH", path: str = "/a", **headers: str
) -> web.Request:
    payload = StreamReader(Mock(_reading_paused=False), 2**16, loop=asyncio.get_running_loop())
    payload.feed_data(body)
    payload.feed_eof()
    named = {"Idempotency-Key": key, "Content-Type": "application/json"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    request = request_with(named, method=method, path=path, payload=payload)
    request.app[CONFIG] = factories.config()
    request.app[STORE] = cast("Store", NothingKept())
    return request


class NothingKept:
    """A store that has never carried out a request with a key: what is tested here is what stays in memory."""

    async def kept_answer(self, asked: Keyed) -> None:
        return None


class Writer:
    """A handler that counts its runs and answers with their number, after `go` if that is set."""

    def __init__(self, outcome: Exception | None = None, go: asyncio.Event | None = None, size: int = 0) -> None:
        self.runs = 0
        self.outcome = outcome
        self.go = go
        self.size = size
        self.started = asyncio.Event()

    async def __call__(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        self.runs += 1
        self.started.set()
        if self.go is not None:
            await self.go.wait()
        if self.outcome is not None:
            raise self.outcome
        body = f"{self.runs}".encode().rjust(self.size)
        return web.Response(body=body, status=201, headers={"ETag": '"version-1"', "Location": "/a"})


@pytest.fixture
def store() -> IdempotencyStore:
    return IdempotencyStore(made_again)


def whole(response: web.StreamResponse) -> tuple[int, bytes, dict[str, str]]:
    assert isinstance(response, web.Response)
    assert isinstance(response.body, bytes)
    return response.status, response.body, dict(response.headers)


async def test_the_same_request_gets_the_same_answer_and_is_done_once(store: IdempotencyStore) -> None:
    writer = Writer()
    first = whole(await store.answer(request_of(), ANN, writer))
    again = whole(await store.answer(request_of(), ANN, writer))
    assert first == again
    assert (first[0], first[1], first[2]["ETag"], first[2]["Location"]) == (201, b"1", '"version-1"', "/a")
    assert writer.runs == 1


async def test_an_answer_without_a_body_is_kept_too(store: IdempotencyStore) -> None:
    async def handler(request: web.Request, caller: Caller) -> web.StreamResponse:
        return web.Response(status=204, headers={"ETag": '"version-2"'})

    for _ in range(2):
        response = await store.answer(request_of(), ANN, handler)
        assert (response.status, response.headers["ETag"]) == (204, '"version-2"')


@pytest.mark.parametrize(
    "other",
    [
        lambda: request_of(b'{"a":1}'),
        lambda: request_of(method="PUT"),
        lambda: request_of(path="/b"),
        lambda: request_of(path="/a?x=1"),
        lambda: request_of(Content_Type="application/merge-patch+json"),
        lambda: request_of(If_Match='"version-1"'),
    ],
    ids=["body", "method", "path", "query", "type", "precondition"],
)
async def test_the_same_key_with_another_request_is_refused(
    store: IdempotencyStore, other: Callable[[], web.Request]
) -> None:
    writer = Writer()
    await store.answer(request_of(), ANN, writer)
    with pytest.raises(IdempotencyMismatchError) as refusal:
        await store.answer(other(), ANN, writer)
    assert [error["field"] for error in refusal.value.extra["errors"]] == ["Idempotency-Key"]
    assert writer.runs == 1


async def test_keys_are_each_user_s_own(store: IdempotencyStore) -> None:
    writer = Writer()
    assert whole(await store.answer(request_of(), ANN, writer))[1] == b"1"
    assert whole(await store.answer(request_of(), BOB, writer))[1] == b"2"
    assert whole(await store.answer(request_of(key="k-2"), ANN, writer))[1] == b"3"


async def test_a_request_that_comes_while_the_first_one_runs_waits_for_its_answer(store: IdempotencyStore) -> None:
    writer = Writer(go=asyncio.Event())
    answers = [asyncio.create_task(store.answer(request_of(), ANN, writer)) for _ in range(3)]
    await writer.started.wait()
    with pytest.raises(IdempotencyMismatchError):
        await store.answer(request_of(b"other"), ANN, writer)
    assert writer.go is not None
    writer.go.set()
    assert {whole(answer)[1] for answer in await asyncio.gather(*answers)} == {b"1"}


async def test_a_client_that_goes_away_finds_the_answer_when_it_asks_again(store: IdempotencyStore) -> None:
    writer = Writer(go=asyncio.Event())
    lost = asyncio.create_task(store.answer(request_of(), ANN, writer))
    await writer.started.wait()
    lost.cancel()
    await asyncio.gather(lost, return_exceptions=True)
    assert writer.go is not None
    writer.go.set()
    assert whole(await store.answer(request_of(), ANN, writer))[1] == b"1"
    assert writer.runs == 1


async def test_a_refusal_is_an_answer_and_kept(store: IdempotencyStore) -> None:
    writer = Writer(outcome=NotFoundError("no"))
    first = whole(await store.answer(request_of(), ANN, writer))
    writer.outcome = None
    assert whole(await store.answer(request_of(), ANN, writer)) == first
    assert (first[0], writer.runs) == (404, 1)


async def test_an_answer_that_says_to_try_again_is_not_kept(store: IdempotencyStore) -> None:
    writer = Writer(outcome=StorageUnavailableError("busy"))
    assert (await store.answer(request_of(), ANN, writer)).status == 503
    writer.outcome = None
    assert whole(await store.answer(request_of(), ANN, writer))[:2] == (201, b"2")


async def test_an_error_that_nobody_foresaw_is_raised_and_not_kept(store: IdempotencyStore) -> None:
    writer = Writer(outcome=LookupError("bug"))
    with pytest.raises(LookupError):
        await store.answer(request_of(), ANN, writer)
    writer.outcome = None
    assert (await store.answer(request_of(), ANN, writer)).status == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb", NOT_UTF_8])
async def test_a_key_is_1_to_255_printable_ascii_characters(store: IdempotencyStore, key: str) -> None:
    writer = Writer()
    with pytest.raises(ValidationFailedError):
        await store.answer(request_of(key=key), ANN, writer)
    assert whole(await store.answer(request_of(key="x" * 255), ANN, writer))[0] == 201
    assert writer.runs == 1


@pytest.mark.parametrize("header", ["If_Match", "Content_Type"])
async def test_a_header_that_is_not_utf_8_is_no_error_of_ours(store: IdempotencyStore, header: str) -> None:
    named: dict[str, Any] = {header: NOT_UTF_8}
    with contextlib.suppress(RequestError):
        await store.answer(request_of(**named), ANN, Writer())


async def test_an_answer_is_forgotten_after_a_day() -> None:
    timer, writer = StoppedTimer(), Writer()
    store = IdempotencyStore(made_again, timer=timer)
    await store.answer(request_of(), ANN, writer)
    timer.now += TTL_SECONDS - 1
    assert whole(await store.answer(request_of(), ANN, writer))[1] == b"1"
    timer.now += 1
    assert whole(await store.answer(request_of(), ANN, writer))[1] == b"2"
    assert whole(await store.answer(request_of(), ANN, writer))[1] == b"2"


async def test_the_oldest_answers_leave_when_the_memory_is_full() -> None:
    store = IdempotencyStore(made_again, max_bytes=3 * 7800)
    writer = Writer(size=5000)
    for number in range(4):
        await store.answer(request_of(key=f"k-{number}"), ANN, writer)
    assert writer.runs == 4
    for number in (3, 2, 1):
        await store.answer(request_of(key=f"k-{number}"), ANN, writer)
    assert writer.runs == 4
    await store.answer(request_of(key="k-0"), ANN, writer)
    assert writer.runs == 5


async def test_a_request_that_still_runs_is_not_the_one_to_leave() -> None:
    store = IdempotencyStore(made_again, max_bytes=7800, max_bytes_per_user=7800 // 8)
    running = Writer(go=asyncio.Event())
    first = asyncio.create_task(store.answer(request_of(), ANN, running))
    await running.started.wait()
    await store.answer(request_of(key="k-2"), ANN, Writer(size=6000))
    again = asyncio.create_task(store.answer(request_of(), ANN, running))
    assert running.go is not None
    running.go.set()
    await asyncio.gather(first, again)
    assert running.runs == 1


async def test_an_answer_that_is_a_stream_is_refused(store: IdempotencyStore) -> None:
    async def handler(request: web.Request, caller: Caller) -> web.StreamResponse:
        return web.StreamResponse()

    with pytest.raises(TypeError):
        await store.answer(request_of(), ANN, handler)


async def test_who_writes_much_makes_the_server_forget_only_what_they_wrote() -> None:
    store = IdempotencyStore(made_again, max_bytes_per_user=2 * 7800)
    quiet, busy = Writer(), Writer(size=5000)
    await store.answer(request_of(), ANN, quiet)
    for number in range(100):
        await store.answer(request_of(key=f"k-{number}"), BOB, busy)
    await store.answer(request_of(), ANN, quiet)
    await store.answer(request_of(key="k-99"), BOB, busy)
    assert (quiet.runs, busy.runs) == (1, 100)
    await store.answer(request_of(key="k-97"), BOB, busy)
    assert busy.runs == 101


async def test_what_is_counted_is_what_is_kept() -> None:
    timer = StoppedTimer()
    store = IdempotencyStore(made_again, timer=timer, max_bytes_per_user=4 * 7800)

    async def fill() -> int:
        for caller in (ANN, BOB):
            for number in range(3):
                await store.answer(request_of(key=f"k-{number}"), caller, Writer(size=100))
            await store.answer(request_of(key="refused"), caller, Writer(outcome=StorageUnavailableError("busy")))
        return store.size_bytes

    await store.answer(request_of(key="k-0"), ANN, Writer(size=100))
    one = store.size_bytes
    assert await fill() == 6 * one
    timer.now += TTL_SECONDS
    assert await fill() == 6 * one, "nothing is left of what has expired"
    for number in range(3, 20):
        timer.now += TTL_SECONDS
        await store.answer(request_of(key=f"k-{number}"), ANN, Writer(size=7000))
    assert store.size_bytes == one + 7000 - 100, "nor is it held against who wrote it"


async def test_the_count_of_bytes_is_no_less_than_what_an_answer_takes(store: IdempotencyStore) -> None:
    writer, count = Writer(size=1000), 100

    async def fill(first: int) -> None:
        for number in range(first, first + count):
            await store.answer(request_of(key=f"key-{number:0251}"), ANN, writer)

    await fill(0)
    gc.collect()
    tracemalloc.start()
    try:
        counted = store.size_bytes
        await fill(count)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] <= store.size_bytes - counted
    finally:
        tracemalloc.stop()


async def test_an_agent_s_answer_is_not_repeated_to_the_user_of_the_same_name(store: IdempotencyStore) -> None:
    writer = Writer()
    await store.answer(request_of(), Caller("ann", frozenset({AGENT})), writer)
    with pytest.raises(IdempotencyMismatchError):
        await store.answer(request_of(), ANN, writer)


@pytest.mark.parametrize("error", [TooManyConnectionsError("full"), RequestTimeoutError("slow")])
async def test_a_refusal_that_says_to_come_again_is_not_kept(store: IdempotencyStore, error: RequestError) -> None:
    writer = Writer(outcome=error)
    await store.answer(request_of(), ANN, writer)
    writer.outcome = None
    assert (await store.answer(request_of(), ANN, writer)).status == 201
