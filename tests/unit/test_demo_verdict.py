"""The demo says so when it did not show what it promises."""

from collections.abc import Callable
from typing import Any

import pytest

from wizard_server.demo.follower import Watch
from wizard_server.demo.verdict import Outcome, problems

NEWEST = 4


def outcome(**overrides: Any) -> Outcome:
    """Return what a good run leaves behind, with overrides."""
    good: dict[str, Any] = {
        "state": state(),
        "trail": [{"version": version} for version in range(1, NEWEST + 1)],
        "watch": Watch(polls=3, versions=[1, 2, NEWEST], latencies_ms=[1.0, 2.0]),
        "committed": NEWEST,
        "seconds": 9.5,
    }
    return Outcome(**good | overrides)


def state(**overrides: Any) -> dict[str, Any]:
    return {
        "wizard_step": "RESULTS",
        "status": "COMPLETED",
        "progress": {"phases": [{"phase_name": "collect", "progress": 100.0}]},
        "results": {"findings": [{"title": "Shared device"}]},
        **overrides,
    }


def test_a_good_run_has_no_problems() -> None:
    assert problems(outcome()) == []


def test_an_entry_that_is_no_change_does_not_count() -> None:
    assert problems(outcome(trail=[*outcome().trail, {"version": None}])) == []


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (lambda: outcome(state=state(status="ERROR")), "in step RESULTS with status ERROR"),
        (lambda: outcome(state=state(wizard_step="PROGRESS")), "in step PROGRESS with status COMPLETED"),
        (
            lambda: outcome(state=state(progress={"phases": [{"phase_name": "collect", "progress": 40.0}]})),
            "phase collect is at 40.0 %",
        ),
        (lambda: outcome(state=state(progress=None)), "phases or findings are missing"),
        (lambda: outcome(state=state(results=None)), "phases or findings are missing"),
        (lambda: outcome(watch=Watch(versions=[1, 2, 3])), "ended at version 3, the newest is 4"),
        (lambda: outcome(watch=Watch()), "ended at version 0, the newest is 4"),
        (lambda: outcome(watch=Watch(versions=[1, 2, 2, 4])), "told a version twice or went back"),
        (lambda: outcome(trail=[{"version": 1}, {"version": 4}]), "2 entries for 4 versions"),
    ],
)
def test_each_promise_that_is_broken_is_named(bad: Callable[[], Outcome], says: str) -> None:
    [problem] = problems(bad())
    assert says in problem
