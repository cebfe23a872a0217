"""What the server refuses, as exceptions: one for each problem code that callers tell apart (contract 4)."""

from collections.abc import Mapping, Sequence
from typing import Any

from wizard_server.domain.models import WizardStateResponse

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


class WizardClientError(Exception):
    """A request did not do what was asked."""


class Unreachable(WizardClientError):  # noqa: N818 - named by what happened, as all of these are
    """No answer came, or none that the server gave; the request may have been carried out."""


class Problem(WizardClientError):  # noqa: N818 - RFC 9457's word
    """The server refused. `code` says why, `status` is HTTP's, `errors` names the fields, `body` is all it said."""

    def __init__(self, status: int, body: Mapping[str, Any], retry_after: float | None = None) -> None:
        super().__init__(_sentence(status, body))
        self.status = status
        self.body = body
        self.code: str = body.get("code", "")
        self.detail: str = body.get("detail", "")
        self.errors: Sequence[Mapping[str, Any]] = body.get("errors", ())
        self.retry_after = retry_after

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _TRANSIENT


class _Conflict(Problem):
    @property
    def current(self) -> WizardStateResponse:
        """The state as it is."""
        return WizardStateResponse.model_validate(self.body["current"], extra="ignore")

    @property
    def version(self) -> int:
        """The version of `current`."""
        version: int = self.body["version"]
        return version

    @property
    def changed_fields(self) -> Sequence[str]:
        """What others changed since the version that the request was based on."""
        changed: Sequence[str] = self.body["changed_fields"]
        return changed

    @property
    def mergeable(self) -> bool:
        """Whether none of them is a field of the request."""
        return bool(self.body["mergeable"])


class VersionConflict(_Conflict):
    """409: the state is not at the version in the body any more."""


class PreconditionFailed(_Conflict):
    """412: the state is not at the version of `If-Match` any more."""


class InvalidTransition(Problem):
    """409: the state does not go from where it is to where the request wants it."""

    @property
    def allowed(self) -> Sequence[str]:
        """Where it may go."""
        allowed: Sequence[str] = self.body.get("allowed", ())
        return allowed


class InvalidToken(Problem):
    """401."""


class MissingScope(Problem):
    """403."""


class NotFound(Problem):
    """404: absent, or somebody else's."""


class StateExists(Problem):
    """409: the investigation has a state."""


class HistoryGone(Problem):
    """410: the changes that were asked for are not kept any more."""


class StateExpired(Problem):
    """410."""


class StateTooLarge(Problem):
    """413."""


class ValidationFailed(Problem):
    """422; `errors` names every field."""


class RateLimited(Problem):
    """429; `retry_after` in seconds."""


class FeatureDisabled(Problem):
    """404: the server's operator has switched it off."""


BY_CODE: Mapping[str, type[Problem]] = {
    "feature-disabled": FeatureDisabled,
    "history-gone": HistoryGone,
    "invalid-token": InvalidToken,
    "invalid-transition": InvalidTransition,
    "missing-scope": MissingScope,
    "not-found": NotFound,
    "precondition-failed": PreconditionFailed,
    "rate-limited": RateLimited,
    "state-exists": StateExists,
    "state-expired": StateExpired,
    "state-too-large": StateTooLarge,
    "validation-failed": ValidationFailed,
    "version-conflict": VersionConflict,
}


def problem(status: int, body: object, retry_after: float | None = None) -> Problem:
    """Return the exception for an answer; a proxy's answer, which has no code, is a plain `Problem`."""
    known = body if isinstance(body, Mapping) else {}
    return BY_CODE.get(known.get("code", ""), Problem)(status, known, retry_after)


def _sentence(status: int, body: Mapping[str, Any]) -> str:
    fields = "; ".join(f"{error.get('field')}: {error.get('message')}" for error in body.get("errors", ()))
    said = body.get("detail") or body.get("title") or "no reason given"
    return f"{status} {body.get('code', '')}: {said}{'; ' if fields else ''}{fields}"
