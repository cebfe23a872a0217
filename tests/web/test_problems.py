import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.gated import with_one_reader
from tests.web.helpers import (
    STATES,
    TIMESTAMP,
    StoppedClock,
    create,
    engine_of,
    parked,
    patch,
    poll_url,
    polling,
    raw,
    send,
    soon,
    start,
    stored,
    url,
)
from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.engine import BusyError

MEMBERS = {
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "code",
    "errors",
    "errors_total",
    "request_id",
    "success",
    "error",
    "timestamp",
}
RETRY_AFTER = r"[1-9]\d*"


@pytest.fixture
def other_process(database: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        yield connection


async def test_an_error_has_the_members_of_both_interfaces(client: Client) -> None:
    answer = await send(client, "GET", url())
    assert answer.headers["Content-Type"].partition(";")[0] == "application/problem+json"
    told = answer.body
    assert set(told) == MEMBERS
    assert (told["status"], told["code"], told["title"]) == (404, "not-found", "Not Found")
    assert (told["instance"], told["errors"]) == (url(), [])
    assert (told["success"], told["error"]) == (False, told["detail"])
    assert told["type"].endswith("not-found")
    assert re.fullmatch(TIMESTAMP, told["timestamp"])


async def test_an_error_carries_the_servers_instant(start_server: StartServer) -> None:
    clock = StoppedClock()
    client = await start_server(clock=clock)
    assert (await send(client, "GET", url())).body["timestamp"] == "2026-01-09T08:00:00.000Z"


async def test_the_request_id_is_the_clients_or_a_new_one(client: Client) -> None:
    known = await send(client, "GET", url(), headers={"X-Request-Id": "trace-1:a.b"})
    assert known.body["request_id"] == "trace-1:a.b"
    new = {(await send(client, "GET", url())).body["request_id"] for _ in range(2)}
    assert len(new) == 2


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, '"'])
async def test_a_request_id_that_could_harm_a_log_is_replaced(client: Client, given: str) -> None:
    answer = await send(client, "GET", url(), headers={"X-Request-Id": given})
    assert answer.body["request_id"] not in ("", given)


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/v1", "/api/v2/wizard-state", url(suffix="/nothing"), "/api/v1/wizard-states"]
)
async def test_an_unknown_route_is_a_problem_too(client: Client, path: str) -> None:
    answer = await send(client, "GET", path)
    assert (answer.status, answer.body["code"], answer.body["instance"]) == (404, "not-found", path)
    assert set(answer.body) == MEMBERS


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", STATES, {"GET", "POST"}),
        ("POST", url(), {"GET", "PATCH", "PUT", "DELETE"}),
        ("PUT", url(suffix="/history"), {"GET", "POST"}),
        ("POST", poll_url(), {"GET"}),
        ("POST", "/healthz", {"GET"}),
    ],
)
async def test_another_method_is_a_405_that_names_those_there_are(
    client: Client, method: str, path: str, allowed: set[str]
) -> None:
    answer = await send(client, method, path)
    assert answer.status == 405
    assert set(answer.headers["Allow"].split(",")) - {"HEAD"} == allowed
    assert set(answer.body) == MEMBERS


async def test_a_body_over_its_limit_is_a_413_that_names_the_limit(start_server: StartServer, database: str) -> None:
    client = await start_server(state={"max_size_kb": 100})
    await create(client)
    before = stored(database)
    for method, path in (("PATCH", url()), ("POST", STATES), ("POST", url(suffix="/history"))):
        answer = await send(client, method, path, json={"settings": {"name": "x" * 300 * 1024}})
        assert (answer.status, answer.body["code"]) == (413, "body-too-large")
        assert str(answer.body["limit_bytes"]) in answer.body["detail"]
    keyed = await send(client, "PATCH", url(), json={"x": "x" * 300 * 1024}, headers={"Idempotency-Key": "k"})
    assert keyed.status == 413
    assert stored(database) == before


async def test_a_feature_that_is_switched_off_is_a_404_of_its_own(start_server: StartServer) -> None:
    client = await start_server(features={"polling_enabled": False})
    for path in (poll_url(), "/api/v1/polling/health"):
        answer = await send(client, "GET", path)
        assert (answer.status, answer.body["code"]) == (404, "feature-disabled")


async def test_what_nobody_foresaw_is_a_500_without_its_details(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("the secret")

    engine_of(client).statements["states.get"] = broken
    answer = await send(client, "GET", url())
    assert (answer.status, set(answer.body)) == (500, MEMBERS)
    assert b"secret" not in answer.text
    assert "unforeseen error" in caplog.text


def without_waiting(commit: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return `commit` as it fails in the end where it waits for another process."""

    async def impatient(writes: Any, locked: Any = None, *_: Any) -> Any:
        try:
            return await commit(writes, locked, lambda: False)
        except BusyError as error:
            raise StorageUnavailableError(error.message) from error

    return impatient


@pytest.mark.needs("files")
async def test_a_database_that_another_process_holds_is_a_503_and_nothing_changes(
    start_server: StartServer, database: str, other_process: sqlite3.Connection
) -> None:
    client = await start_server()
    await start(client)
    waiting = polling(client, since_version=2)
    await parked(client)
    before = stored(database)
    other_process.execute("BEGIN IMMEDIATE")
    with engine_of(client).instead(commit=without_waiting(engine_of(client).commit)):
        for method, path, body in (
            ("PATCH", url(), {"status": "ERROR"}),
            ("POST", STATES, factories.creation("inv-2")),
            ("DELETE", url(), None),
        ):
            answer = await send(client, method, path, **({"json": body} if body else {}))
            assert (answer.status, answer.body["code"]) == (503, "storage-unavailable")
            assert re.fullmatch(RETRY_AFTER, answer.headers["Retry-After"])
    assert (await send(client, "GET", url())).body["version"] == 2
    assert not waiting.done()
    other_process.execute("ROLLBACK")
    assert stored(database) == before
    await patch(client, {"status": "ERROR"})
    assert (await soon(waiting)).body["version"] == 3


async def test_a_pool_without_a_free_reader_is_a_503(
    start_server: StartServer,
) -> None:
    client = await start_server(opening=with_one_reader)
    await create(client)
    async with engine_of(client).reader():
        for path in (STATES, url("inv-cold"), url(suffix="/history"), poll_url("inv-cold")):
            answer = await send(client, "GET", path)
            assert (answer.status, answer.body["code"]) == (503, "storage-unavailable")
            assert re.fullmatch(RETRY_AFTER, answer.headers["Retry-After"])
    assert (await send(client, "GET", STATES)).status == 200


HOSTILE: list[tuple[str, bytes, bytes]] = [
    ("PATCH", b"Content-Type: application/\xff\r\n", b"{}"),
    ("PATCH", b"Content-Type: application/\xff\r\nIdempotency-Key: k\r\n", b"{}"),
    ("PATCH", b'Content-Type: application/json\r\nIf-Match: "\xff"\r\nIdempotency-Key: k\r\n', b"{}"),
    ("PATCH", b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n", b'{"status": "ERROR"}'),
    ("PATCH", b"Content-Type: application/json\r\nX-Audit-Source: \xff\r\n", b"{}"),
    ("PATCH", b"Content-Type: application/json\r\nIdempotency-Key: \xff\r\n", b"{}"),
    ("GET", b"X-User-Id: \xff\r\n", b""),
    ("GET", b"If-None-Match: \xff\r\nPrefer: \xff=\xff\r\nAccept-Encoding: \xff;q=\xff\r\n", b""),
    ("GET", b"X-Request-Id: \xff\r\n", b""),
]


@pytest.mark.parametrize(("method", "headers", "body"), HOSTILE)
async def test_no_header_is_answered_with_a_500(client: Client, method: str, headers: bytes, body: bytes) -> None:
    await create(client)
    status, head = await raw(client, method, url(), headers, body)
    assert 200 <= status < 500
    assert b"application/problem+json" in head or status < 400


@pytest.mark.parametrize(
    "query", ["q=%ff", "q=%00", "%ff=1", "page=%ff", "status=%ed%a0%80", "updated_since=1e999", "sort=%00"]
)
async def test_no_query_is_answered_with_a_500(client: Client, query: str) -> None:
    await create(client)
    status, _ = await raw(client, "GET", f"{STATES}?{query}", b"")
    assert status in (200, 422)


BODIES: list[Any] = [
    [{"op": "replace", "path": "", "value": None}],
    [{"op": "move", "from": "", "path": "/settings/description"}],
    [{"op": "add", "path": "/settings/entities/" + "9" * 5000, "value": 1}],
    [{"op": "add", "path": "/settings/name/0", "value": 1}],
    [{"op": "copy", "from": "/settings", "path": "/settings/tools/0/parameters"}] * 32,
    [{"op": "add", "path": "/settings/tools/0/parameters", "value": {"x": 2**64 - 1}}],
    [None],
    [{"op": "remove", "path": "/settings/entities/01"}],
]


@pytest.mark.parametrize("operations", BODIES)
async def test_no_json_patch_is_answered_with_a_500(client: Client, operations: list[Any]) -> None:
    await create(client)
    headers = {"Content-Type": "application/json-patch+json"}
    assert (await send(client, "PATCH", url(), json=operations, headers=headers)).status in (200, 400, 409, 413, 422)


async def test_the_id_of_a_request_comes_back_with_every_answer_to_it(client: Client) -> None:
    async with client.get("/healthz", headers={"X-Request-Id": "trace-7"}) as answer:
        assert answer.headers["X-Request-Id"] == "trace-7"
    async with client.get("/api/v1/wizard-state/absent") as answer:
        assert answer.headers["X-Request-Id"] == (await answer.json())["request_id"]
