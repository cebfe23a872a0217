"""Each metric moves by what it counts, seen as a scraper sees it: through the text of ``/metrics``."""

import asyncio
import logging
import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientResponse, web
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    STATES,
    Door,
    as_operator,
    create,
    engine_of,
    hold_commits,
    noticed,
    parked,
    patch,
    poll,
    poll_url,
    polling,
    queued,
    read,
    send,
    sending,
    soon,
    start,
    until,
    url,
)
from tests.web.push import events, events_url, everybody_has_gone, socket, socket_url, waiting
from tests.web.scrapes import scrape
from wizard_server import __version__
from wizard_server.app import DATABASE
from wizard_server.storage.schema import scripts as schema
from wizard_server.web.http import open_streams
from wizard_server.web.http.context import HUB

ACTIVE = "/api/v1/polling/active-investigations"
STATE_ROUTE = "/api/v1/wizard-state/{investigation_id}"
INFINITE = "+Inf"


async def test_requests_are_counted_by_route_method_and_status(client: Client) -> None:
    await create(client, "inv-1")
    await create(client, "inv-2")
    for investigation in ("inv-1", "inv-2", "absent"):
        await send(client, "GET", url(investigation))
    await send(client, "GET", url(), headers={"If-None-Match": '"version-1"'})
    async with client.head(url()) as answer:
        assert answer.status == 200
    found = await scrape(client)

    def requests(route: str, method: str, status: int) -> float:
        return found("http_requests_total", route=route, method=method, status=str(status))

    assert requests(STATES, "POST", 201) == 2
    assert requests(STATE_ROUTE, "GET", 200) == 2
    assert requests(STATE_ROUTE, "GET", 304) == 1
    assert requests(STATE_ROUTE, "GET", 404) == 1
    assert requests(STATE_ROUTE, "HEAD", 200) == 1
    assert (await scrape(client))("http_requests_total", route="/metrics", method="GET", status="200") == 1


async def test_what_clients_invent_makes_no_label(client: Client) -> None:
    await create(client, "a-name-of-its-own", user_id="user-of-its-own")
    for path in ("/invented-path", "/api/v1/invented-path"):
        await send(client, "GET", path)
        await send(client, "PROPFIND", path)
    await send(client, "PROPFIND", url())
    found = await scrape(client)
    assert found("http_requests_total", route="unmatched", method="GET", status="404") == 2
    assert found("http_requests_total", route="unmatched", method="OTHER", status="404") == 2
    assert found("http_requests_total", route="unmatched", method="OTHER", status="405") == 1
    for name in ("invented", "propfind", "its-own"):
        assert name not in found.text.lower()


async def test_a_request_is_under_way_until_it_is_answered(client: Client) -> None:
    await create(client)
    assert (await scrape(client))("requests_under_way") == 1, "the scrape itself"
    wait = polling(client, since_version=1)
    await parked(client)
    assert (await scrape(client))("requests_under_way") == 2
    await patch(client, {"status": "ERROR"})
    await soon(wait)
    assert (await scrape(client))("requests_under_way") == 1


async def test_problems_are_counted_by_code_and_every_code_begins_at_zero(start_server: StartServer) -> None:
    client = await start_server(rate_limit={"requests_per_second": 0.1, "burst": 4})
    before = await scrape(client)
    codes = {"version-conflict", "precondition-failed", "rate-limited", "state-exists", "not-found"}
    assert codes <= set(before.labels("problems_total", "code"))
    assert not any(before("problems_total", code=code) for code in codes)
    await create(client)
    await send(client, "POST", STATES, json=factories.creation())
    await send(client, "PATCH", url(), json={"version": 9, "status": "ERROR"})
    await send(client, "PATCH", url(), json={"status": "ERROR"}, headers={"If-Match": '"version-9"'})
    assert (await send(client, "GET", url())).status == 429
    found = await scrape(client)
    counted = {code: found("problems_total", code=code) for code in codes}
    assert counted == dict.fromkeys(codes - {"not-found"}, 1) | {"not-found": 0}


async def test_waiters_are_told_by_kind_and_push_connections_by_transport(client: Client) -> None:
    await start(client)
    cursor = (await send(client, "GET", ACTIVE)).body["cursor"]
    polls = [polling(client, since_version=2) for _ in range(2)]
    dashboard = sending(client, "GET", ACTIVE, params={"cursor": cursor, "wait": 30})
    async with events(client) as stream, socket(client):
        await stream.event(of="state")
        await parked(client, 5)
        await waiting(client, 4)
        found = await scrape(client)
        assert [found("waiters", kind=kind) for kind in ("poll", "dashboard", "push")] == [2, 1, 2]
        assert [found("push_connections", transport=name) for name in ("sse", "websocket")] == [1, 1]
        assert found("waiters_limit") == client.app[HUB].max_waiters
        await patch(client, {"status": "ERROR"})
        for task in (*polls, dashboard):
            await soon(task)
        await stream.event(of="change")
        await waiting(client, 2)
    client.app[HUB].drain()
    await everybody_has_gone(client)
    found = await scrape(client)
    assert not any(found("waiters", kind=kind) for kind in ("poll", "dashboard", "push"))
    assert [found("push_connections", transport=name) for name in ("sse", "websocket")] == [0, 0]
    woken = {kind: found("wake_latency_seconds_count", kind=kind) for kind in ("poll", "dashboard", "push")}
    assert woken == {"poll": 2, "dashboard": 1, "push": 2}


async def test_a_refused_push_connection_was_never_open(client: Client) -> None:
    assert (await send(client, "GET", "/api/v1/events/wizard-state/absent")).status == 404
    found = await scrape(client)
    assert found("push_connections", transport="sse") == 0
    assert found(
        "http_requests_total", route="/api/v1/events/wizard-state/{investigation_id}", method="GET", status="404"
    )


async def test_waits_are_counted_by_how_they_end(client: Client) -> None:
    await start(client)
    ends = ("woken", "timeout", "draining", "gone")

    async def counted() -> list[float]:
        found = await scrape(client)
        return [found("waits_total", end=end) for end in ends]

    wait = polling(client, since_version=2)
    await parked(client)
    await patch(client, {"status": "ERROR"})
    await soon(wait)
    assert await counted() == [1, 0, 0, 0]
    await poll(client, since_version=3, wait=0.01)
    assert await counted() == [1, 1, 0, 0]
    wait = polling(client, since_version=3)
    await parked(client)
    client.app[HUB].drain()
    await soon(wait)
    assert await counted() == [1, 1, 1, 0]


async def test_a_poll_answered_without_waiting_is_no_wait(client: Client) -> None:
    await start(client)
    assert (await poll(client, since_version=1, wait=30)).body["has_changes"]
    found = await scrape(client)
    assert sum(found("waits_total", end=end) for end in ("woken", "timeout", "draining", "gone")) == 0


async def test_the_wake_latency_is_that_of_a_commit_and_ends_in_its_bucket(client: Client) -> None:
    await start(client)
    wait = polling(client, since_version=2)
    await parked(client)
    await patch(client, {"status": "ERROR"})
    await soon(wait)
    found = await scrape(client)
    assert found("wake_latency_seconds_bucket", kind="poll", le=INFINITE) == 1
    assert found("wake_latency_seconds_sum", kind="poll") > 0


@pytest.mark.parametrize(("limits", "limit"), [((1, 5), "global"), ((5, 1), "user")])
async def test_a_poll_without_room_is_shed_by_the_limit_that_left_none(
    start_server: StartServer, limits: tuple[int, int], limit: str
) -> None:
    client = await start_server(polling={"max_waiters": limits[0], "max_waiters_per_user": limits[1]})
    await start(client)
    wait = polling(client, since_version=2)
    await parked(client)
    for _ in range(2):
        assert (await poll(client, since_version=2, wait=30)).status == 200
    found = await scrape(client)
    assert found("polls_shed_total", limit=limit) == 2
    assert sum(found("polls_shed_total", limit=each) for each in ("global", "user")) == 2
    await patch(client, {"status": "ERROR"})
    await soon(wait)


async def test_a_batch_is_counted_by_its_size(client: Client) -> None:
    for investigation in ("inv-1", "inv-2", "inv-3"):
        await create(client, investigation)
    before = await scrape(client)
    assert (before("group_commit_size_count"), before("group_commit_size_sum")) == (3, 3)
    door = hold_commits(client)
    first = sending(client, "PATCH", url("inv-1"), json={"status": "ERROR"})
    await door.reached.wait()
    others = [sending(client, "PATCH", url(name), json={"status": "ERROR"}) for name in ("inv-2", "inv-3")]
    await until(lambda: queued(client) == 2)
    door.open()
    for task in (first, *others):
        assert (await soon(task)).status == 200
    found = await scrape(client)
    assert (found("group_commit_size_count"), found("group_commit_size_sum")) == (5, 6)
    assert (found("group_commit_size_bucket", le="1.0"), found("group_commit_size_bucket", le="2.0")) == (4, 5)
    assert found("group_commit_duration_seconds_count") == 5
    assert found("group_commit_duration_seconds_sum") > before("group_commit_duration_seconds_sum")
    assert found("versions_committed_total") - before("versions_committed_total") == 3


async def test_an_update_that_changes_nothing_commits_no_version(client: Client) -> None:
    await start(client)
    before = (await scrape(client))("versions_committed_total")
    await patch(client, {"wizard_step": "PROGRESS"})
    assert (await scrape(client))("versions_committed_total") == before == 2


async def test_the_cache_tells_its_hits_misses_and_what_it_holds(client: Client, database: str) -> None:
    await create(client, "inv-1")
    await create(client, "inv-2")
    found = await scrape(client)
    assert found("cache_states") == 2
    assert found("cache_bytes") == client.app[DATABASE].counts.cache.size_bytes > 0
    await read(client)
    after = await scrape(client)
    assert after("cache_hits_total") == found("cache_hits_total") + 1
    assert after("cache_misses_total") == found("cache_misses_total")
    await send(client, "GET", url("absent"))
    assert (await scrape(client))("cache_misses_total") > found("cache_misses_total")
    async with client.delete(url("inv-2")) as answer:
        assert answer.status == 204
    emptied = await scrape(client)
    assert (emptied("cache_states"), emptied("cache_evictions_total")) == (1, 0)


async def test_states_that_leave_for_want_of_room_are_evicted(start_server: StartServer) -> None:
    client = await start_server(state={"cache_max_mb": 1})
    count = 8
    for number in range(count):
        settings = factories.settings(description="x" * 180_000)
        await create(client, f"inv-{number}", settings=settings)
    found = await scrape(client)
    assert found("cache_evictions_total") > 0
    assert found("cache_evictions_total") + found("cache_states") == count
    assert found("cache_bytes") <= 1024 * 1024


async def test_how_a_node_follows_the_others_has_its_figures(client: Client) -> None:
    await create(client)
    found = await scrape(client)
    assert found("feed_position") > 0
    assert found("feed_looks_total") >= 1
    assert [found(name) for name in ("rows_set_aside_total", "commits_unknown_total")] == [0, 0]


async def test_what_another_process_commits_is_noticed_once(client: Client, database: str) -> None:
    await create(client)
    before = (await scrape(client))("external_commits_total")
    as_operator(database, "UPDATE investigation_states SET status = 'ERROR'")
    await noticed(client)
    await noticed(client)
    assert (await scrape(client))("external_commits_total") == before + 1


async def test_a_lent_reader_is_in_use_until_it_comes_back(client: Client) -> None:
    await create(client)
    client.app[DATABASE].forget()
    before = (await scrape(client))("database_reader_wait_seconds_count")
    door, engine = Door(), engine_of(client)

    async def held(*asked: Any) -> Any:
        await door.go_through()
        return await engine.ask(*asked)

    engine.statements["states.get"] = held
    asking = asyncio.create_task(read(client))
    await door.reached.wait()
    found = await scrape(client)
    assert (found("database_readers_in_use"), found("database_reader_wait_seconds_count")) == (1, before + 1)
    door.open()
    await asking
    assert (await scrape(client))("database_readers_in_use") == 0


@pytest.mark.needs("files")
async def test_the_write_ahead_log_has_its_size(client: Client, database: str) -> None:
    await create(client)
    await client.app[DATABASE].look_around()
    size = Path(f"{database}-wal").stat().st_size  # noqa: ASYNC240 - a local file, nobody else waits
    assert (await scrape(client))("database_wal_bytes") == size > 0


async def test_draining_is_told_with_its_duration(client: Client) -> None:
    found = await scrape(client)
    assert (found("draining"), found("drain_duration_seconds")) == (0, 0)
    client.app[HUB].drain()
    found = await scrape(client)
    assert found("draining") == 1
    assert found("drain_duration_seconds") > 0


async def test_the_build_and_the_process_are_told(client: Client) -> None:
    found = await scrape(client)
    scripts = str(len(schema.scripts("sqlite")))
    assert found("build_info", version=__version__, schema=scripts, python=platform.python_version()) == 1
    for name in ("process_resident_memory_bytes", "python_gc_collections_total", "python_info"):
        assert name in found.text


async def test_each_application_counts_for_itself(start_server: StartServer) -> None:
    one, other = await start_server(), await start_server()
    await create(one)
    assert (await scrape(one))("versions_committed_total") == 1
    assert (await scrape(other))("versions_committed_total") == 0


async def test_a_scraper_that_prefers_openmetrics_gets_it(client: Client) -> None:
    async with client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        names = {family.name for family in open_families(await answer.text())}  # type: ignore[no-untyped-call]  # the package types the rest
    assert {"wizard_http_requests", "wizard_wake_latency_seconds"} <= names


async def test_metrics_need_no_token(start_server: StartServer) -> None:
    client = await start_server(auth={"mode": "jwt", "jwt_secret": "s" * 64})
    assert (await send(client, "GET", poll_url())).status == 401
    assert (await scrape(client))("problems_total", code="invalid-token") == 1


@pytest.mark.parametrize("path", [events_url(), socket_url()])
@pytest.mark.parametrize("head_is_sent", [False, True])
async def test_who_leaves_as_a_stream_begins_is_no_error_of_the_server(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str, head_is_sent: bool
) -> None:
    """The connection closes in the very turn of the loop in which the server writes to it."""
    await create(client)
    begin = open_streams.begin

    async def left(request: web.Request, response: web.StreamResponse) -> None:
        assert request.transport is not None
        if head_is_sent:
            await begin(request, response)
        request.transport.close()
        if not head_is_sent:
            await begin(request, response)

    monkeypatch.setattr(open_streams, "begin", left)
    with suppress(ClientError):
        async with client.ws_connect(path) if path == socket_url() else client.get(path) as opened:
            await opened.read() if isinstance(opened, ClientResponse) else await opened.receive()
    await everybody_has_gone(client)
    said = await scrape(client)
    assert "500" not in said.labels("http_requests_total", "status")
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert [said("push_connections", transport=kind) for kind in ("sse", "websocket")] == [0, 0]
