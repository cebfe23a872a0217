import asyncio
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    INV,
    STATES,
    Answer,
    as_operator,
    create,
    engine_of,
    fields_named,
    hold_commits,
    patch,
    send,
    sending,
    soon,
    start,
    stored,
    trail,
    until,
    url,
)
from wizard_server.errors import StorageUnavailableError
from wizard_server.web.http.accounting import REQUESTS

KEY = {"Idempotency-Key": "mutation-1"}
ENTRY = {"investigation_id": INV, "user_id": "dev", "action_type": "NOTE", "source": "USER"}
WRITES: list[tuple[str, str, Any]] = [
    ("POST", STATES, factories.creation("inv-2")),
    ("PATCH", url(), {"status": "ERROR"}),
    ("PUT", url(), {"status": "ERROR"}),
    ("POST", url(suffix="/history"), ENTRY),
]


def same(one: Answer, other: Answer) -> bool:
    return _kept(one) == _kept(other)


def _kept(answer: Answer) -> tuple[object, ...]:
    return (answer.status, answer.text, *map(answer.headers.get, ("ETag", "Location", "Content-Type")))


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_the_same_request_again_gets_the_same_answer_and_happens_once(
    client: Client, database: str, method: str, path: str, body: Any
) -> None:
    await create(client)
    first = await send(client, method, path, json=body, headers=KEY)
    after = stored(database)
    again = await send(client, method, path, json=body, headers=KEY)
    assert first.status in (200, 201)
    assert same(first, again)
    assert stored(database) == after


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_the_key_is_the_mutation_id_of_the_change(
    client: Client, database: str, method: str, path: str, body: Any
) -> None:
    await create(client)
    await send(client, method, path, json=body, headers=KEY)
    investigation_id = body.get("investigation_id", INV)
    assert trail(database, investigation_id)[-1]["mutation_id"] == "mutation-1"
    items = (await send(client, "GET", url(investigation_id, "/history"))).body["items"]
    assert items[0]["mutation_id"] == "mutation-1"


async def test_a_later_change_does_not_change_the_answer_that_was_kept(client: Client) -> None:
    await create(client)
    first = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    await patch(client, {"status": "IN_PROGRESS"})
    again = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    assert same(first, again)
    assert again.body["version"] == 2


async def test_the_same_key_with_another_body_is_a_422_and_changes_nothing(client: Client, database: str) -> None:
    await create(client)
    await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    before = stored(database)
    answer = await send(client, "PATCH", url(), json={"status": "CANCELLED"}, headers=KEY)
    assert (answer.status, answer.body["code"]) == (422, "idempotency-mismatch")
    assert fields_named(answer) == {"Idempotency-Key"}
    assert stored(database) == before


async def test_the_same_key_for_another_resource_or_method_is_a_422(client: Client) -> None:
    await create(client)
    await create(client, "inv-2")
    await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    assert (await send(client, "PATCH", url("inv-2"), json={"status": "ERROR"}, headers=KEY)).status == 422
    assert (await send(client, "PUT", url(), json={"status": "ERROR"}, headers=KEY)).status == 422


async def test_two_users_may_choose_the_same_key(client: Client) -> None:
    await create(client)
    await create(client, "inv-2", user_id="eve")
    await patch(client, {"status": "ERROR"}, **KEY)
    answer = await send(client, "PATCH", url("inv-2"), json={"status": "ERROR"}, headers={**KEY, "X-User-Id": "eve"})
    assert answer.status == 200


async def test_a_refusal_is_kept_too(client: Client) -> None:
    await create(client)
    refused = await send(client, "PATCH", url(), json={"wizard_step": "RESULTS"}, headers=KEY)
    assert refused.status == 409
    await patch(client, {"wizard_step": "PROGRESS"})
    await patch(client, {"status": "COMPLETED"})
    assert same(refused, await send(client, "PATCH", url(), json={"wizard_step": "RESULTS"}, headers=KEY))


async def test_what_is_repeated_is_the_answer_and_not_what_was_said_of_that_request(
    start_server: StartServer,
) -> None:
    client = await start_server(
        rate_limit={"requests_per_second": 0.001, "burst": 9}, cors={"allowed_origins": ["https://a.example"]}
    )
    await create(client)
    asked = {**KEY, "Origin": "https://a.example"}
    first, again = [
        await send(client, "PATCH", url(), json={"wizard_step": "RESULTS"}, headers={**asked, "X-Request-Id": name})
        for name in ("one", "two")
    ]
    assert same(first, again)
    assert (first.headers["X-Request-Id"], again.headers["X-Request-Id"]) == ("one", "two")
    assert [answer.headers["RateLimit"].split(";")[1] for answer in (first, again)] == ["r=7", "r=6"]
    names = [name for name, _ in again.headers.items()]
    assert sorted(names) == sorted(set(names))
    assert first.headers["Vary"] == again.headers["Vary"] == "Accept-Encoding, Origin"


async def test_a_repeated_refusal_counts_as_what_it_is(client: Client) -> None:
    await create(client)
    for _ in range(2):
        await send(client, "PATCH", url(), json={"wizard_step": "RESULTS"}, headers=KEY)
    assert client.app[REQUESTS].problems["invalid-transition"] == 2


async def test_what_failed_for_want_of_the_database_may_be_tried_again(client: Client, database: str) -> None:
    async def broken(*_: Any) -> int:
        raise StorageUnavailableError("the disk is full")

    await create(client)
    with engine_of(client).instead(commit=broken):
        assert (await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)).status == 503
    assert (await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)).body["version"] == 2
    assert len(trail(database)) == 2


async def test_requests_with_one_key_at_the_same_time_execute_once(client: Client, database: str) -> None:
    await start(client)
    door = hold_commits(client)
    body = {"progress": factories.progress()}
    tasks = [sending(client, "PATCH", url(), json=body, headers=KEY) for _ in range(5)]
    await door.reached.wait()
    door.open()
    answers = [await soon(task) for task in tasks]
    assert {(answer.status, answer.body["version"]) for answer in answers} == {(200, 3)}
    assert (door.passed, len(trail(database))) == (1, 3)


async def test_another_body_with_a_key_that_is_still_at_work_is_a_422(client: Client, database: str) -> None:
    await start(client)
    door = hold_commits(client)
    first = sending(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    await door.reached.wait()
    other = await send(client, "PATCH", url(), json={"status": "CANCELLED"}, headers=KEY)
    assert (other.status, other.body["code"]) == (422, "idempotency-mismatch")
    door.open()
    assert (await soon(first)).body["status"] == "ERROR"
    assert len(trail(database)) == 3


async def test_who_goes_away_before_the_answer_gets_it_by_asking_again(client: Client, database: str) -> None:
    await start(client)
    door = hold_commits(client)
    body = {"progress": factories.progress()}
    first = sending(client, "PATCH", url(), json=body, headers=KEY)
    await door.reached.wait()
    connections = client.server.handler.connections
    assert len(connections) == 1
    first.cancel()
    await asyncio.wait([first])
    await until(lambda: not client.server.handler.connections)
    second = sending(client, "PATCH", url(), json=body, headers=KEY)
    await until(lambda: bool(client.server.handler.connections))
    door.open()
    answer = await soon(second)
    assert (answer.status, answer.body["version"]) == (200, 3)
    assert [entry["version"] for entry in trail(database)] == [1, 2, 3]


async def test_who_goes_away_and_stays_away_has_its_change_committed_once(client: Client, database: str) -> None:
    await start(client)
    door = hold_commits(client)
    first = sending(client, "PATCH", url(), json={"progress": factories.progress()}, headers=KEY)
    await door.reached.wait()
    first.cancel()
    await until(lambda: not client.server.handler.connections)
    door.open()
    assert (await patch(client, {"status": "ERROR"}))["version"] == 4
    assert [entry["version"] for entry in trail(database)] == [1, 2, 3, 4]


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
async def test_a_key_that_is_none_is_a_422(client: Client, key: str) -> None:
    await create(client)
    answer = await send(client, "PATCH", url(), json={}, headers={"Idempotency-Key": key})
    assert (answer.status, fields_named(answer)) == (422, {"Idempotency-Key"})


async def test_a_kept_answer_is_compressed_only_for_who_asks(client: Client) -> None:
    body = factories.creation(settings=factories.settings(description="x" * 5000))
    zipped = {**KEY, "Accept-Encoding": "gzip"}
    first = await send(client, "POST", STATES, json=body, headers=zipped)
    again = await send(client, "POST", STATES, json=body, headers={**KEY, "Accept-Encoding": "identity"})
    assert first.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in again.headers
    assert first.body == again.body


async def test_a_read_takes_no_notice_of_a_key(client: Client) -> None:
    await create(client)
    await send(client, "GET", url(), headers=KEY)
    await patch(client, {"status": "ERROR"})
    assert (await send(client, "GET", url(), headers=KEY)).body["version"] == 2


async def test_a_key_survives_an_edit_by_hand(client: Client, database: str) -> None:
    await create(client)
    first = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    as_operator(database, "UPDATE investigation_states SET status = 'CANCELLED'")
    assert same(first, await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY))
