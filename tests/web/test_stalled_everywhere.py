"""One rule says what is stalled, whoever looks and wherever the state is: in memory, on disk, written by others."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import Client, StartServer
from tests.gated import without_looks
from tests.operators.rows import NOW
from tests.web.dashboards import ask
from tests.web.helpers import (
    STATES,
    Answer,
    StoppedClock,
    as_operator,
    engine_of,
    noticed,
    parked,
    poll,
    polling,
    read,
    rows,
    send,
    soon,
    start,
    stored,
    url,
)
from wizard_server.app import DATABASE
from wizard_server.commands.purge import purge
from wizard_server.domain.clock import to_wire
from wizard_server.pace import Pace

PROGRESS = url(suffix="/progress")
SAME = {"overall_progress": 10.0}
STALL_AFTER = {"stall_after_seconds": 120}
# Looks at what others commit, and writes when agents were heard, only where a test says so.
BLIND: dict[str, Any] = {"opening": without_looks, "pace": Pace(touch=3600.0)}


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
async def living(start_server: StartServer, clock: StoppedClock) -> Client:
    """A server on which inv-1 last changed 150 s ago and has lived on reports that say nothing new since."""
    client = await start_server(clock=clock, polling=STALL_AFTER, **BLIND)
    await live(client, clock)
    return client


async def live(client: Client, clock: StoppedClock) -> None:
    await start(client)
    await report(client)
    for _ in range(3):
        clock.move(seconds=50)
        assert (await report(client)).body["version"] == 3


async def report(client: Client) -> Answer:
    answer = await send(client, "POST", PROGRESS, json=SAME)
    assert answer.status == 200, answer.body
    return answer


@asynccontextmanager
async def socket(client: Client) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """Open a WebSocket; what is yielded returns its next message."""
    async with client.ws_connect("/ws/investigation/inv-1") as opened:

        async def message() -> Any:
            async with asyncio.timeout(20):
                return await opened.receive_json()

        yield message


@asynccontextmanager
async def events(client: Client, **headers: str) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """Open server-sent events; what is yielded returns the data of the next event."""
    async with client.get("/api/v1/events/wizard-state/inv-1", headers=headers) as opened:

        async def event() -> Any:
            async with asyncio.timeout(20):
                while not (line := await opened.content.readline()).startswith(b"data: "):
                    assert line, "the stream has ended"
                return json.loads(line.removeprefix(b"data: "))

        yield event


def stalled(state: Any) -> bool:
    mark: bool = state.get("stalled", False)
    return mark


async def views(client: Client) -> dict[str, bool]:
    """Return what each way to look at inv-1 says of it; the database comes first, as nothing is loaded by it."""
    found = {
        "list": stalled((await send(client, "GET", STATES)).body["items"][0]),
        "list in another order": stalled((await send(client, "GET", STATES, params={"sort": "name"})).body["items"][0]),
        "dashboard": stalled((await ask(client)).body["investigations"][0]),
        "dashboard since": stalled((await ask(client, cursor=0)).body["investigations"][0]),
        "read": stalled(await read(client)),
        "poll": stalled((await poll(client)).body["state"]),
        "summary": stalled((await poll(client, view="summary")).body["state"]),
        "poll that shows none": (await poll(client, since_version=3, stalled="false")).body["has_changes"],
    }
    async with events(client) as event:
        found["event"] = stalled(await event())
    async with socket(client) as message:
        found["socket"] = stalled((await message())["state"])
    return found


async def everywhere(client: Client, expected: bool) -> None:
    found = await views(client)
    assert found == dict.fromkeys(found, expected)


async def test_reports_that_say_nothing_new_count_everywhere(living: Client, clock: StoppedClock) -> None:
    await everywhere(living, expected=False)
    clock.move(seconds=119.999)
    await everywhere(living, expected=False)
    clock.move(seconds=0.001)
    await everywhere(living, expected=True)
    assert not stalled((await report(living)).body), "the answer to the report counts it"
    await everywhere(living, expected=False)
    clock.move(seconds=120)
    await everywhere(living, expected=True)


async def test_no_row_shows_when_the_agents_were_heard(living: Client) -> None:
    for body in ((await send(living, "GET", STATES)).body["items"], (await ask(living)).body["investigations"]):
        assert [sorted(row) for row in body if "heard_at" in row] == []


async def restarted(client: Client, start_server: StartServer, clock: StoppedClock, database: str) -> Client:
    await client.close()
    return await start_server(clock=clock, polling=STALL_AFTER, **BLIND)


async def evicted(client: Client, start_server: StartServer, clock: StoppedClock, database: str) -> Client:
    client.app[DATABASE].forget("inv-1")
    return client


async def evicted_once_written(client: Client, start_server: StartServer, clock: StoppedClock, database: str) -> Client:
    await client.app[DATABASE].flush_touched()
    client.app[DATABASE].forget("inv-1")
    return client


async def purged(client: Client, start_server: StartServer, clock: StoppedClock, database: str) -> Client:
    await purge(database, max_age_days=1, dry_run=False, now=NOW)
    assert not rows(database, "SELECT 1 AS found FROM investigation_audit_log WHERE version < 3")
    await noticed(client)
    return client


async def edited(client: Client, start_server: StartServer, clock: StoppedClock, database: str) -> Client:
    as_operator(database, "INSERT INTO investigations (id) VALUES ('unrelated')")
    await noticed(client)
    return client


async def on_another_server(client: Client, start_server: StartServer, clock: StoppedClock, database: str) -> Client:
    other = await start_server(clock=clock, polling=STALL_AFTER, **BLIND)
    await read(other)
    await client.app[DATABASE].flush_touched()
    assert await noticed(other)
    return other


@pytest.mark.parametrize(
    "event", [restarted, evicted, evicted_once_written, purged, edited, on_another_server], ids=lambda it: it.__name__
)
async def test_what_was_heard_is_known_whatever_becomes_of_the_memory(
    living: Client,
    start_server: StartServer,
    clock: StoppedClock,
    database: str,
    event: Callable[[Client, StartServer, StoppedClock, str], Awaitable[Client]],
) -> None:
    client = await event(living, start_server, clock, database)
    await everywhere(client, expected=False)
    clock.move(seconds=119.999)
    await everywhere(client, expected=False)
    clock.move(seconds=0.001)
    await everywhere(client, expected=True)


async def test_what_is_heard_while_it_is_written_is_known(living: Client, clock: StoppedClock) -> None:
    """The row is read before the write is on disk, and looked at after it."""
    store, engine = living.app[DATABASE], engine_of(living)
    store.forget("inv-1")
    flushed = asyncio.Event()

    async def slow(*asked: Any) -> Any:
        found = await engine.ask(*asked)
        await store.flush_touched()
        flushed.set()
        return found

    engine.statements["states.get"] = slow
    assert not stalled(await read(living))
    assert flushed.is_set()


async def test_a_report_that_says_nothing_new_is_written_later_and_makes_no_version(
    living: Client, clock: StoppedClock, database: str
) -> None:
    [row] = rows(database, "SELECT version, heard_at FROM investigation_states")
    assert row == {"version": 3, "heard_at": None}
    await living.app[DATABASE].flush_touched()
    [row] = rows(database, "SELECT version, heard_at FROM investigation_states")
    assert row == {"version": 3, "heard_at": to_wire(clock.now)}


# --- those who wait


async def test_a_revival_without_a_version_is_told_to_dashboards(living: Client, clock: StoppedClock) -> None:
    clock.move(seconds=500)
    place = (await ask(living)).body["cursor"]
    task = asyncio.create_task(ask(living, cursor=place, wait=30))
    await parked(living)
    await report(living)
    body = (await soon(task)).body
    assert [(row["investigation_id"], row["version"], stalled(row)) for row in body["investigations"]] == [
        ("inv-1", 3, False)
    ]
    assert body["cursor"] > place
    late = (await ask(living, cursor=place)).body["investigations"]
    assert [(row["version"], stalled(row)) for row in late] == [(3, False)], "also to one that asks only now"


async def test_dashboards_are_not_told_that_agents_were_heard(living: Client, clock: StoppedClock) -> None:
    """Neither one that waits while it is written, nor one that asks later, nor one that reads on in pages."""
    await start(living, "inv-2")
    place = (await ask(living)).body["cursor"]
    task = asyncio.create_task(ask(living, cursor=place, wait=30))
    await parked(living)
    await report(living)
    await living.app[DATABASE].flush_touched()
    await noticed(living)
    late = (await ask(living, cursor=place)).body
    assert (late["investigations"], late["removed"]) == ([], [])
    first = (await ask(living, cursor=0, limit=1)).body
    assert [row["investigation_id"] for row in first["investigations"]] == ["inv-1"]
    assert first["has_more"]
    await parked(living)  # what was heard answered nobody
    await send(living, "PATCH", url("inv-2"), json={"status": "CANCELLED"})
    told = (await soon(task)).body["investigations"]
    assert [(row["investigation_id"], row["status"]) for row in told] == [("inv-2", "CANCELLED")]


async def test_a_revival_makes_no_version_and_no_entry(living: Client, clock: StoppedClock, database: str) -> None:
    clock.move(seconds=500)
    before = stored(database)
    await report(living)
    assert without_places(stored(database)) == without_places(before)


def without_places(tables: tuple[list[dict[str, Any]], ...]) -> list[list[dict[str, Any]]]:
    """Return all that is stored but where it stands in the order of changes, and when agents were heard."""
    moved = {"heard_at", "change_seq", "shown_seq"}
    return [[{name: value for name, value in row.items() if name not in moved} for row in table] for table in tables]


async def test_streams_are_told_of_a_revival_without_a_version(living: Client, clock: StoppedClock) -> None:
    clock.move(seconds=500)
    async with events(living) as event, socket(living) as message:
        assert stalled(await event())
        assert stalled((await message())["state"])
        await parked(living, 2)
        await report(living)
        assert not stalled(await event())
        assert not stalled((await message())["state"])


@pytest.fixture
async def brisk(start_server: StartServer) -> Client:
    """A server on the real clock that allows 3 seconds without a report, with inv-1 at version 3."""
    client = await start_server(polling={"stall_after_seconds": 3})
    await start(client)
    await report(client)
    return client


async def test_timers_are_put_off_by_reports_that_say_nothing_new(brisk: Client) -> None:
    """Everybody parks; a report comes; nobody is told of a stall before 3 seconds after it."""
    place = (await ask(brisk)).body["cursor"]
    async with events(brisk) as event, socket(brisk) as message:
        await event()
        await message()
        waiting = [
            polling(brisk, since_version=3),
            asyncio.create_task(ask(brisk, cursor=place, wait=30)),
        ]
        await parked(brisk, 4)
        said = datetime.now(UTC)
        await report(brisk)
        polled, dashboard = [(await soon(task)).body for task in waiting]
        told = [polled["state"], dashboard["investigations"][0], await event(), (await message())["state"]]
    assert [stalled(each) for each in told] == [True] * 4
    for at in (polled["timestamp"], dashboard["timestamp"]):
        assert (datetime.fromisoformat(at) - said).total_seconds() >= 2.999


async def test_those_who_wait_elsewhere_learn_of_a_revival_once_it_is_written(
    start_server: StartServer, clock: StoppedClock
) -> None:
    one, two = [await start_server(clock=clock, polling=STALL_AFTER) for _ in range(2)]
    await live(one, clock)
    clock.move(seconds=500)
    task = polling(two, since_version=3, stalled="true")
    await parked(two)
    await report(one)
    await noticed(two)
    answer = await soon(task)
    assert (answer.body["version"], stalled(answer.body["state"])) == (3, False)
