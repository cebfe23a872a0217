"""Polls that come when the server said so are never refused: clients on a clock that is told, against the limiter."""

import heapq
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from tests.clocks import StoppedTimer
from wizard_server.config.models import RateLimitConfig
from wizard_server.domain.callers import AGENT, Caller
from wizard_server.errors import RateLimitedError
from wizard_server.web.http.poll_slots import PollSlots
from wizard_server.web.http.quotas import RateLimiter

BEGIN = 1000.0
DEFAULT = RateLimitConfig()
SMALL = RateLimitConfig(requests_per_second=2, burst=2, agent_requests_per_second=2, agent_burst=2)
ANN = Caller("ann", frozenset())
POLLED = "/polling/one"


@dataclass
class Clients:
    """`tabs` of one user that poll when told, beside `others` requests of theirs per second, for some seconds.

    All poll the `same`, or each its own. Beside them are `hasty` ones that poll without a pause. Tabs come `apart`
    seconds after each other, and answers and requests take up to `latency` seconds on their way.
    """

    config: RateLimitConfig = DEFAULT
    caller: Caller = ANN
    tabs: int = 24
    others: float = 0.0
    apart: float = 0.0
    latency: float = 0.05
    fast_ms: int = 500
    same: bool = True
    hasty: int = 0
    seconds: float = 60.0
    told: list[int] = field(default_factory=list)

    def run(self) -> Counter[str]:
        """Return how often what happened: polls `seen`, those `refused` that were told when to come, and others."""
        timer = StoppedTimer(BEGIN)
        self._limiter, self._random = RateLimiter(self.config, timer=timer), random.Random(1)
        self._happened = Counter[str]()
        due = [(BEGIN + tab * self.apart, tab, False) for tab in range(self.tabs)]
        due += [(BEGIN + 0.02, self.tabs + number, False) for number in range(self.hasty)]
        if self.others:
            due.append((BEGIN + 0.01, -1, False))
        heapq.heapify(due)
        while due[0][0] < BEGIN + self.seconds:
            timer.now, tab, told = heapq.heappop(due)
            pause = self._pause(tab, told=told)
            heapq.heappush(due, (timer.now + pause, tab, True))
        return self._happened

    def _polled(self, tab: int) -> str:
        return POLLED if self.same else f"/polling/{tab}"

    def _pause(self, tab: int, *, told: bool) -> float:
        if tab < self.tabs:
            return self._other() if tab < 0 else self._poll(tab, told=told)
        with suppress(RateLimitedError):  # and comes again at once, whatever it is told
            self._limiter.admit(self.caller, self._polled(tab)).check()
            self._limiter.interval(self.caller, self._polled(tab), self.fast_ms)
        return 0.01

    def _other(self) -> float:
        try:
            self._limiter.admit(self.caller).check()
        except RateLimitedError:
            self._happened["others refused"] += 1
        self._happened["others"] += 1
        return self._random.expovariate(self.others)

    def _poll(self, tab: int, *, told: bool) -> float:
        self._happened["polls"] += 1
        latency = self._random.uniform(0, self.latency)
        try:
            self._limiter.admit(self.caller, self._polled(tab)).check()
        except RateLimitedError as error:
            self._happened["refused" if told else "newcomers refused"] += 1
            return float(error.extra["retry_after"]) + latency
        self.told.append(self._limiter.interval(self.caller, self._polled(tab), self.fast_ms))
        return self.told[-1] / 1000 + latency


@pytest.mark.parametrize("tabs", [1, 2, 7, 24])
@pytest.mark.parametrize("others", [0.0, 3.0, 30.0])
@pytest.mark.parametrize("same", [True, False])
def test_at_the_default_limits_no_poll_is_refused(tabs: int, others: float, same: bool) -> None:
    clients = Clients(tabs=tabs, others=others, same=same)
    happened = clients.run()
    assert (happened["refused"], happened["newcomers refused"]) == (0, 0)
    assert happened["polls"] > 60 * min(tabs * 2, 5) * 0.9, "and they are not put off for longer than it takes"


@pytest.mark.parametrize("config", [SMALL, RateLimitConfig(requests_per_second=0.5, burst=3)], ids=["2/2", "0.5/3"])
@pytest.mark.parametrize("others", [0.0, 0.7, 5.0])
@pytest.mark.parametrize("apart", [0.0, 1.0])
@pytest.mark.parametrize("latency", [0.0, 1.0])
def test_at_small_limits_none_is_refused_that_was_told_when_to_come(
    config: RateLimitConfig, others: float, apart: float, latency: float
) -> None:
    clients = Clients(config=config, others=others, apart=apart, latency=latency, seconds=600)
    happened = clients.run()
    assert happened["refused"] == 0
    assert happened["polls"] > 600 * config.requests_per_second / 2 * 0.8


def test_tabs_that_come_one_by_one_are_not_refused_at_all() -> None:
    happened = Clients(config=SMALL, apart=1.0, seconds=300).run()
    assert (happened["refused"], happened["newcomers refused"]) == (0, 0)


def test_a_hundred_and_sixty_eight_at_once_find_their_places() -> None:
    happened = Clients(tabs=168, others=3.0, seconds=120, same=False).run()
    assert happened["refused"] == 0


def test_agents_have_a_timetable_of_their_own() -> None:
    agents = Clients(config=SMALL, caller=Caller("ann", frozenset({AGENT})), apart=1.0, seconds=120)
    assert agents.run()["refused"] == 0
    assert max(agents.told) > 500


def test_a_moderate_rest_of_the_users_requests_finds_room_beside_them() -> None:
    happened = Clients(others=3.0, seconds=300).run()
    assert happened["others refused"] < 0.05 * happened["others"]


def test_a_tab_that_polls_without_a_pause_takes_no_slot_of_others_and_puts_them_off_for_seconds_only() -> None:
    clients = Clients(tabs=6, hasty=1, same=False)
    happened = clients.run()
    assert (happened["refused"], happened["newcomers refused"]) == (0, 0)
    assert max(clients.told) < 6000


def test_few_polls_keep_the_ordinary_interval_and_many_get_longer_ones() -> None:
    few, many, more = Clients(tabs=2), Clients(tabs=24), Clients(tabs=100, same=False)
    for clients in (few, many, more):
        clients.run()
    assert set(few.told) == {500}
    assert 500 <= min(many.told) < max(many.told) < max(more.told) <= 60_000
    assert {told % 100 for told in more.told} == {0}, "few different ones, for each is a rendering of its own"


def test_the_interval_grows_as_the_quota_is_used_up() -> None:
    fresh, spent = (RateLimiter(DEFAULT, timer=StoppedTimer()) for _ in range(2))
    for _ in range(DEFAULT.burst):
        spent.admit(ANN)
    assert [fresh.interval(ANN, POLLED, 500) for _ in range(5)] == [500] * 5
    assert [spent.interval(ANN, POLLED, 500) for _ in range(5)] == [500, 500, 1000, 1000, 1500]


def test_who_polls_without_pause_gets_no_more_than_others() -> None:
    timer = StoppedTimer(BEGIN)
    limiter, admitted = RateLimiter(DEFAULT, timer=timer), 0
    for _ in range(6000):
        timer.now += 0.01
        try:
            limiter.admit(ANN, POLLED).check()
        except RateLimitedError:
            continue
        admitted += 1
        limiter.interval(ANN, POLLED, 500)
    assert 600 <= admitted <= 2 * 600 + 100, "the quota, and as many again that come to slots that are due"


def test_a_thousand_polls_of_one_user_are_remembered_in_bounded_memory() -> None:
    polls = PollSlots(10, 20)
    slots = polls.opened()
    told = {polls.reserve(slots, f"/polling/{number}", BEGIN, 0.5, 0.0) for number in range(10_000)}
    assert max(told) <= 61
    assert len(slots.by_window) <= 121
    assert len(slots.by_tick) <= 601
    assert len(slots.ahead) <= 121 * 5
