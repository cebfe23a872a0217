"""Both state machines, walked over the full product of states and requests against contract 3 as a literal table."""

import copy
import itertools
import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests import factories
from wizard_server.domain.models.enumerations import AuditSource, InvestigationStatus, WizardStep
from wizard_server.domain.models.progress import InvestigationProgress
from wizard_server.domain.models.results import InvestigationResults
from wizard_server.domain.models.settings import InvestigationSettings
from wizard_server.domain.transitions import FINISHED, STATUS_TRANSITIONS, STEP_TRANSITIONS, TERMINAL, advance
from wizard_server.errors import InvalidTransitionError

Fields = dict[str, Any]

STEPS = {"S": "SETTINGS", "P": "PROGRESS", "R": "RESULTS"}
STATUSES = {"i": "IN_PROGRESS", "c": "COMPLETED", "e": "ERROR", "x": "CANCELLED"}

# For each state, a line for each requested step (-: none), in it a cell for each requested status (-: none).
# A cell is the state that follows (with ! when it is a reset), or why not: `status`, `step`, `reset`.
OUTCOMES = """
from step  -       i       c       e       x
Si   -     Si      Si      Sc      Se      Sx
Si   S     Si      Si      Sc      Se      Sx
Si   P     Pi      Pi      Pc      Pe      Px
Si   R     step    step    step    step    step
Sc   -     Sc      status  Sc      status  status
Sc   S     Si!     Si!     Sc      status  status
Sc   P     step    status  step    status  status
Sc   R     step    status  step    status  status
Se   -     Se      Pi      status  Se      status
Se   S     Si!     Si!     status  Se      status
Se   P     Pe      Pi      status  Pe      status
Se   R     step    step    status  step    status
Sx   -     Sx      status  status  status  Sx
Sx   S     Si!     Si!     status  status  Sx
Sx   P     step    status  status  status  step
Sx   R     step    status  status  status  step
Pi   -     Pi      Pi      Pc      Pe      Px
Pi   S     Si!     Si!     reset   reset   reset
Pi   P     Pi      Pi      Pc      Pe      Px
Pi   R     step    step    Rc      Re      step
Pc   -     Pc      status  Pc      status  status
Pc   S     Si!     Si!     reset   reset   reset
Pc   P     Pc      status  Pc      status  status
Pc   R     Rc      status  Rc      status  status
Pe   -     Pe      Pi      status  Pe      status
Pe   S     Si!     Si!     reset   reset   reset
Pe   P     Pe      Pi      status  Pe      status
Pe   R     Re      step    status  Re      status
Px   -     Px      status  status  status  Px
Px   S     Si!     Si!     reset   reset   reset
Px   P     Px      status  status  status  Px
Px   R     step    status  status  status  step
Ri   -     Ri      Ri      Rc      Re      step
Ri   S     Si!     Si!     reset   reset   reset
Ri   P     step    step    step    step    step
Ri   R     Ri      Ri      Rc      Re      step
Rc   -     Rc      status  Rc      status  status
Rc   S     Si!     Si!     reset   reset   reset
Rc   P     step    status  step    status  status
Rc   R     Rc      status  Rc      status  status
Re   -     Re      Pi      status  Re      status
Re   S     Si!     Si!     reset   reset   reset
Re   P     step    Pi      status  step    status
Re   R     Re      step    status  Re      status
Rx   -     Rx      status  status  status  Rx
Rx   S     Si!     Si!     reset   reset   reset
Rx   P     step    status  status  status  step
Rx   R     Rx      status  status  status  Rx
"""
STEPS_ALLOWED = {"S": ["PROGRESS", "SETTINGS"], "P": ["RESULTS", "SETTINGS"], "R": ["SETTINGS"]}
STATUSES_ALLOWED = {"i": ["COMPLETED", "ERROR", "CANCELLED"], "e": ["IN_PROGRESS"], "c": [], "x": []}
# Where a field may change. A reset takes new settings and clears the rest.
SETTINGS_FROM = {"Si", "Sc", "Se", "Sx"}
RUNNING = "Pi"
RESULTS_TO = {"Ri", "Rc", "Re", "Rx"}
PARTS = ("settings", "progress", "results")


def _cells() -> list[tuple[str, str, str, str]]:
    _, *lines = OUTCOMES.split("\n")[1:-1]
    rows = [line.split() for line in lines]
    return [(row[0], row[1], asked, cell) for row in rows for asked, cell in zip("-icex", row[2:], strict=True)]


CELLS = _cells()


def settings(**overrides: Any) -> Fields:
    return InvestigationSettings.model_validate(factories.settings(**overrides)).model_dump(mode="json")


def progress(**overrides: Any) -> Fields:
    return InvestigationProgress.model_validate(factories.progress(**overrides)).model_dump(mode="json")


def results(**overrides: Any) -> Fields:
    return InvestigationResults.model_validate(factories.results(**overrides)).model_dump(mode="json")


def state(name: str, **parts: Any) -> Fields:
    """Return the five fields of the state with the short `name`, all three parts present."""
    filled = {"settings": settings(), "progress": progress(), "results": results(), **parts}
    return {"wizard_step": STEPS[name[0]], "status": STATUSES[name[1]], **filled}


def request_of(step: str, status: str, **parts: Any) -> Fields:
    named = {"wizard_step": STEPS.get(step), "status": STATUSES.get(status)}
    return {key: value for key, value in named.items() if value is not None} | parts


CHANGED = {
    "settings": settings(name="Another"),
    "progress": progress(overall_progress=26.0),
    "results": results(findings=[]),
}


def permitted(origin: str, cell: str, field: str) -> bool:
    if cell.endswith("!"):
        return field == "settings"
    if field == "settings":
        return origin in SETTINGS_FROM
    return RUNNING in (origin, cell) if field == "progress" else cell in RESULTS_TO


def test_the_table_is_the_full_product() -> None:
    states = [step + status for step in STEPS for status in STATUSES]
    assert [cell[:3] for cell in CELLS] == list(itertools.product(states, "-SPR", "-icex"))


@pytest.mark.parametrize(("origin", "step", "status", "cell"), CELLS)
def test_every_request_in_every_state_has_the_outcome_of_the_table(
    origin: str, step: str, status: str, cell: str
) -> None:
    current, request = state(origin), request_of(step, status)
    before = copy.deepcopy((current, request))
    if cell in ("status", "step", "reset"):
        with pytest.raises(InvalidTransitionError) as refusal:
            advance(current, request)
        asked = {"status": (STATUSES[origin[1]], STATUSES.get(status)), "step": (STEPS[origin[0]], STEPS.get(step))}
        asked["reset"] = asked["status"]
        from_, to = asked[cell]
        retry = origin == "Re" and status == "i"
        allowed = {
            "status": STATUSES_ALLOWED[origin[1]],
            "step": STEPS_ALLOWED[origin[0]] + (["PROGRESS"] if retry else []),
            "reset": ["IN_PROGRESS"],
        }[cell]
        told = refusal.value.extra
        offered = [each for each in allowed if each != (to or from_)]
        assert (told["from"], told["to"] or from_, told["allowed"]) == (from_, to or from_, offered)
    else:
        cleared = {"progress": None, "results": None} if cell.endswith("!") else {}
        assert advance(current, request) == state(cell[:2], **cleared)
    assert (current, request) == before, "what was passed in stays as it was"


@pytest.mark.parametrize(("origin", "step", "status", "cell"), [cell for cell in CELLS if len(cell[3]) <= 3])
@pytest.mark.parametrize("field", PARTS)
def test_a_part_changes_only_where_it_may(origin: str, step: str, status: str, cell: str, field: str) -> None:
    current, request = state(origin), request_of(step, status, **{field: CHANGED[field]})
    before = copy.deepcopy((current, request))
    if permitted(origin, cell, field):
        assert advance(current, request)[field] == CHANGED[field]
    else:
        with pytest.raises(InvalidTransitionError) as refusal:
            advance(current, request)
        home = {"settings": "SETTINGS", "progress": "PROGRESS", "results": "RESULTS"}[field]
        assert refusal.value.extra == {
            "from": STEPS[origin[0]],
            "to": STEPS[cell[0]],
            "allowed": [home] if home != STEPS[cell[0]] else [],
            "field": field,
        }
    assert (current, request) == before


@pytest.mark.parametrize(("origin", "step", "status", "cell"), [cell for cell in CELLS if len(cell[3]) <= 3])
def test_parts_that_are_sent_as_they_are_count_as_not_sent(origin: str, step: str, status: str, cell: str) -> None:
    current = state(origin)
    sent = copy.deepcopy({part: current[part] for part in PARTS})
    assert advance(current, request_of(step, status, **sent)) == advance(current, request_of(step, status))


@pytest.mark.parametrize("origin", [step + status for step in "PR" for status in "icex"] + ["Sc", "Se", "Sx"])
def test_a_reset_clears_the_run_and_keeps_the_settings_unless_new_ones_are_sent(origin: str) -> None:
    cleared = {"progress": None, "results": None}
    assert advance(state(origin), request_of("S", "-")) == state("Si", **cleared)
    new = settings(name="Second run")
    assert advance(state(origin), request_of("S", "-", settings=new)) == state("Si", settings=new, **cleared)
    assert advance(state(origin), request_of("S", "-", progress=None, results=None)) == state("Si", **cleared)


@pytest.mark.parametrize("origin", ["Se", "Pe", "Re"])
def test_a_retry_leads_back_to_step_progress_and_takes_progress(origin: str) -> None:
    again = advance(state(origin), request_of("-", "i", progress=CHANGED["progress"]))
    assert again == state("Pi", progress=CHANGED["progress"])


@pytest.mark.parametrize(
    ("found", "field"),
    [(None, "settings"), (settings(tools=[{"tool_name": "t", "enabled": False}]), "settings.tools")],
)
@pytest.mark.parametrize("origin", ["Si", "Se"])
def test_an_investigation_without_settings_or_enabled_tool_does_not_start(
    origin: str, found: Fields | None, field: str
) -> None:
    current = state(origin, settings=found, progress=None, results=None)
    with pytest.raises(InvalidTransitionError) as refusal:
        advance(current, request_of("P", "-"))
    told = refusal.value.extra
    assert (told["from"], told["to"], told["allowed"]) == ("SETTINGS", "PROGRESS", ["SETTINGS"])
    assert [error["field"] for error in told["errors"]] == [field]
    assert current == state(origin, settings=found, progress=None, results=None)


@pytest.mark.parametrize("stored", [{}, {"name": "by hand"}, {"tools": []}, {"tools": [{}]}])
def test_settings_that_an_operator_left_invalid_do_not_start(stored: Fields) -> None:
    with pytest.raises(InvalidTransitionError):
        advance(state("Si", settings=stored), request_of("P", "-"))


def test_settings_that_come_with_the_start_are_the_ones_that_count() -> None:
    current = state("Si", settings=None, progress=None, results=None)
    started = advance(current, request_of("P", "-", settings=settings()))
    assert (started["wizard_step"], started["settings"]) == ("PROGRESS", settings())


def test_the_tables_of_the_code_are_those_of_the_contract() -> None:
    assert {step: list(following) for step, following in STEP_TRANSITIONS.items()} == {
        STEPS[step]: following for step, following in STEPS_ALLOWED.items()
    }
    assert {status: list(following) for status, following in STATUS_TRANSITIONS.items()} == {
        STATUSES[status]: following for status, following in STATUSES_ALLOWED.items()
    }
    assert {"COMPLETED", "CANCELLED"} == TERMINAL
    assert {"COMPLETED", "ERROR"} == FINISHED


@pytest.mark.parametrize(
    ("table", "column", "values"),
    [
        ("investigation_states", "wizard_step", WizardStep),
        ("investigation_states", "status", InvestigationStatus),
        ("investigation_audit_log", "source", AuditSource),
    ],
)
async def test_the_database_and_python_know_the_same_values(
    database: str, table: str, column: str, values: type[WizardStep | InvestigationStatus | AuditSource]
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        (text,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    checks = re.findall(rf"CHECK \({column} IN \(([^)]*)\)\)", text)
    assert [re.findall(r"'([^']*)'", check) for check in checks] == [[value.value for value in values]]
