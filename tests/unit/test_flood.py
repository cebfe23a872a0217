"""Allowances, and what is made once or seldom however many ask."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from wizard_server.web.http import flood
from wizard_server.web.http.flood import Allowance
from wizard_server.web.openapi.docs_page import Description
from wizard_server.web.ops.metrics import SCRAPES_BURST, SCRAPES_PER_SECOND, Scrapes


class Time:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    told = Time()
    monkeypatch.setattr(flood, "monotonic", told)
    return told


def test_what_was_taken_comes_back_in_time_up_to_the_burst(time: Time) -> None:
    allowance = Allowance(per_second=2, burst=10)
    assert [allowance.take(6), allowance.take(6), allowance.take(6)] == [6, 4, 0]
    time.now += 1.5
    assert allowance.take(6) == 3
    time.now += 1000
    assert allowance.take(100) == 10


def test_who_takes_all_or_nothing_takes_nothing_when_there_is_too_little(time: Time) -> None:
    allowance = Allowance(per_second=1, burst=1)
    assert [allowance.takes(1), allowance.takes(1)] == [True, False]
    for _ in range(3):
        time.now += 0.25
        assert not allowance.takes(1)
    time.now += 0.25
    assert allowance.takes(1)


def test_metrics_are_fresh_for_who_asks_now_and_then_and_made_seldom_for_a_flood(time: Time) -> None:
    made: list[int] = []

    def encode(_: CollectorRegistry) -> bytes:
        made.append(len(made))
        return b"%d" % made[-1]

    scrapes = Scrapes(CollectorRegistry())
    for _ in range(1000):
        last = scrapes.text(encode, "text/plain")
    assert len(made) == SCRAPES_BURST
    assert last == b"%d" % made[-1]
    time.now += 1
    for _ in range(1000):
        scrapes.text(encode, "text/plain")
    assert len(made) == SCRAPES_BURST + SCRAPES_PER_SECOND
    assert scrapes.text(lambda _: b"another", "text/other") == b"another"


def test_the_description_is_made_once_however_many_ask_for_it_at_once() -> None:
    together, made = threading.Barrier(2), []

    def make() -> bytes:
        made.append(1)
        try:
            together.wait(0.2)  # as long as another one would take to come here
        except threading.BrokenBarrierError:
            return b"{}"
        return b"[]"

    description = Description(make)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: description.asset().body, range(4)))
    assert (answers, len(made)) == ([b"{}"] * 4, 1)
