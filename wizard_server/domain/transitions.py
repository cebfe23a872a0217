"""The two state machines of a wizard as literal tables, and the rules that do not fit a table (contract 3).

`advance` is the only way from one state to the next: it either returns the new fields or raises, and changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wizard_server.domain.diffing import diff
from wizard_server.domain.models.enumerations import InvestigationStatus as Status
from wizard_server.domain.models.enumerations import WizardStep as Step
from wizard_server.domain.validation import validate_investigation_settings
from wizard_server.errors import FieldError, InvalidTransitionError

STEP_TRANSITIONS: Mapping[Step, Sequence[Step]] = {
    Step.SETTINGS: (Step.PROGRESS, Step.SETTINGS),
    Step.PROGRESS: (Step.RESULTS, Step.SETTINGS),
    Step.RESULTS: (Step.SETTINGS,),
}
STATUS_TRANSITIONS: Mapping[Status, Sequence[Status]] = {
    Status.IN_PROGRESS: (Status.COMPLETED, Status.ERROR, Status.CANCELLED),
    Status.ERROR: (Status.IN_PROGRESS,),
    Status.COMPLETED: (),
    Status.CANCELLED: (),
}
TERMINAL = frozenset(status for status, following in STATUS_TRANSITIONS.items() if not following)
FINISHED = frozenset({Status.COMPLETED, Status.ERROR})
_HOME = {"settings": Step.SETTINGS, "progress": Step.PROGRESS, "results": Step.RESULTS}

Fields = dict[str, Any]
Hindrances = Callable[[Mapping[str, Any] | None], Sequence[FieldError]]


def advance(
    current: Mapping[str, Any], requested: Mapping[str, Any], hindrances: Hindrances = validate_investigation_settings
) -> Fields:
    """Return the five fields of the next state: `current` with `requested` replaced, by the rules of both machines.

    `hindrances` returns why an investigation with the given settings cannot start.
    Raises `InvalidTransitionError` when a rule refuses; a field that is sent unchanged counts as not sent.
    """
    if _is_reset(current, requested):
        return _reset(current, requested)
    step, status = Step(current["wizard_step"]), Status(current["status"])
    to_status = Status(requested.get("status", status))
    retry = status is Status.ERROR and to_status is Status.IN_PROGRESS
    to_step = Step(requested.get("wizard_step", Step.PROGRESS if retry else step))
    fields: Fields = {**current, **requested, "wizard_step": to_step.value, "status": to_status.value}
    _check_status(status, to_status)
    _check_step(step, to_step, status, to_status)
    if step is Step.SETTINGS and to_step is Step.PROGRESS:
        _check_startable(hindrances(fields["settings"]))
    _check_fields(current, fields)
    return fields


def _is_reset(current: Mapping[str, Any], requested: Mapping[str, Any]) -> bool:
    """Whether the request asks for a new run, rather than naming step SETTINGS while the state is in it."""
    if requested.get("wizard_step") != Step.SETTINGS:
        return False
    if current["wizard_step"] != Step.SETTINGS:
        return True
    if current["status"] == Status.IN_PROGRESS:
        return False
    return bool(requested.get("status", Status.IN_PROGRESS) == Status.IN_PROGRESS)


def _reset(current: Mapping[str, Any], requested: Mapping[str, Any]) -> Fields:
    status = requested.get("status", Status.IN_PROGRESS)
    if status != Status.IN_PROGRESS:
        raise InvalidTransitionError(
            f"a reset starts a new run IN_PROGRESS, not {status}",
            origin=current["status"],
            target=status,
            allowed=[Status.IN_PROGRESS],
        )
    cleared = {"progress": None, "results": None}
    fields: Fields = {
        **cleared,
        "settings": requested.get("settings", current["settings"]),
        "wizard_step": Step.SETTINGS.value,
        "status": Status.IN_PROGRESS.value,
    }
    for field in cleared:
        if diff(requested.get(field), current[field]) and requested.get(field) is not None:
            raise _wrong_step(field, current, fields)
    return fields


def _check_status(origin: Status, target: Status) -> None:
    allowed = STATUS_TRANSITIONS[origin]
    if target is not origin and target not in allowed:
        hint = "is terminal but for a reset" if origin in TERMINAL else "does not lead there"
        raise InvalidTransitionError(
            f"status {origin} {hint}: {target} refused", origin=origin, target=target, allowed=allowed
        )


def _check_step(origin: Step, target: Step, status: Status, to_status: Status) -> None:
    retry = status is Status.ERROR and to_status is Status.IN_PROGRESS
    allowed = [*STEP_TRANSITIONS[origin], *([Step.PROGRESS] if retry and origin is Step.RESULTS else [])]
    reason = ""
    if target is not origin and target not in allowed:
        reason = f"step {origin} does not lead to {target}"
    elif target is Step.RESULTS and to_status not in FINISHED and (origin, status) != (target, to_status):
        reason = f"step RESULTS needs status COMPLETED or ERROR, not {to_status}"
    elif origin is Step.SETTINGS and target is Step.PROGRESS and status in TERMINAL:
        reason = f"status {status} is terminal but for a reset"
    if reason:
        raise InvalidTransitionError(reason, origin=origin, target=target, allowed=allowed)


def _check_startable(errors: Sequence[FieldError]) -> None:
    if errors:
        raise InvalidTransitionError(
            "the investigation cannot start: " + "; ".join(error.message for error in errors),
            origin=Step.SETTINGS,
            target=Step.PROGRESS,
            allowed=STEP_TRANSITIONS[Step.SETTINGS],
            errors=errors,
        )


def _check_fields(current: Mapping[str, Any], fields: Fields) -> None:
    """Raise when settings, progress or results change outside the step in which they may."""
    running = (Step.PROGRESS, Status.IN_PROGRESS)
    permitted = {
        "settings": current["wizard_step"] == Step.SETTINGS,
        "progress": running in ((current["wizard_step"], current["status"]), (fields["wizard_step"], fields["status"])),
        "results": fields["wizard_step"] == Step.RESULTS,
    }
    for field, allowed in permitted.items():
        if not allowed and diff(current[field], fields[field]) is not None:
            raise _wrong_step(field, current, fields)


def _wrong_step(field: str, current: Mapping[str, Any], fields: Mapping[str, Any]) -> InvalidTransitionError:
    home = _HOME[field]
    while_running = " while IN_PROGRESS" if field == "progress" else ""
    error = InvalidTransitionError(
        f"{field} may change only in step {home}{while_running},"
        f" not in {current['wizard_step']} with status {current['status']}",
        origin=current["wizard_step"],
        target=fields["wizard_step"],
        allowed=[home],
    )
    error.extra["field"] = field
    return error
