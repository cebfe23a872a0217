"""When a wait is satisfied, and which interval is recommended (contract 5)."""

from datetime import timedelta
from typing import Any

import pytest

from tests.records import NOW, record
from wizard_server.domain.clock import to_wire
from wizard_server.domain.polling import Intervals, Until, Wait
from wizard_server.domain.record import FIELDS

INTERVALS = Intervals(500, 2000, 5000)


def known(*versions: int, **more: Any) -> Wait:
    return Wait(known=frozenset(versions), **more)


@pytest.mark.parametrize(
    ("wait", "changes", "reset"),
    [
        (Wait(), True, False),
        (known(), True, False),
        (known(5), False, False),
        (known(4), True, False),
        (known(0), True, False),
        (known(6), True, True),
        (known(10**30), True, True),
        (known(3, 5), False, False),
        (known(5, 9), False, False),
        (known(3, 9), True, True),
        (known(3, 4), True, False),
    ],
)
def test_a_state_is_news_unless_the_client_has_its_version(wait: Wait, changes: bool, reset: bool) -> None:
    assert (wait.has_changes(record(5)), wait.is_reset(record(5)), wait.satisfied(record(5))) == (
        changes,
        reset,
        changes,
    )


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(("base", "changed", "news"), [(4, 5, True), (4, 4, False), (4, 1, False), (3, 4, True)])
def test_a_watch_counts_only_the_fields_it_names(field: str, base: int, changed: int, news: bool) -> None:
    others = dict.fromkeys(set(FIELDS) - {field}, 5)
    state = record(5, changed={**others, field: changed})
    assert known(base, watch=(field,)).has_changes(state) is news
    assert known(base, watch=(field, *others)).has_changes(state) is True
    assert known(5, watch=(field,)).has_changes(state) is False
    assert known(6, watch=(field,)).has_changes(record(5)) is True, "a reset counts, whatever is watched"
    assert Wait(watch=(field,)).has_changes(state) is True, "a client that has nothing gets the state"


def test_a_watch_looks_from_the_newest_version_that_the_client_has() -> None:
    state = record(5, changed={"status": 3, "progress": 5})
    assert known(2, watch=("status",)).has_changes(state)
    assert not known(2, 3, watch=("status",)).has_changes(state)


@pytest.mark.parametrize(
    ("field", "values", "met"),
    [
        ("status", {"IN_PROGRESS"}, True),
        ("status", {"COMPLETED", "ERROR"}, False),
        ("wizard_step", {"RESULTS", "PROGRESS"}, True),
        ("wizard_step", {"SETTINGS"}, False),
    ],
)
def test_a_condition_alone_decides_how_long_to_wait(field: str, values: set[str], met: bool) -> None:
    until = Until(field, frozenset(values))
    assert until.holds(record()) is met
    for wait in (Wait(until=until), known(5, until=until), known(4, until=until)):
        assert wait.satisfied(record(5)) is met
    assert known(6, until=until).satisfied(record(5)) is True, "a reset ends every wait"
    assert known(5, until=until).has_changes(record(5)) is False, "what is news stays what it is"


def test_a_star_stands_for_what_is_current_on_arrival() -> None:
    star = Wait(anything=True, watch=("status",))
    wait = star.arriving_at(record(5))
    assert wait == known(5, watch=("status",))
    assert not wait.has_changes(record(5))
    assert wait.has_changes(record(6, changed={"status": 6}))
    assert wait.arriving_at(record(6)) is wait
    assert known(4).arriving_at(record(5)) == known(4)


@pytest.mark.parametrize("step", ["SETTINGS", "PROGRESS", "RESULTS"])
@pytest.mark.parametrize("status", ["IN_PROGRESS", "COMPLETED", "ERROR", "CANCELLED"])
@pytest.mark.parametrize(("idle", "is_idle"), [(0, False), (299_999, False), (300_001, True), (10**10, True)])
def test_the_interval_is_fast_while_agents_work_and_slow_when_nothing_will_happen(
    step: str, status: str, idle: int, is_idle: bool
) -> None:
    updated = to_wire(NOW - timedelta(milliseconds=idle))
    state = record(wizard_step=step, status=status, updated_at=updated)
    expected = 2000 if step == "SETTINGS" else 500 if step == "PROGRESS" else INTERVALS.recommend(state, NOW)
    if status != "IN_PROGRESS" or is_idle:
        expected = 5000
    assert INTERVALS.recommend(state, NOW) == expected


@pytest.mark.parametrize(
    ("load", "grown"),
    [
        (0.0, (500, 2000, 5000)),
        (0.4999, (500, 2000, 5000)),
        (0.5, (750, 3000, 7500)),
        (0.7499, (750, 3000, 7500)),
        (0.75, (1000, 4000, 10000)),
        (0.9999, (1000, 4000, 10000)),
        (1.0, (2000, 8000, 20000)),
        (7.0, (2000, 8000, 20000)),
    ],
)
def test_the_intervals_grow_under_load_in_few_steps(load: float, grown: tuple[int, int, int]) -> None:
    assert INTERVALS.under(load) == Intervals(*grown)
