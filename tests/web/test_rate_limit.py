"""``[rate_limit]``: each user has a quota, every answer says what is left of it, and whoever exceeds it when."""

from typing import Any

import jwt
import pytest

from tests import factories
from tests.clocks import StoppedTimer
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    STATES,
    Answer,
    create,
    parked,
    patch,
    poll,
    poll_url,
    polling,
    send,
    soon,
    start,
    url,
)
from tests.web.push import events, socket
from wizard_server.domain.callers import AGENT
from wizard_server.web.routes import ROUTES, OpenRoute

SECRET = "k" * 32
POLICY = '"user";q=3;w=6'
QUOTA = {"requests_per_second": 0.5, "burst": 3, "agent_requests_per_second": 100, "agent_burst": 50}
LIMITED = {"rate_limit": QUOTA}


@pytest.fixture
def timer() -> StoppedTimer:
    """What the limiter counts by."""
    return StoppedTimer()


def told(answer: Answer) -> tuple[str | None, str | None]:
    return answer.headers.get("RateLimit-Policy"), answer.headers.get("RateLimit")


async def spend(client: Client, count: int = 3, **headers: str) -> list[Answer]:
    return [await send(client, "GET", url("absent"), headers=headers) for _ in range(count)]


async def test_every_answer_says_what_is_left_and_the_last_one_when_to_come_back(
    start_server: StartServer, timer: StoppedTimer
) -> None:
    client = await start_server(timer=timer, **LIMITED)
    answers = await spend(client, 4)
    assert [answer.status for answer in answers] == [404, 404, 404, 429]
    assert [told(answer) for answer in answers] == [
        (POLICY, '"user";r=2;t=2'),
        (POLICY, '"user";r=1;t=4'),
        (POLICY, '"user";r=0;t=6'),
        (POLICY, '"user";r=0;t=6'),
    ]
    refused = answers[-1]
    assert (refused.body["code"], refused.body["retry_after"]) == ("rate-limited", 2)
    assert refused.headers["Retry-After"] == "2"


async def test_who_comes_back_when_told_is_let_in_once(start_server: StartServer, timer: StoppedTimer) -> None:
    client = await start_server(timer=timer, **LIMITED)
    refused = (await spend(client, 4))[-1]
    timer.now += int(refused.headers["Retry-After"])
    assert [answer.status for answer in await spend(client, 2)] == [404, 429]


async def test_a_refused_request_does_not_put_off_the_next(start_server: StartServer, timer: StoppedTimer) -> None:
    client = await start_server(timer=timer, **LIMITED)
    await spend(client, 20)
    timer.now += 6
    assert [answer.status for answer in await spend(client, 4)] == [404, 404, 404, 429]


async def test_a_wait_of_less_than_a_second_is_told_as_a_whole_one(
    start_server: StartServer, timer: StoppedTimer
) -> None:
    client = await start_server(timer=timer, rate_limit={"requests_per_second": 10, "burst": 1})
    answers = await spend(client, 2)
    assert answers[0].headers["RateLimit-Policy"] == '"user";q=1;w=1'
    assert (answers[1].status, answers[1].headers["Retry-After"]) == (429, "1")


async def test_nothing_happens_for_a_request_that_is_refused(start_server: StartServer, timer: StoppedTimer) -> None:
    client = await start_server(timer=timer, **LIMITED)
    await spend(client)
    assert (await send(client, "POST", STATES, json=factories.creation())).status == 429
    timer.now += 6
    assert (await send(client, "GET", url())).status == 404


async def test_each_user_has_a_quota_of_their_own(start_server: StartServer, timer: StoppedTimer) -> None:
    client = await start_server(timer=timer, **LIMITED)
    await spend(client, 4, **{"X-User-Id": "ann"})
    assert (await spend(client, 1, **{"X-User-Id": "bob"}))[0].headers["RateLimit"] == '"user";r=2;t=2'


async def test_agents_have_a_quota_of_their_own_also_under_the_same_name(
    start_server: StartServer, timer: StoppedTimer
) -> None:
    client = await start_server(timer=timer, auth={"mode": "jwt", "jwt_secret": SECRET}, **LIMITED)
    await spend(client, 4, **bearer("ann", "wizard:read"))
    [answer] = await spend(client, 1, **bearer("ann", AGENT))
    assert told(answer) == ('"agent";q=50;w=1', '"agent";r=49;t=1')


async def test_a_missing_scope_counts_and_a_bad_token_does_not(start_server: StartServer, timer: StoppedTimer) -> None:
    client = await start_server(timer=timer, auth={"mode": "jwt", "jwt_secret": SECRET}, **LIMITED)
    answers = await spend(client, 9, Authorization="Bearer nonsense")
    assert {(answer.status, *told(answer)) for answer in answers} == {(401, None, None)}
    [answer] = await spend(client, 1, **bearer("ann", "nothing"))
    assert (answer.status, *told(answer)) == (403, POLICY, '"user";r=2;t=2')


async def test_a_long_poll_counts_once_when_it_arrives(start_server: StartServer, timer: StoppedTimer) -> None:
    client = await start_server(timer=timer, **LIMITED)
    await create(client)
    waiting = polling(client, since_version=1)
    await parked(client)
    timer.now += 2
    await patch(client, {"status": "ERROR"})
    assert told(await soon(waiting)) == (POLICY, '"user";r=1;t=4')


async def test_an_unchanged_poll_and_a_head_say_it_too(start_server: StartServer, timer: StoppedTimer) -> None:
    client = await start_server(timer=timer, **LIMITED)
    await create(client)
    unchanged = await send(client, "GET", poll_url(), headers={"If-None-Match": '"version-1"'})
    assert (unchanged.status, *told(unchanged)) == (304, POLICY, '"user";r=1;t=4')
    assert told(await send(client, "HEAD", url())) == (POLICY, '"user";r=0;t=6')


async def test_push_connections_count_once_and_say_it_in_their_heads(
    start_server: StartServer, timer: StoppedTimer
) -> None:
    client = await start_server(timer=timer, **LIMITED)
    await create(client)
    async with events(client) as stream:
        assert stream.response.headers["RateLimit"] == '"user";r=1;t=4'
    async with socket(client) as opened:
        head: Any = opened._response.headers
        assert (head["RateLimit-Policy"], head["RateLimit"]) == (POLICY, '"user";r=0;t=6')
    async with client.get("/api/v1/events/wizard-state/inv-1") as refused:
        assert refused.status == 429


async def test_a_refused_write_may_be_sent_again_with_its_key(start_server: StartServer, timer: StoppedTimer) -> None:
    client = await start_server(timer=timer, **LIMITED)
    key = {"Idempotency-Key": "once"}
    await spend(client)
    assert (await send(client, "POST", STATES, json=factories.creation(), headers=key)).status == 429
    timer.now += 6
    assert (await send(client, "POST", STATES, json=factories.creation(), headers=key)).status == 201


@pytest.mark.parametrize("route", [route for route in ROUTES if isinstance(route, OpenRoute)], ids=lambda it: it.path)
async def test_what_is_open_to_everybody_is_not_limited_and_says_nothing(
    start_server: StartServer, timer: StoppedTimer, route: OpenRoute
) -> None:
    client = await start_server(timer=timer, **LIMITED)
    for _ in range(4):
        async with client.request(
            route.method, route.path.replace("{file}", "docs.js").replace("{module}", "index.js")
        ) as answer:
            assert answer.status == 200
            assert not {"RateLimit", "RateLimit-Policy"} & set(answer.headers)


def bearer(user: str, scope: str) -> dict[str, str]:
    token = jwt.encode({"sub": user, "scope": scope, "exp": 4_000_000_000}, SECRET, "HS256")
    return {"Authorization": f"Bearer {token}"}


POLLS = {
    "poll by number": (f"{poll_url()}?since_version=2", {}),
    "poll by tag": (poll_url(), {"If-None-Match": '"version-2"'}),
    "changes": (f"{poll_url()}/changes?since_version=2", {}),
    "changes by tag": (f"{poll_url()}/changes", {"If-None-Match": '"version-2"'}),
    "dashboard": ("/api/v1/polling/active-investigations", {}),
    "dashboard by tag": ("/api/v1/polling/active-investigations", {"If-None-Match": '"list-999999"'}),
}


@pytest.mark.parametrize("limit", [{}, {"requests_per_second": 2, "burst": 2}], ids=["default", "2 per second"])
async def test_twenty_four_polls_of_one_user_that_come_when_told_are_never_refused(
    start_server: StartServer, timer: StoppedTimer, limit: dict[str, Any]
) -> None:
    client = await start_server(timer=timer, rate_limit={"requests_per_second": 10, "burst": 20, **limit})
    timer.now -= 60
    await start(client)
    timer.now += 60
    due = [(timer.now + tab * (1.0 if limit else 0.0), tab) for tab in range(24)]
    ways, answered, intervals = list(POLLS.values()), 0, set()
    while (next_due := min(due))[0] < 1000 + 40:
        due.remove(next_due)
        timer.now, tab = next_due
        path, headers = ways[tab % len(ways)]
        answer = await send(client, "GET", path, headers=headers)
        assert answer.status in (200, 304), (answer.body, answered)
        interval = int(answer.headers["X-Recommended-Interval"])
        if answer.body and "next_poll_interval" in answer.body:
            assert answer.body["next_poll_interval"] == interval
        if tab == 0 and answered % 3 == 0:  # the same user does other things as well
            await send(client, "GET", url())
        due.append((timer.now + interval / 1000, tab))
        intervals.add(interval)
        answered += 1
    assert answered > 24
    assert max(intervals) > 2000, "the interval grows with what is asked of the quota"


async def test_a_refused_poll_that_comes_back_when_told_is_let_in(
    start_server: StartServer, timer: StoppedTimer
) -> None:
    client = await start_server(timer=timer, rate_limit={"requests_per_second": 2, "burst": 2})
    timer.now -= 60
    await start(client)
    timer.now += 60
    first = [await poll(client, since_version=2) for _ in range(24)]
    assert [answer.status for answer in first] == [200, 200] + [429] * 22
    back = sorted(timer.now + int(answer.headers["Retry-After"]) for answer in first[2:])
    for at in back:
        timer.now = at
        assert (await poll(client, since_version=2)).status == 200
