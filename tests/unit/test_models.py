"""The schemas: those of the specification under their own names, and what the contract adds to them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tests import factories
from wizard_server.config import loading
from wizard_server.domain.clock import to_wire
from wizard_server.domain.models import enumerations, pages, progress, results, settings, states, templates, trail
from wizard_server.domain.models.progress import AgentStatus, InvestigationProgress, PhaseStatus
from wizard_server.domain.models.results import Finding, InvestigationResults, RiskScore
from wizard_server.domain.models.settings import InvestigationSettings, TimeRange
from wizard_server.domain.models.states import WizardStateCreate, WizardStateUpdate
from wizard_server.domain.models.trail import AuditLogCreate

# The specification's fields in its order; a * follows a required one, + stands before what the contract adds.
SCHEMAS = {
    "Entity": "entity_type* entity_id* name",
    "TimeRange": "start* end*",
    "ToolSelection": "tool_name* enabled parameters",
    "InvestigationSettings": "name* description entities* time_range* tools* correlation_mode execution_mode",
    "PhaseStatus": "phase_name* status* progress started_at completed_at",
    "AgentStatus": "agent_name* status* progress logs +logs_dropped",
    "InvestigationProgress": "overall_progress current_phase phases agents logs +logs_dropped started_at",
    "Finding": "title* description* severity* confidence* evidence",
    "RiskScore": "overall_score* category_scores* risk_level*",
    "InvestigationResults": "findings risk_score* entity_summaries visualizations completed_at*",
    "WizardStateCreate": "investigation_id user_id wizard_step settings status",
    "WizardStateUpdate": "wizard_step settings progress results status +version +investigation_id +user_id +created_at"
    " +updated_at +last_accessed +stale +stalled",
    "WizardStateResponse": "investigation_id* user_id* wizard_step* settings progress results status* +version*"
    " created_at* updated_at* last_accessed +stale +stalled",
    "TemplateCreate": "name* description settings +from_investigation_id",
    "TemplateUpdate": "name description settings +template_id +user_id +usage_count +created_at +updated_at",
    "TemplateResponse": "template_id* user_id* name* description settings* usage_count created_at* updated_at*",
    "PollingResponse": "investigation_id* timestamp* state* has_changes* next_poll_interval* +version* +reset"
    " +mutation_id",
    "AuditLogCreate": "investigation_id* user_id* action_type* previous_state new_state source*",
    "AuditLogResponse": "entry_id* investigation_id* user_id* action_type* previous_state new_state source*"
    " timestamp* +version +mutation_id +parts_left_out",
    "PaginatedResponse": "items* total* page* page_size* has_more* +next +unreadable",
}
CONFIG_SCHEMAS = {
    "DatabaseConfig": "url* pool_size max_overflow pool_timeout echo",
    "WizardPollingConfig": "fast_interval_ms* normal_interval_ms* slow_interval_ms* max_retries backoff_multiplier"
    " max_backoff_ms",
    "WizardStateConfig": "cache_ttl_seconds max_size_kb template_max_count_per_user history_max_age_days",
    "WizardFeatureFlags": "sqlite_persistence polling_enabled templates_enabled state_recovery audit_logging",
    "WizardConfig": "database* polling* state features",
}
ENUMERATIONS = {
    "WizardStep": "SETTINGS PROGRESS RESULTS",
    "InvestigationStatus": "IN_PROGRESS COMPLETED ERROR CANCELLED",
    "AuditSource": "POLLING WEBSOCKET USER SYSTEM",
}


def schema(name: str) -> Any:
    """Return the one object that the modules of the schemas know by `name`."""
    modules = (enumerations, pages, progress, results, settings, states, templates, trail)
    (found,) = {vars(module)[name] for module in modules if name in vars(module)}
    return found


def fields_of(model: type[BaseModel]) -> dict[str, bool]:
    return {name: field.is_required() for name, field in model.model_fields.items()}


@pytest.mark.parametrize(("name", "fields"), SCHEMAS.items())
def test_a_schema_of_the_specification_has_its_name_and_its_fields(name: str, fields: str) -> None:
    expected = {field.strip("+*"): field.endswith("*") for field in fields.split()}
    assert fields_of(schema(name)) == expected


@pytest.mark.parametrize(("name", "fields"), CONFIG_SCHEMAS.items())
def test_a_configuration_schema_of_the_specification_has_its_fields(name: str, fields: str) -> None:
    found = fields_of(getattr(loading, name))
    assert {field.strip("*") for field in fields.split()} <= set(found)
    required = {field.strip("*") for field in fields.split() if field.endswith("*")}
    assert {field for field in found if found[field]} <= required | {"state", "features"}


@pytest.mark.parametrize(("name", "members"), ENUMERATIONS.items())
def test_an_enumeration_of_the_specification_has_its_members(name: str, members: str) -> None:
    found = schema(name)
    assert [(member.name, member.value) for member in found] == [(member, member) for member in members.split()]


UPDATE = {"settings": factories.settings(), "progress": factories.progress(), "results": factories.results()}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every object in `value` that is no free-form one."""
    free = {"parameters", "evidence", "category_scores", "entity_summaries", "visualizations"}
    if isinstance(value, dict):
        inner = [place for key, child in value.items() if key not in free for place in places(child, (*path, key))]
        return [path, *inner]
    if isinstance(value, list):
        return [place for index, child in enumerate(value) for place in places(child, (*path, index))]
    return []


@pytest.mark.parametrize("path", places(UPDATE), ids=str)
def test_an_unknown_field_is_refused_wherever_it_stands(path: tuple[Any, ...]) -> None:
    body: Any = {"settings": factories.settings(), "progress": factories.progress(), "results": factories.results()}
    holder = body
    for step in path:
        holder = holder[step]
    holder["typo"] = None
    with pytest.raises(ValidationError) as refusal:
        WizardStateUpdate.model_validate(body)
    assert [(error["type"], error["loc"]) for error in refusal.value.errors()] == [("extra_forbidden", (*path, "typo"))]


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"),
        ("2026-01-01T02:00:00.123999+02:00", "2026-01-01T00:00:00.123Z"),
        ("2025-12-31T19:30:00-04:30", "2026-01-01T00:00:00.000Z"),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-30T23:59:59.999Z", "9999-12-30T23:59:59.999Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_milliseconds(sent: str, written: str) -> None:
    span = TimeRange.model_validate({"start": sent, "end": "9999-12-31T23:59:59Z"})
    assert span.model_dump(mode="json")["start"] == written
    assert span.start.tzinfo is UTC
    assert to_wire(span.start) == written


@pytest.mark.parametrize(
    "instant",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        1e300,
        10**30,
        -1e18,
        "Infinity",
        "NaN",
        "today",
        [],
        {},
    ],
)
def test_an_instant_outside_the_calendar_is_a_validation_error(instant: Any) -> None:
    with pytest.raises(ValidationError):
        InvestigationProgress.model_validate({"started_at": instant})


@pytest.mark.parametrize(
    "end", ["2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.0009Z"]
)
def test_the_end_lies_after_the_start(end: str) -> None:
    with pytest.raises(ValidationError, match="end time must be after start time"):
        TimeRange.model_validate({"start": "2026-01-01T00:00:00Z", "end": end})
    assert TimeRange(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 1, 0, 0, 0, 1000, tzinfo=UTC))


PHASE, AGENT = {"phase_name": "p", "status": "running"}, {"agent_name": "a", "status": "any"}
RISK = {"category_scores": {}, "risk_level": "low"}
FINDING = {"title": "t", "description": "d", "severity": "any"}
RANGES = [
    (InvestigationProgress, {}, "overall_progress", 100),
    (PhaseStatus, PHASE, "progress", 100),
    (AgentStatus, AGENT, "progress", 100),
    (RiskScore, RISK, "overall_score", 100),
    (Finding, FINDING, "confidence", 1),
]


@pytest.mark.parametrize(("model", "rest", "field", "most"), RANGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_number_keeps_within_its_range(model: type[BaseModel], rest: dict[str, Any], field: str, most: int) -> None:
    for value in (0, most, most / 2):
        assert getattr(model.model_validate({**rest, field: value}), field) == value
    for wrong in (-0.001, most + 0.001, float("nan"), float("inf"), "NaN"):
        with pytest.raises(ValidationError):
            model.model_validate({**rest, field: wrong})


@pytest.mark.parametrize("score", ["Infinity", "-Infinity", "NaN", float("inf"), float("nan")])
def test_a_category_score_is_a_number_that_json_can_write(score: str | float) -> None:
    with pytest.raises(ValidationError):
        RiskScore.model_validate({**RISK, "overall_score": 1, "category_scores": {"device": score}})


ENTITY = {"entity_type": "user_id", "entity_id": "u"}
TOOL = {"tool_name": "t"}


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("name", ["x", "x" * 255, " x "], ["", "   ", "\n\t", "x" * 256, None, 1]),
        ("entities", [[ENTITY], [ENTITY] * 10], [[], [ENTITY] * 11, None]),
        ("tools", [[TOOL], [TOOL] * 500], [[], None]),
        ("correlation_mode", ["AND", "OR"], ["and", "XOR", ""]),
        ("execution_mode", ["parallel", "sequential"], ["PARALLEL", ""]),
    ],
)
def test_settings_keep_the_limits_of_the_specification(field: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert InvestigationSettings.model_validate(factories.settings(**{field: value}))
    for value in bad:
        with pytest.raises(ValidationError):
            InvestigationSettings.model_validate(factories.settings(**{field: value}))


def test_what_is_left_out_has_the_default_of_the_specification() -> None:
    settings = InvestigationSettings.model_validate(factories.settings(tools=[TOOL]))
    assert (settings.correlation_mode, settings.execution_mode) == ("OR", "parallel")
    assert (settings.tools[0].enabled, settings.tools[0].parameters) == (True, None)
    assert InvestigationProgress().model_dump() == {
        "overall_progress": 0.0,
        "current_phase": None,
        "phases": [],
        "agents": [],
        "logs": [],
        "started_at": None,
    }
    results = factories.results()
    results = {key: results[key] for key in ("risk_score", "completed_at")}
    written = InvestigationResults.model_validate(results).model_dump()
    assert (written["findings"], written["entity_summaries"], written["visualizations"]) == ([], {}, {})


@pytest.mark.parametrize("identifier", ["a", "A-z_09", "x" * 255])
def test_an_identifier_is_made_of_letters_digits_underscores_and_dashes(identifier: str) -> None:
    created = WizardStateCreate.model_validate({"investigation_id": identifier, "user_id": "ann"})
    assert (created.wizard_step, created.status, created.settings) == ("SETTINGS", "IN_PROGRESS", None)


@pytest.mark.parametrize(
    "user", ["auth0|5f7c8ec7", "alice@example.com", "f:550e8400-e29b:alice", "a/b", "!~", "x" * 255]
)
def test_a_user_is_made_of_visible_ascii(user: str) -> None:
    created = WizardStateCreate.model_validate({"investigation_id": "i", "user_id": user})
    assert created.user_id == user


_NO_IDENTIFIER = ["", "x" * 256, "a\n", "\na", "a b", "é", "a\x00", "a\x7f", "\u0661", 1, None]


@pytest.mark.parametrize(
    ("field", "identifier"),
    [
        *(("user_id", each) for each in _NO_IDENTIFIER),
        *(("investigation_id", each) for each in [*_NO_IDENTIFIER, "a/b", "a.b", "a|b"]),
    ],
)
def test_anything_else_is_no_identifier(field: str, identifier: Any) -> None:
    for model, rest in (
        (WizardStateCreate, {}),
        (AuditLogCreate, {"action_type": "NOTE", "source": "USER"}),
    ):
        if identifier is None and model is WizardStateCreate:
            continue  # left out there
        with pytest.raises(ValidationError):
            model.model_validate({"investigation_id": "i", "user_id": "u", **rest, field: identifier})


@pytest.mark.parametrize(
    "wrong", [{"wizard_step": "PROGRESS"}, {"status": "COMPLETED"}, {"wizard_step": "settings"}, {"progress": {}}]
)
def test_a_new_state_starts_at_settings_in_progress(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WizardStateCreate.model_validate(factories.creation(**wrong))


@pytest.mark.parametrize("version", [0, -1, 1.5, "x", True, []])
def test_a_version_is_a_positive_whole_number(version: Any) -> None:
    with pytest.raises(ValidationError):
        WizardStateUpdate.model_validate({"version": version})
