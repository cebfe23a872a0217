"""The demo says so when it did not show what it promises."""

from collections.abc import Callable
from typing import Any

import pytest

from tests import factories
from wizard_server.demo.verdict import Outcome, problems
from wizard_server.demo.watched import Watch
from wizard_server.domain.models.states import WizardStateResponse
from wizard_server.domain.models.trail import AuditLogResponse

NEWEST = 4
_INSTANT = "2026-01-01T00:00:00.000Z"


def outcome(**overrides: Any) -> Outcome:
    """Return what a good run leaves behind, with overrides."""
    good: dict[str, Any] = {
        "state": state(),
        "trail": trail(*range(1, NEWEST + 1)),
        "watch": Watch(versions=[2, 3, NEWEST], latencies_ms=[1.0, 2.0]),
        "seconds": 9.5,
    }
    return Outcome(**good | overrides)


def trail(*versions: int | None) -> list[AuditLogResponse]:
    entry = {"investigation_id": "inv-1", "user_id": "dev", "action_type": "STATE_CHANGE", "source": "USER"}
    return [
        AuditLogResponse.model_validate(
            {**entry, "entry_id": f"e-{version}", "timestamp": _INSTANT, "version": version}
        )
        for version in versions
    ]


def state(**overrides: Any) -> WizardStateResponse:
    given = {
        "investigation_id": "inv-1",
        "user_id": "dev",
        "version": NEWEST,
        "created_at": _INSTANT,
        "updated_at": _INSTANT,
        "wizard_step": "RESULTS",
        "status": "COMPLETED",
        "progress": {"phases": [phase(100.0)]},
        "results": factories.results(),
    }
    return WizardStateResponse.model_validate({**given, **overrides})


def phase(percent: float) -> dict[str, Any]:
    return {"phase_name": "collect", "status": "running", "progress": percent}


def test_a_good_run_has_no_problems() -> None:
    assert problems(outcome()) == []


def test_an_entry_that_is_no_change_does_not_count() -> None:
    assert problems(outcome(trail=trail(1, 2, 3, None, 4))) == []


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (lambda: outcome(state=state(status="ERROR")), "in step RESULTS with status ERROR"),
        (lambda: outcome(state=state(wizard_step="PROGRESS")), "in step PROGRESS with status COMPLETED"),
        (
            lambda: outcome(state=state(progress={"phases": [phase(40.0)]})),
            "phase collect is at 40.0 %",
        ),
        (lambda: outcome(state=state(progress=None)), "phases or findings are missing"),
        (lambda: outcome(state=state(results=None)), "phases or findings are missing"),
        (lambda: outcome(watch=Watch(versions=[1, 2, 3])), "ended at version 3, the newest is 4"),
        (lambda: outcome(watch=Watch()), "ended at version 0, the newest is 4"),
        (lambda: outcome(watch=Watch(versions=[1, 2, 2, 3, 4])), "was told one twice"),
        (lambda: outcome(watch=Watch(versions=[1, 2, 4])), "missed a version"),
        (lambda: outcome(trail=trail(1, 4)), "2 entries for 4 versions"),
    ],
)
def test_each_promise_that_is_broken_is_named(bad: Callable[[], Outcome], says: str) -> None:
    [problem] = problems(bad())
    assert says in problem
