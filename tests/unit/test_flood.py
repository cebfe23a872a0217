"""Allowances, and what is made once or seldom however many ask."""

import threading
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import CollectorRegistry

from tests.clocks import StoppedTimer
from wizard_server.web.http.flood import Allowance
from wizard_server.web.openapi.docs_page import Description
from wizard_server.web.ops.metrics import SCRAPES_BURST, SCRAPES_PER_SECOND, Scrapes


def test_what_was_taken_comes_back_in_time_up_to_the_burst() -> None:
    timer = StoppedTimer()
    allowance = Allowance(per_second=2, burst=10, timer=timer)
    assert [allowance.take(6), allowance.take(6), allowance.take(6)] == [6, 4, 0]
    timer.now += 1.5
    assert allowance.take(6) == 3
    timer.now += 1000
    assert allowance.take(100) == 10


def test_who_takes_all_or_nothing_takes_nothing_when_there_is_too_little() -> None:
    timer = StoppedTimer()
    allowance = Allowance(per_second=1, burst=1, timer=timer)
    assert [allowance.takes(1), allowance.takes(1)] == [True, False]
    for _ in range(3):
        timer.now += 0.25
        assert not allowance.takes(1)
    timer.now += 0.25
    assert allowance.takes(1)


def test_metrics_are_fresh_for_who_asks_now_and_then_and_made_seldom_for_a_flood() -> None:
    timer, made = StoppedTimer(), list[int]()

    def encode(_: CollectorRegistry) -> bytes:
        made.append(len(made))
        return b"%d" % made[-1]

    scrapes = Scrapes(CollectorRegistry(), timer)
    for _ in range(1000):
        last = scrapes.text(encode, "text/plain")
    assert len(made) == SCRAPES_BURST
    assert last == b"%d" % made[-1]
    timer.now += 1
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
