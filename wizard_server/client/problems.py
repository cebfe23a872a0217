"""What the server refuses, as exceptions: one for each problem code that callers tell apart (contract 4)."""

from collections.abc import Mapping, Sequence
from typing import Any

from wizard_server.domain.models.states import WizardStateResponse

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


class WizardClientError(Exception):
    """A request did not do what was asked."""


class ReportsFull(WizardClientError):  # noqa: N818
    """The server has taken no report for so long that no more are held; this one was not."""


class Unreachable(WizardClientError):  # noqa: N818 - named by what happened, as all of these are
    """No answer came, or none that the server gave; the request may have been carried out.

    `waited` is how many seconds after it was sent the line broke.
    """

    def __init__(self, message: str, waited: float = 0.0) -> None:
        super().__init__(message)
        self.waited = waited


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


class Conflict(Problem):
    """The state is not at the version that the request was based on."""

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


class VersionConflict(Conflict):
    """409: the state is not at the version in the body any more."""


class PreconditionFailed(Conflict):
    """412: the state is not at the version of `If-Match` any more."""


class InvalidTransition(Problem):
    """409: the state does not go from where it is to where the request wants it."""

    @property
    def allowed(self) -> Sequence[str]:
        """Where it may go."""
        allowed: Sequence[str] = self.body.get("allowed", ())
        return allowed


class InvalidToken(Problem):
    """401: no token, or one that does not verify."""


class MissingScope(Problem):
    """403: the token does not allow it."""


class NotFound(Problem):
    """404: absent, or somebody else's."""


class FeatureDisabled(Problem):
    """404: the server's operator has switched it off."""


class StateExists(Problem):
    """409: the investigation has a state."""


class PatchConflict(Problem):
    """409: the patch does not apply to the state as it is."""


class TemplateExists(Problem):
    """409: the caller has a template of that name."""


class TemplateLimit(Problem):
    """409: the caller has as many templates as the limit allows."""


class HistoryGone(Problem):
    """410: the changes that were asked for are not kept any more."""


class StateExpired(Problem):
    """410: the state is older than the server recovers."""


class BodyTooLarge(Problem):
    """413: the request is over the limit."""


class StateTooLarge(Problem):
    """413: the state would be over the limit."""


class ValidationFailed(Problem):
    """422; `errors` names every field."""


class IdempotencyMismatch(ValidationFailed):
    """422: the key was used for another request."""


class PreconditionRequired(Problem):
    """428: the server changes nothing without a `version`."""


class RateLimited(Problem):
    """429; `retry_after` in seconds."""


class StorageUnavailable(Problem):
    """503: the server has no database now."""


class OutcomeUnknown(StorageUnavailable):
    """503: whether the change was made is not known; with an idempotency key it may be sent again."""


class UnreadableRow(Problem):
    """503: what is stored cannot be read, until an operator has mended it."""


BY_CODE: Mapping[str, type[Problem]] = {
    "body-too-large": BodyTooLarge,
    "feature-disabled": FeatureDisabled,
    "history-gone": HistoryGone,
    "idempotency-mismatch": IdempotencyMismatch,
    "invalid-token": InvalidToken,
    "invalid-transition": InvalidTransition,
    "missing-scope": MissingScope,
    "not-found": NotFound,
    "outcome-unknown": OutcomeUnknown,
    "patch-conflict": PatchConflict,
    "precondition-failed": PreconditionFailed,
    "precondition-required": PreconditionRequired,
    "rate-limited": RateLimited,
    "state-exists": StateExists,
    "state-expired": StateExpired,
    "state-too-large": StateTooLarge,
    "storage-unavailable": StorageUnavailable,
    "template-exists": TemplateExists,
    "template-limit": TemplateLimit,
    "unreadable-row": UnreadableRow,
    "validation-failed": ValidationFailed,
    "version-conflict": VersionConflict,
}


def problem(status: int, body: object, retry_after: float | None = None) -> Problem:
    """Return the exception for an answer; one without a known code, a proxy's too, is a plain `Problem`."""
    known = body if isinstance(body, Mapping) else {}
    return BY_CODE.get(known.get("code", ""), Problem)(status, known, retry_after)


def _sentence(status: int, body: Mapping[str, Any]) -> str:
    fields = "; ".join(f"{error.get('field')}: {error.get('message')}" for error in body.get("errors", ()))
    said = body.get("detail") or body.get("title") or "no reason given"
    return f"{status} {body.get('code', '')}: {said}{'; ' if fields else ''}{fields}"
