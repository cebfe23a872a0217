"""Checking requests: nulls count as absent, and every offending field is named."""

import copy
from typing import Any

import pytest

from tests import factories
from tests.unit.refusals import refused
from wizard_server.domain.models.settings import InvestigationSettings
from wizard_server.domain.models.states import WizardStateCreate, WizardStateUpdate
from wizard_server.domain.models.trail import AuditLogCreate
from wizard_server.domain.validation import validate, validate_investigation_settings, validate_state_size
from wizard_server.errors import StateTooLargeError, ValidationFailedError


def constraints(model: type[Any], data: Any) -> dict[str, str]:
    return {error["field"]: error["constraint"] for error in refused(model, data)}


def test_a_null_counts_as_absent_wherever_it_stands() -> None:
    spoken = factories.settings(correlation_mode=None, execution_mode=None, description=None)
    spoken["tools"] = [{"tool_name": "t", "enabled": None, "parameters": None}]
    spoken["entities"] = [{"entity_type": "a", "entity_id": "b", "name": None}]
    unspoken = {**factories.settings(), "tools": [{"tool_name": "t"}]}
    del unspoken["description"]
    unspoken["entities"] = [{"entity_type": "a", "entity_id": "b"}]
    body = {"settings": spoken, "wizard_step": None, "version": None, "progress": {"logs": None, "phases": None}}
    wanted = {"settings": unspoken, "progress": {}}
    assert validate(WizardStateUpdate, body).model_dump() == validate(WizardStateUpdate, wanted).model_dump()


def test_a_null_inside_free_form_data_stays() -> None:
    parameters = {"limit": None, "deep": [{"x": None}]}
    settings = factories.settings(tools=[{"tool_name": "t", "parameters": parameters}])
    (tool,) = validate(InvestigationSettings, settings).tools
    assert tool.parameters == {"limit": None, "deep": [{"x": None}]}


def test_a_required_field_that_is_null_is_missing() -> None:
    settings = factories.settings(name=None, time_range={"start": None, "end": "2026-01-01T00:00:00Z"})
    assert constraints(WizardStateUpdate, {"settings": settings}) == {
        "settings.name": "missing",
        "settings.time_range.start": "missing",
    }
    assert constraints(AuditLogCreate, {"investigation_id": None, "action_type": "NOTE", "source": "USER"}) == {
        "investigation_id": "missing",
        "user_id": "missing",
    }


def test_a_null_in_a_list_is_no_item() -> None:
    assert list(constraints(WizardStateUpdate, {"progress": {"phases": [None]}})) == ["progress.phases.0"]


def test_an_unknown_field_is_refused_even_when_it_is_null() -> None:
    assert constraints(WizardStateUpdate, {"setings": None}) == {"setings": "extra_forbidden"}


def test_nulls_beside_errors_do_not_hide_them() -> None:
    data = {"settings": factories.settings(name="", tools=[], execution_mode=None), "typo": None, "status": "DONE"}
    assert constraints(WizardStateUpdate, data) == {
        "settings.name": "string_too_short",
        "settings.tools": "too_short",
        "status": "enum",
        "typo": "extra_forbidden",
    }


def test_every_offending_field_is_named_with_a_message() -> None:
    progress = {"phases": [{"status": "running", "progress": 101}, {"phase_name": "p", "status": "done"}]}
    results = factories.results(risk_score={"overall_score": -1, "category_scores": {"a": "x"}, "risk_level": "mild"})
    errors = refused(WizardStateUpdate, {"progress": progress, "results": results, "version": 0})
    assert sorted(error["field"] for error in errors) == [
        "progress.phases.0.phase_name",
        "progress.phases.0.progress",
        "results.risk_score.category_scores.a",
        "results.risk_score.overall_score",
        "results.risk_score.risk_level",
        "version",
    ]
    assert all(error["message"] and error["constraint"] for error in errors)
    assert not any("Value error" in error["message"] for error in errors)


def test_a_rule_of_ours_is_told_without_the_library_s_prefix() -> None:
    span = {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
    errors = refused(WizardStateUpdate, {"settings": factories.settings(time_range=span, name=" ")})
    assert {error["field"]: error["message"] for error in errors} == {
        "settings.name": "must not be blank",
        "settings.time_range.end": "end time must be after start time",
    }


@pytest.mark.parametrize("data", [None, [], "text", 1, True, [{}]])
def test_a_body_that_is_no_object_is_refused(data: Any) -> None:
    assert refused(AuditLogCreate, data)


def test_valid_data_is_left_as_it_is() -> None:
    data = factories.creation()
    before = copy.deepcopy(data)
    validate(WizardStateCreate, data)
    assert data == before


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (None, "settings"),
        ({"tools": [{"enabled": False}, {"enabled": False}]}, "settings.tools"),
    ],
)
def test_what_keeps_an_investigation_from_starting_is_named(settings: dict[str, Any] | None, field: str) -> None:
    found = validate_investigation_settings(None if settings is None else factories.settings(**_tools(settings)))
    assert [error.field for error in found] == [field]


def _tools(settings: dict[str, Any]) -> dict[str, Any]:
    return {"tools": [{"tool_name": "t", **tool} for tool in settings["tools"]]}


def test_one_enabled_tool_is_enough_to_start() -> None:
    tools = [{"tool_name": "a", "enabled": False}, {"tool_name": "b", "enabled": True}]
    assert validate_investigation_settings(factories.settings(tools=tools)) == []


def test_a_state_may_be_as_large_as_its_limit_and_not_a_byte_larger() -> None:
    validate_state_size(bytes(100 * 1024), 100, 1000)
    with pytest.raises(StateTooLargeError, match="101 KB, the limit is 100 KB") as refusal:
        validate_state_size(bytes(100 * 1024 + 1), 100, 1000)
    assert refusal.value.extra == {"size_bytes": 100 * 1024 + 1, "limit_bytes": 100 * 1024}


WRONG = [
    (5, "body", "must be an object"),
    ({"settings": []}, "settings", "must be an object"),
    ({"progress": {"logs": {}}}, "progress.logs", "must be an array"),
    ({"progress": {"logs": [1]}}, "progress.logs.0", "must be a string"),
    ({"progress": {"started_at": "soon"}}, "progress.started_at", "must be a timestamp by ISO 8601"),
    ({"progress": {"overall_progress": "x"}}, "progress.overall_progress", "must be a number"),
    ({"status": "DONE"}, "status", 'must be "IN_PROGRESS", "COMPLETED", "ERROR" or "CANCELLED"'),
    ({"version": True}, "version", "must be an integer"),
    ({"setings": 1}, "setings", "unknown field"),
]


@pytest.mark.parametrize(("body", "field", "message"), WRONG)
def test_messages_name_values_as_json_has_them(body: Any, field: str, message: str) -> None:
    found = {error["field"]: error["message"] for error in refused(WizardStateUpdate, body)}
    assert found == {field: message}


def test_a_status_that_a_new_state_cannot_have_is_refused_in_words_of_json() -> None:
    errors = refused(WizardStateCreate, {"investigation_id": "a b", "user_id": "dev", "status": "ERROR"})
    assert {error["message"] for error in errors} == {'must be "IN_PROGRESS"', "must match ^[A-Za-z0-9_-]{1,255}$"}


def test_of_many_unknown_names_50_are_listed_and_all_counted() -> None:
    body = {f"name-{index}": object() for index in range(60_000)}
    with pytest.raises(ValidationFailedError) as refusal:
        validate(WizardStateUpdate, {"settings": body})
    errors = refusal.value.extra["errors"]
    assert (len(errors), errors[0]["field"], refusal.value.extra["errors_total"]) == (50, "settings.name-0", 60_000)


def test_a_list_is_checked_up_to_its_first_bad_item() -> None:
    errors = refused(WizardStateUpdate, {"progress": {"logs": ["a", *range(1000)], "agents": [{}] * 1000}})
    fields = ["progress.agents.0.agent_name", "progress.agents.0.status", "progress.logs.1"]
    assert sorted(error["field"] for error in errors) == fields


def test_an_object_of_the_callers_own_names_has_a_thousand_members() -> None:
    scores = {str(index): "x" for index in range(1001)}
    risk = {"overall_score": 1, "category_scores": scores, "risk_level": "low"}
    errors = refused(WizardStateUpdate, {"results": factories.results(risk_score=risk)})
    assert {error["field"] for error in errors} == {"results.risk_score.category_scores"}
