"""Changes that the current state or template does not allow."""

from collections.abc import Mapping, Sequence
from typing import Any

from wizard_server.errors.base import FieldError, RequestError, listed


class StateExistsError(RequestError):
    """The investigation has a state already."""

    code = "state-exists"


class StateExpiredError(RequestError):
    """The state is stale and ``[features] state_recovery`` is off: only a reset brings it back."""

    code = "state-expired"


class StateTooLargeError(RequestError):
    """The resulting state would be over ``[state] max_size_kb``."""

    code = "state-too-large"


class TemplateExistsError(RequestError):
    """The user has a template of this name already."""

    code = "template-exists"


class TemplateLimitError(RequestError):
    """The user has ``[state] template_max_count_per_user`` templates already."""

    code = "template-limit"


class InvalidTransitionError(RequestError):
    """The state machines refuse the change (contract 3); nothing has changed.

    `allowed` are the targets that the machine has from there; ``allowed`` in the answer leaves out the refused one.
    """

    code = "invalid-transition"

    def __init__(
        self, message: str, *, origin: str, target: str, allowed: Sequence[str], errors: Sequence[FieldError] = ()
    ) -> None:
        members: dict[str, Any] = {
            "from": origin,
            "to": target,
            "allowed": [each for each in allowed if each != target],
        }
        if errors:
            members |= listed(errors)
        super().__init__(message, **members)


class ConflictError(RequestError):
    """The caller's base is not the current version; ``conflict`` says what happened since (contract 4)."""

    def __init__(self, message: str, conflict: Mapping[str, Any]) -> None:
        super().__init__(message, **conflict)


class VersionConflictError(ConflictError):
    """``version`` in the body names another version than the current one."""

    code = "version-conflict"


class PreconditionFailedError(ConflictError):
    """``If-Match`` names another version than the current one."""

    code = "precondition-failed"


class PatchConflictError(RequestError):
    """A JSON Patch that is well formed does not apply to the current state (RFC 5789, section 2.2)."""

    code = "patch-conflict"


class HistoryGoneError(RequestError):
    """The version lies outside the kept history."""

    code = "history-gone"
