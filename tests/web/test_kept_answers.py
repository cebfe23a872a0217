"""Answers under an Idempotency-Key that outlive the server: kept in the database with their changes (contract 8)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    INV,
    STATES,
    Answer,
    StoppedClock,
    as_operator,
    create,
    fields_named,
    hold_before_locks,
    hold_commits,
    noticed,
    patch,
    queued,
    rows,
    send,
    sending,
    soon,
    start,
    stored,
    trail,
    until,
    url,
)
from wizard_server.app import DATABASE

KEY = {"Idempotency-Key": "mutation-1"}
MINIMAL = {**KEY, "Prefer": "return=minimal"}
PROGRESS = url(suffix="/progress")
TEMPLATES = "/api/v1/templates"
TEMPLATE = {"name": "Mine", "settings": factories.settings()}
NOTE = {"investigation_id": INV, "user_id": "dev", "action_type": "NOTE", "source": "USER"}
REPORT = {"overall_progress": 5, "logs": ["once"]}

Restart = Callable[[], Awaitable[Client]]


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
async def restart(start_server: StartServer, clock: StoppedClock) -> Restart:
    """Return what starts a server on the database of the test; one that was started before it is closed first."""
    running: list[Client] = []

    async def again() -> Client:
        for client in running:
            await client.close()
        running[:] = [await start_server(clock=clock)]
        return running[0]

    return again


def same(one: Answer, other: Answer) -> bool:
    names = ("ETag", "Location", "Content-Type", "Cache-Control", "Preference-Applied")
    kept = [(each.status, each.body, *map(each.headers.get, names)) for each in (one, other)]
    return kept[0] == kept[1]


WRITES = {
    "create": ("POST", STATES, factories.creation("inv-2"), KEY),
    "create without an identifier": ("POST", STATES, {"settings": factories.settings()}, KEY),
    "create minimal": ("POST", STATES, factories.creation("inv-2"), MINIMAL),
    "patch": ("PATCH", url(), {"status": "ERROR"}, KEY),
    "patch minimal": ("PATCH", url(), {"status": "ERROR"}, MINIMAL),
    "patch of nothing": ("PATCH", url(), {"status": "IN_PROGRESS"}, KEY),
    "put": ("PUT", url(), {"status": "ERROR"}, KEY),
    "report": ("POST", PROGRESS, REPORT, KEY),
    "report minimal": ("POST", PROGRESS, REPORT, MINIMAL),
    "note": ("POST", url(suffix="/history"), NOTE, KEY),
    "template": ("POST", TEMPLATES, TEMPLATE, KEY),
    "template of a state": ("POST", TEMPLATES, {"name": "Mine", "from_investigation_id": INV}, KEY),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_the_answer_outlives_the_server(
    restart: Restart, clock: StoppedClock, database: str, write: tuple[str, str, Any, dict[str, str]]
) -> None:
    method, path, body, headers = write
    client = await restart()
    await start(client)
    first = await send(client, method, path, json=body, headers=headers)
    assert first.status in (200, 201, 204), first.body
    client = await restart()
    before = stored(database)
    clock.move(hours=5)
    again = await send(client, method, path, json=body, headers=headers)
    assert same(first, again), (first, again)
    assert stored(database) == before


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_the_answer_to_a_change_of_a_template_outlives_the_server(restart: Restart, method: str) -> None:
    client = await restart()
    path = f"{TEMPLATES}/{(await send(client, 'POST', TEMPLATES, json=TEMPLATE)).body['template_id']}"
    body = {**TEMPLATE, "name": "Other"}
    first = await send(client, method, path, json=body, headers=KEY)
    assert first.status == 200, first.body
    client = await restart()
    await send(client, "PATCH", path, json={"name": "Third"})
    assert same(first, await send(client, method, path, json=body, headers=KEY))
    assert (await send(client, "GET", path)).body["name"] == "Third"


async def test_a_template_is_applied_once(restart: Restart) -> None:
    client = await restart()
    key = (await send(client, "POST", TEMPLATES, json=TEMPLATE)).body["template_id"]
    apply = f"{TEMPLATES}/{key}/apply"
    first = await send(client, "POST", apply, json={"investigation_id": "inv-2"}, headers=KEY)
    client = await restart()
    assert same(first, await send(client, "POST", apply, json={"investigation_id": "inv-2"}, headers=KEY))
    assert (await send(client, "GET", f"{TEMPLATES}/{key}")).body["usage_count"] == 1


async def test_a_report_that_comes_again_after_a_restart_doubles_no_line(restart: Restart) -> None:
    client = await restart()
    await start(client)
    await send(client, "POST", PROGRESS, json=REPORT, headers=KEY)
    client = await restart()
    again = await send(client, "POST", PROGRESS, json=REPORT, headers=KEY)
    assert again.body["version"] == 3
    state = (await send(client, "GET", url())).body
    assert (state["version"], len(state["progress"]["logs"])) == (3, 1)


async def test_the_answer_shows_the_version_that_it_came_to_whatever_came_after(restart: Restart) -> None:
    client = await restart()
    await start(client)
    first = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    for status in ("IN_PROGRESS", "ERROR", "IN_PROGRESS"):
        await patch(client, {"status": status})
    client = await restart()
    again = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    assert same(first, again)
    assert (again.body["version"], (await send(client, "GET", url())).body["version"]) == (3, 6)


@pytest.mark.parametrize("made_anew", [False, True])
async def test_the_answer_outlives_its_state(restart: Restart, made_anew: bool) -> None:
    client = await restart()
    await start(client)
    first = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    await send(client, "DELETE", url())
    if made_anew:
        await create(client)
    client = await restart()
    assert same(first, await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY))


async def test_the_answer_to_what_changed_nothing_has_the_marks_of_then(restart: Restart, clock: StoppedClock) -> None:
    client = await restart()
    await start(client)
    clock.move(seconds=500)
    first = await send(client, "PATCH", url(), json={"status": "IN_PROGRESS"}, headers=KEY)
    assert (first.body["version"], first.body["stalled"]) == (2, True)
    await send(client, "POST", PROGRESS, json=REPORT)
    client = await restart()
    assert same(first, await send(client, "PATCH", url(), json={"status": "IN_PROGRESS"}, headers=KEY))


async def test_without_a_trail_the_whole_answer_is_kept(start_server: StartServer) -> None:
    features = {"audit_logging": False}
    client = await start_server(features=features)
    await start(client)
    first = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    await patch(client, {"status": "IN_PROGRESS"})
    await client.close()
    client = await start_server(features=features)
    assert same(first, await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY))


async def test_an_answer_whose_version_is_gone_says_so_and_does_nothing(restart: Restart, database: str) -> None:
    client = await restart()
    await start(client)
    await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    await patch(client, {"status": "IN_PROGRESS"})
    client = await restart()
    as_operator(database, "DELETE FROM investigation_audit_log")
    before = stored(database)
    answer = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    assert (answer.status, answer.body["code"]) == (410, "history-gone")
    assert "version 3" in answer.body["detail"]
    assert stored(database) == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", url(), {"status": "CANCELLED"}),
        ("PUT", url(), {"status": "ERROR"}),
        ("PATCH", url("inv-2"), {"status": "ERROR"}),
        ("PATCH", url(), {"unknown": 1}),
        ("POST", PROGRESS, REPORT),
    ],
    ids=["body", "method", "path", "invalid", "route"],
)
async def test_another_request_with_the_key_is_a_422_after_a_restart_too(
    restart: Restart, database: str, method: str, path: str, body: Any
) -> None:
    client = await restart()
    await start(client)
    first = await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)
    client = await restart()
    before = stored(database)
    for _ in range(2):
        answer = await send(client, method, path, json=body, headers=KEY)
        assert (answer.status, answer.body["code"], fields_named(answer)) == (
            422,
            "idempotency-mismatch",
            {"Idempotency-Key"},
        )
    assert stored(database) == before
    assert same(first, await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=KEY))


async def test_keys_are_each_user_s_own_after_a_restart_too(restart: Restart) -> None:
    client = await restart()
    await create(client)
    await create(client, "inv-2", user_id="eve")
    eve = {**KEY, "X-User-Id": "eve"}
    await patch(client, {"status": "ERROR"}, **KEY)
    client = await restart()
    answer = await send(client, "PATCH", url("inv-2"), json={"status": "ERROR"}, headers=eve)
    assert (answer.status, answer.body["version"]) == (200, 2)
    assert (await send(client, "PATCH", url(), json={"status": "ERROR"}, headers=eve)).status == 422


@pytest.mark.parametrize(("hours", "version"), [(23.999, 2), (24, 3)])
async def test_a_key_holds_for_a_day(
    restart: Restart, clock: StoppedClock, database: str, hours: float, version: int
) -> None:
    client = await restart()
    await create(client)
    body = {"settings": factories.settings(name="one")}
    assert (await patch(client, body, **KEY))["version"] == 2
    client = await restart()
    clock.move(hours=hours)
    body["settings"]["name"] = "one" if version == 2 else "two"
    assert (await patch(client, body, **KEY))["version"] == version
    client = await restart()
    assert (await patch(client, body, **KEY))["version"] == version
    assert len(rows(database, "SELECT key FROM idempotency_keys")) == 1


async def test_what_counts_no_more_is_removed_while_the_server_runs(
    restart: Restart, clock: StoppedClock, database: str
) -> None:
    client = await restart()
    await create(client)
    as_operator(
        database,
        "INSERT INTO idempotency_keys (user_id, key, fingerprint, status, created_at)"
        " WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 1201)"
        " SELECT 'dev', 'old-' || value, 'f', 200, '2026-01-08T08:00:00.000Z' FROM n",
    )
    await patch(client, {"status": "ERROR"}, **KEY)
    await client.app[DATABASE].forget_answers()
    assert [row["key"] for row in rows(database, "SELECT key FROM idempotency_keys")] == ["mutation-1"]


async def test_a_refusal_leaves_nothing_in_the_database(client: Client, database: str) -> None:
    await create(client)
    refused = await send(client, "PATCH", url(), json={"wizard_step": "RESULTS"}, headers=KEY)
    assert refused.status == 409
    assert rows(database, "SELECT key FROM idempotency_keys") == []


async def test_little_is_kept_of_an_answer_that_shows_a_large_state(client: Client, database: str) -> None:
    await start(client)
    body = {"progress": factories.progress(logs=["x" * 100] * 3000)}
    assert (await patch(client, body, **KEY))["version"] == 3
    [kept] = rows(database, "SELECT * FROM idempotency_keys")
    assert (kept["status"], kept["investigation_id"], kept["version"]) == (200, INV, 3)
    assert len(kept["body"]) < 100


async def test_two_servers_on_one_database_carry_a_request_out_once(
    start_server: StartServer, clock: StoppedClock, database: str
) -> None:
    one, two = [await start_server(clock=clock) for _ in range(2)]
    await start(one)
    first = await send(one, "POST", PROGRESS, json=REPORT, headers=KEY)
    assert same(first, await send(two, "POST", PROGRESS, json=REPORT, headers=KEY))
    assert (await send(two, "PATCH", url(), json={"status": "ERROR"}, headers=KEY)).status == 422
    assert [entry["version"] for entry in trail(database)] == [1, 2, 3]


@pytest.mark.parametrize("based", [{}, {"If-Match": '"version-2"'}], ids=["anything", "a version"])
async def test_two_servers_that_are_asked_at_once_carry_a_request_out_once(
    start_server: StartServer,
    clock: StoppedClock,
    database: str,
    based: dict[str, str],
) -> None:
    """Both have run the use case when the first one writes."""
    one, two = [await start_server(clock=clock) for _ in range(2)]
    await start(one)
    doors = [hold_before_locks(each) for each in (one, two)]
    asked = [sending(each, "POST", PROGRESS, json=REPORT, headers={**KEY, **based}) for each in (one, two)]
    await until(lambda: all(door.waiting for door in doors))
    for door in doors:
        door.open()
    first, second = [await soon(task) for task in asked]
    assert same(first, second)
    assert first.body["version"] == 3
    assert [entry["version"] for entry in trail(database)] == [1, 2, 3]


async def test_what_another_server_did_with_the_key_is_no_refusal(
    start_server: StartServer, clock: StoppedClock, database: str
) -> None:
    """The second server would refuse the request for what the first made of it."""
    one, two = [await start_server(clock=clock) for _ in range(2)]
    await start(one)
    based = {**KEY, "If-Match": '"version-2"'}
    first = await send(one, "PATCH", url(), json={"status": "ERROR"}, headers=based)
    await noticed(two)
    assert same(first, await send(two, "PATCH", url(), json={"status": "ERROR"}, headers=based))
    assert [entry["version"] for entry in trail(database)] == [1, 2, 3]


async def test_one_that_comes_again_does_not_part_the_others_of_its_batch(
    restart: Restart, caplog: pytest.LogCaptureFixture
) -> None:
    client = await restart()
    await start(client)
    first = await send(client, "POST", PROGRESS, json=REPORT, headers=KEY)
    client = await restart()
    door = hold_commits(client)
    leading = sending(client, "POST", STATES, json=factories.creation("leading"))
    await door.reached.wait()
    tasks = [sending(client, "POST", STATES, json=factories.creation(f"inv-{number}")) for number in range(2, 6)]
    again = sending(client, "POST", PROGRESS, json=REPORT, headers=KEY)
    await until(lambda: queued(client) == 5)
    door.open()
    assert [(await soon(task)).status for task in (leading, *tasks)] == [201] * 5
    assert same(first, await soon(again))
    assert "batch refused, running its use cases alone" not in caplog.text


async def test_a_refusal_in_memory_gives_way_to_what_another_server_has_done_since(
    start_server: StartServer, clock: StoppedClock
) -> None:
    one, two = [await start_server(clock=clock) for _ in range(2)]
    await create(one)
    body = {"wizard_step": "RESULTS"}
    assert (await send(one, "PATCH", url(), json=body, headers=KEY)).status == 409
    await patch(one, {"wizard_step": "PROGRESS"})
    await patch(one, {"status": "ERROR"})
    done = await send(two, "PATCH", url(), json=body, headers=KEY)
    assert done.status == 200
    assert same(done, await send(one, "PATCH", url(), json=body, headers=KEY))
