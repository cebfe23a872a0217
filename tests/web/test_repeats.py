"""Polls that come again byte for byte: answered without the framework, and by everything that may have changed."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Mapping

import pytest

from tests import factories
from tests.clocks import MovedClock, StoppedTimer
from tests.conftest import Client, StartServer
from tests.web.helpers import INV, STATES, StoppedClock, as_operator, create, noticed, patch, send, start, url
from tests.web.lines import BEHIND, HEALTH, Line, but_what_differs, get, line_to
from tests.web.scrapes import scrape
from tests.web.tokens import SECRET, bearer
from wizard_server.web.http import repeats
from wizard_server.web.http.accounting import logger as request_log
from wizard_server.web.http.connection_limit import CONNECTIONS
from wizard_server.web.http.context import HUB
from wizard_server.web.http.repeats import MAX_BYTES, REPEATS

POLL = "/api/v1/polling/wizard-state/{investigation_id}"


@pytest.fixture
async def unseen(start_server: StartServer) -> Client:
    """A server as it runs in production: nobody listens to every answer."""
    return await start_server(observed=False)


@pytest.fixture
async def line(unseen: Client) -> AsyncIterator[Line]:
    """A connection to a server with a state at version 1."""
    await create(unseen)
    async with line_to(unseen) as opened:
        yield opened


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, "", 200),
        (BEHIND, "", 304),
        ({}, "?since_version=1", 200),
        ({}, "?view=summary&_=7", 200),
        ({"If-None-Match": '"version-1"', "Accept-Encoding": "gzip"}, "?watch=progress", 304),
        ({"If-None-Match": "*"}, "", 304),
        ({"Prefer": "handling=lenient", "X-User-Id": "dev"}, "", 200),
    ],
)
async def test_the_same_again_gets_the_same_answer(
    line: Line, headers: Mapping[str, str], query: str, status: int
) -> None:
    first, second = await line.both(get(headers, query=query))
    assert (first.status, second.status) == (status, status)
    assert but_what_differs(first.headers) == but_what_differs(second.headers)
    assert list(first.headers) == list(second.headers)
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    if first.body:
        for each in (first, second):
            del each.body["timestamp"], each.body["state"]["last_accessed"]
        assert first.body == second.body


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 200), (BEHIND, 304), ({"If-None-Match": '"version-2"'}, 200), ({"If-None-Match": "*"}, 304)],
)
async def test_a_state_may_be_read_again_and_again(line: Line, headers: Mapping[str, str], status: int) -> None:
    request = get(headers).replace(b"/polling", b"")
    if headers == {"If-None-Match": '"version-2"'}:  # a client that has more than the server
        answers = await line.ordinary(request), await line.ordinary(request)
    else:
        answers = await line.both(request)
    assert [answer.status for answer in answers] == [status, status]
    assert but_what_differs(answers[0].headers) == but_what_differs(answers[1].headers)
    await patch(line.client, {"wizard_step": "PROGRESS"})
    changed = await line.ask(request)
    assert changed.headers["ETag"] == '"version-2"'
    assert changed.status == (304 if "2" in headers.get("If-None-Match", "") or "*" in headers.values() else 200)


async def test_over_another_connection_it_is_the_same_request(line: Line) -> None:
    assert (await line.ask(get(BEHIND))).status == 304
    async with line_to(line.client) as other:
        seen = other.seen
        assert (await other.ask(get(BEHIND))).status == 304
        assert other.seen == seen


async def test_a_change_is_seen_at_once_and_never_again(line: Line) -> None:
    await line.both(get())
    await line.both(get(BEHIND))
    await patch(line.client, {"wizard_step": "PROGRESS"})
    for request in (get(), get(BEHIND)):
        answer = await line.ask(request)
        assert (answer.status, answer.body["version"], answer.body["state"]["wizard_step"]) == (200, 2, "PROGRESS")
    assert (await line.ask(get({"If-None-Match": '"version-2"'}))).status == 304
    await patch(line.client, {"progress": factories.progress()})
    assert (await line.ask(get({"If-None-Match": '"version-2"'}))).body["version"] == 3


async def test_a_state_that_is_gone_is_gone(line: Line) -> None:
    await line.both(get())
    assert (await send(line.client, "DELETE", url())).status == 204
    answer = await line.ordinary(get())
    assert (answer.status, answer.body["code"]) == (404, "not-found")


async def test_what_an_operator_changes_is_seen(line: Line, database: str) -> None:
    await line.both(get())
    as_operator(database, "UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = ?", INV)
    assert await noticed(line.client)
    answer = await line.ask(get())
    assert (answer.body["version"], answer.body["state"]["status"]) == (2, "ERROR")


async def test_each_counts_against_the_quota_and_says_so(start_server: StartServer) -> None:
    timer = StoppedTimer()
    client = await start_server(observed=False, timer=timer, rate_limit={"requests_per_second": 1.0, "burst": 6})
    await create(client)
    async with line_to(client) as line:
        first, second = await line.both(get())
        assert [answer.headers["RateLimit"].split(";")[1] for answer in (first, second)] == ["r=4", "r=3"]
        for _ in range(3):
            assert (await line.ask(get())).status == 200
        statuses = [(await line.ask(get())).status for _ in range(12)]
        assert 429 in statuses, statuses  # first the spare slots of a new poller are taken, as on the ordinary way
        refused = await line.ordinary(get())
        assert (refused.status, refused.body["code"]) == (429, "rate-limited")
        timer.now += 1
        assert (await line.ask(get())).status == 200


async def test_a_token_counts_until_it_expires(start_server: StartServer) -> None:
    clock = MovedClock()
    client = await start_server(observed=False, clock=clock, auth={"mode": "jwt", "jwt_secret": SECRET})
    headers = bearer(exp=int(time.time()) + 60)
    created = await send(client, "POST", STATES, json=factories.creation(user_id="ann"), headers=headers)
    assert created.status == 201
    async with line_to(client) as line:
        await line.both(get(headers))
        assert (await line.ordinary(get(bearer("bob")))).status == 404
        assert (await line.ordinary(get())).status == 401
        clock.move(100)
        await line.ordinary(get(headers))  # verified anew, by the library's own clock


async def test_it_is_read_when_it_is_read(start_server: StartServer) -> None:
    clock = StoppedClock()
    client = await start_server(observed=False, clock=clock)
    await create(client)
    async with line_to(client) as line:
        await line.ask(get())
        clock.move(seconds=30)
        again = await line.ask(get())
        listed = (await send(client, "GET", STATES)).body["items"]
        assert again.body["timestamp"] == again.body["state"]["last_accessed"] == listed[0]["last_accessed"]
        assert again.body["timestamp"].startswith("2026-01-09T08:00:30")


async def test_silence_of_the_agents_is_told(start_server: StartServer) -> None:
    clock = StoppedClock()
    client = await start_server(observed=False, clock=clock, polling={"stall_after_seconds": 60})
    await start(client)
    async with line_to(client) as line:
        behind = get({"If-None-Match": '"version-2"'}, query="?stalled=false")
        await line.both(behind)
        clock.move(seconds=61)
        answer = await line.ask(behind)
        assert (answer.status, answer.body["state"]["stalled"]) == (200, True)


async def test_requests_are_counted_and_logged_as_all_are(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    await line.both(get(BEHIND))
    counted = (await scrape(line.client))("http_requests_total", route=POLL, method="GET", status="304")
    assert counted == 2
    with caplog.at_level(logging.DEBUG, request_log.name):
        assert (await line.ordinary(get(BEHIND))).status == 304
    assert [record.message for record in caplog.records if record.name == request_log.name] == ["request answered"]


async def test_an_id_that_the_client_gives_comes_back(line: Line) -> None:
    first, second = await line.both(get({"X-Request-Id": "poll-7"}))
    assert first.headers["X-Request-Id"] == second.headers["X-Request-Id"] == "poll-7"


async def test_a_page_of_another_origin_may_read_it(start_server: StartServer) -> None:
    client = await start_server(observed=False, cors={"allowed_origins": ["https://pages.example"]})
    await create(client)
    async with line_to(client) as line:
        first, second = await line.both(get({"Origin": "https://pages.example"}))
        assert first.headers["Access-Control-Allow-Origin"] == "https://pages.example"
        assert but_what_differs(first.headers) == but_what_differs(second.headers)


class Broken:
    """What answers nothing, by a mistake of ours."""

    def is_worth_a_look(self) -> bool:
        return True

    def answer(self) -> bytes | None:
        raise ZeroDivisionError

    def count_cancelled(self) -> None:
        """Count nobody."""


async def test_a_mistake_in_the_short_way_costs_no_answer(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    line.client.app[REPEATS].remember(get(), Broken())
    assert (await line.ordinary(get())).status == 200
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        "a request that came again could not be answered"
    ]
    await line.both(get())


async def test_a_drain_closes_the_connection(line: Line) -> None:
    await line.both(get())
    line.client.app[HUB].drain()
    assert (await line.ordinary(get())).headers["Connection"] == "close"
    assert await line.is_closed()


@pytest.mark.parametrize(
    "request_bytes",
    [
        get(method="HEAD"),
        get({"Connection": "close"}),
        get({"Content-Length": "0"}) + get(),
        get({"Transfer-Encoding": "chunked"}) + b"0\r\n\r\n",
        get({"X-Long": "x" * MAX_BYTES}),
        get(query="?wait=0"),
        get({"Prefer": "wait=0"}),
        get().replace(b"HTTP/1.1", b"HTTP/1.0"),
        get(identifier="inv-none"),
        get().replace(b"/polling", b"").replace(INV.encode(), b""),
        get(query="?version=1").replace(b"/polling", b""),
    ],
    ids=lambda request: request.decode().partition(" HTTP")[0],
)
async def test_what_is_not_remembered(line: Line, request_bytes: bytes) -> None:
    await line.ask(request_bytes)
    assert len(line.client.app[REPEATS]) == 0


async def test_what_completes_a_request_is_no_request(line: Line) -> None:
    """The rest of a head may look like a request that came before; the first half arrives with the request before."""
    await line.both(get())
    line.writer.write(HEALTH + get().replace(b"\r\n\r\n", b"\r\nX-Rest: "))
    assert (await line.answer()).status == 200
    await line.ordinary(get())


async def test_two_at_once_are_both_answered_in_order(line: Line) -> None:
    await line.both(get(BEHIND))
    await line.both(get())
    line.writer.write(get(BEHIND) + get())
    assert [(await line.answer()).status, (await line.answer()).status] == [304, 200]


async def test_the_oldest_is_forgotten_when_there_is_no_room(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MAX_REMEMBERED", 3)
    for number in range(4):
        await line.ask(get({"X-Number": str(number)}))
    assert len(line.client.app[REPEATS]) == 3
    await line.ordinary(get({"X-Number": "0"}))
    await line.both(get({"X-Number": "3"}))


async def test_an_idle_connection_is_closed_though_the_framework_saw_no_request(start_server: StartServer) -> None:
    client = await start_server(observed=False, server={"keepalive_seconds": 2})
    await create(client)
    async with line_to(client) as other:
        await other.ask(get(BEHIND))
    assert client.port is not None
    line = Line(client, *await asyncio.open_connection(client.host, client.port))
    seen = line.seen
    await asyncio.sleep(0.5)  # what it would have left then, if this request did not count
    assert (await line.ask(get(BEHIND))).status == 304
    assert line.seen == seen
    assert client.app[CONNECTIONS].strangers == 0
    begun = time.monotonic()
    assert await line.is_closed()
    assert time.monotonic() - begun > 1.8
    line.writer.close()
    await line.writer.wait_closed()


async def test_a_client_that_does_not_read_is_no_longer_answered(start_server: StartServer) -> None:
    client = await start_server(observed=False, rate_limit={"requests_per_second": 1e6, "burst": 100_000})
    await create(client)
    await patch(client, {"wizard_step": "PROGRESS", "progress": {"logs": ["x" * 400_000]}})
    async with line_to(client) as line:
        await line.ask(get())
        for _ in range(40):
            line.writer.write(get())
            await asyncio.sleep(0)
        assert [(await line.answer()).status for _ in range(40)] == [200] * 40


async def change(client: Client, clock: StoppedClock, chance: random.Random) -> None:
    """Do something that may change the answer."""
    match chance.choice(["wait", "create", "progress", "step", "delete"]):
        case "wait":
            clock.move(seconds=chance.choice([1, 400, 40_000]))
        case "create":
            await send(client, "POST", STATES, json=factories.creation())
        case "progress":
            await send(client, "PATCH", url(), json={"progress": {"overall_progress": chance.randrange(100)}})
        case "step":
            await send(client, "PATCH", url(), json={"wizard_step": "PROGRESS"})
        case _:
            if chance.random() < 0.3:
                await send(client, "DELETE", url())


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_in_between_it_is_answered_as_if_it_were_new(
    start_server: StartServer, seed: int
) -> None:
    """Each request is sent as it was before, and with a header that makes it another one."""
    clock, chance = StoppedClock(), random.Random(seed)
    limits = {"requests_per_second": 1e6, "burst": 1_000_000}
    client = await start_server(observed=False, clock=clock, timer=StoppedTimer(), rate_limit=limits)
    tags = [None, '"version-1"', 'W/"version-2"', '"version-2", "version-3"', "*", '"version-40"']
    requests = [
        get({"X-User-Id": user} | ({"If-None-Match": tag} if tag else {}), query=query)
        for user in (factories.USER, "eve")
        for tag in tags
        for query in ("", "?since_version=2", "?view=summary", "?watch=progress", "?stalled=true", "?nonsense=1")
    ]
    requests += [get({"If-None-Match": tag} if tag else {}).replace(b"/polling", b"") for tag in tags]

    repeated = 0
    async with line_to(client) as line:
        for number in range(200):
            if chance.random() < 0.15:
                await change(client, clock, chance)
            request = chance.choice(requests[:: chance.choice([1, 12])])
            seen = line.seen
            first = await line.ask(request)
            repeated += line.seen == seen
            other = request.replace(b"\r\nHost", b"\r\nX-Number: %d\r\nHost" % number, 1)
            second = await line.ask(other)
            assert first.status == second.status, request
            for answer in (first, second):
                if answer.status >= 400:
                    del answer.body["request_id"], answer.headers["Content-Length"]  # ids count, 9, 10
            assert but_what_differs(first.headers) == but_what_differs(second.headers), request
            assert first.body == second.body, request
    assert repeated > 20
