"""Merging a report: what it names is set, what it leaves out stays, and no line is lost."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import factories
from wizard_server.domain.changes import apply
from wizard_server.domain.diffing import diff
from wizard_server.domain.models.progress import InvestigationProgress
from wizard_server.domain.progress import ProgressReport, ProgressUpdate, merge

Json = dict[str, Any]

LINES = st.lists(st.sampled_from(["a", "b", "tick"]) | st.uuids().map(str), max_size=8)
REPORTS = st.fixed_dictionaries(
    {},
    optional={
        "overall_progress": st.integers(0, 100).map(float),
        "current_phase": st.sampled_from("pq"),
        "phases": st.lists(st.fixed_dictionaries({"phase_name": st.sampled_from("pq"), "progress": st.just(5.0)})),
        "agents": st.lists(st.fixed_dictionaries({"agent_name": st.sampled_from("xy"), "logs": LINES}), max_size=3),
        "logs": LINES,
    },
)


def report(**fields: Any) -> ProgressReport:
    return ProgressReport.model_validate(fields)


def before() -> Json:
    return InvestigationProgress.model_validate(factories.progress()).model_dump(mode="json")


def test_a_report_of_nothing_gives_what_was_there() -> None:
    known = before()
    assert merge(known, report(), 10) == known


def test_a_report_of_nothing_asks_for_no_progress() -> None:
    document = {"progress": None}
    assert ProgressUpdate(report(), 10).requested(document).get("progress") is None


def test_what_is_merged_stays_as_it_was() -> None:
    known = before()
    kept = copy.deepcopy(known)
    merge(known, report(logs=["x"], agents=[{"agent_name": "device", "logs": ["y"]}], phases=[{"phase_name": "q"}]), 1)
    assert known == kept


@pytest.mark.parametrize("field", ["overall_progress", "current_phase", "started_at"])
def test_a_null_is_a_field_left_out(field: str) -> None:
    assert merge(before(), report(**{field: None}), 10) == before()


@given(st.lists(REPORTS, max_size=12), st.integers(1, 12))
def test_states_and_changes_together_hold_every_line_once_in_order(reports: list[Json], limit: int) -> None:
    """What left the state is in an earlier version, which the chain of changes rebuilds."""
    sent: dict[str, list[str]] = {"": []}
    shown: dict[str, list[str]] = {"": []}
    progress: Json | None = None
    for fields in reports:
        older = progress
        progress = merge(progress, report(**fields), limit)
        parts = diff(older, progress)
        assert (progress if parts is None else apply(older, parts)) == progress
        sent[""] += fields.get("logs", [])
        for agent in fields.get("agents", []):
            sent.setdefault(agent["agent_name"], []).extend(agent["logs"])
        for name, log in [("", progress), *((agent["agent_name"], agent) for agent in progress["agents"])]:
            lines = shown.setdefault(name, [])
            new = log.get("logs_dropped", 0) + len(log["logs"]) - len(lines)
            lines += log["logs"][len(log["logs"]) - new :]
            assert not new or len(log["logs"]) <= max(limit, new)
    assert shown == sent


@given(st.lists(REPORTS, max_size=6))
def test_what_was_merged_is_progress_as_the_schema_has_it(reports: list[Json]) -> None:
    progress = before()
    for fields in reports:
        progress = merge(progress, report(**fields), 10)
    assert InvestigationProgress.model_validate(progress).model_dump(mode="json") == progress


def test_the_order_of_known_agents_and_phases_stays() -> None:
    progress = merge(before(), report(phases=[{"phase_name": "new"}, {"phase_name": "collect", "progress": 60}]), 10)
    assert [phase["phase_name"] for phase in progress["phases"]] == ["collect", "score", "new"]


def test_finishing_names_status_and_step_and_takes_the_given_status() -> None:
    finished = ProgressUpdate(report(finish=True), 10).requested({"progress": before()})
    assert (finished["status"], finished["wizard_step"]) == ("COMPLETED", "RESULTS")
    failed = ProgressUpdate(report(finish=True, status="ERROR"), 10).requested({"progress": before()})
    assert (failed["status"], failed["wizard_step"]) == ("ERROR", "RESULTS")


def test_a_report_concerns_the_fields_that_it_names() -> None:
    assert "progress" in ProgressUpdate(report(logs=["a"]), 10).fields
    finished = ProgressUpdate(report(finish=True, results=factories.results(), logs=["a"]), 10).fields
    assert finished == {"progress", "results", "status", "wizard_step"}
