"""Every error the project raises on purpose, with the ``code`` that clients and operators see.

::

    WizardError
    ├── RequestError                     an answer to a client; ``web.http.problems`` maps each code to its status
    │   ├── MalformedJsonError           malformed-json
    │   ├── MalformedHeaderError         malformed-header
    │   ├── InvalidTokenError            invalid-token
    │   ├── KeysUnavailableError         keys-unavailable
    │   ├── ForeignOriginError           foreign-origin
    │   ├── MissingScopeError            missing-scope
    │   ├── NotFoundError                not-found
    │   ├── FeatureDisabledError         feature-disabled
    │   ├── StateExistsError             state-exists
    │   ├── StateExpiredError            state-expired
    │   ├── TemplateExistsError          template-exists
    │   ├── TemplateLimitError           template-limit
    │   ├── InvalidTransitionError       invalid-transition
    │   ├── ConflictError
    │   │   ├── VersionConflictError     version-conflict
    │   │   └── PreconditionFailedError  precondition-failed
    │   ├── PatchConflictError           patch-conflict
    │   ├── HistoryGoneError             history-gone
    │   ├── BodyTooLargeError            body-too-large
    │   ├── StateTooLargeError           state-too-large
    │   ├── UnsupportedMediaTypeError    unsupported-media-type
    │   ├── ValidationFailedError        validation-failed
    │   │   └── IdempotencyMismatchError idempotency-mismatch
    │   ├── PreconditionRequiredError    precondition-required
    │   ├── TooManyConnectionsError      too-many-connections
    │   ├── RateLimitedError             rate-limited
    │   ├── RequestTimeoutError          request-timeout
    │   ├── StorageUnavailableError      storage-unavailable
    │   │   └── UnknownOutcomeError      outcome-unknown
    │   └── UnreadableRowError           unreadable-row
    ├── ConfigError                      invalid-configuration
    └── SchemaError                      schema-mismatch
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeVar

Error = TypeVar("Error", bound=BaseException)


def bare(error: Error) -> Error:
    """Return `error` without its traceback, cause and context, to be called before the error waits in a future.

    A traceback keeps the frames that it passed, and they keep the documents of a request. When one of the frames holds
    the future, they form a cycle that stays until the next full garbage collection.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


MAX_LISTED = 50


class WizardError(Exception):
    """The root: `code` identifies the kind for machines; the message says what and why for people."""

    code: ClassVar[str]

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestError(WizardError):
    """An error that answers a request; `extra` has the members beside those of RFC 9457."""

    def __init__(self, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.extra = extra


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid field: its dotted path, a message, and the rule that it breaks."""

    field: str
    message: str
    constraint: str


def listed(errors: Sequence[FieldError], total: int | None = None) -> dict[str, Any]:
    """Return `errors` (at most `MAX_LISTED`) and `errors_total` (`total`, or how many are given) for `extra`."""
    return {
        "errors": [asdict(error) for error in errors[:MAX_LISTED]],
        "errors_total": len(errors) if total is None else total,
    }


class MalformedJsonError(RequestError):
    """The body is not JSON (RFC 8259)."""

    code = "malformed-json"


class MalformedHeaderError(RequestError):
    """A header is malformed."""

    code = "malformed-header"


class InvalidTokenError(RequestError):
    """No token, or one that does not verify."""

    code = "invalid-token"


class KeysUnavailableError(RequestError):
    """The issuer's keys are not known yet, so no token can be verified; trying again later may succeed."""

    code = "keys-unavailable"


class ForeignOriginError(RequestError):
    """Mode "none" is for this machine's own programs, and the request comes from a page of somebody else."""

    code = "foreign-origin"

    def __init__(self, header: str, message: str) -> None:
        super().__init__(message, **listed([FieldError(header, message, "foreign")]))


class MissingScopeError(RequestError):
    """The caller is known and may not do this."""

    code = "missing-scope"


class NotFoundError(RequestError):
    """Absent, or somebody else's: the answer is the same for both."""

    code = "not-found"


class FeatureDisabledError(RequestError):
    """A feature flag switches this off."""

    code = "feature-disabled"


class StateExistsError(RequestError):
    """The investigation has a state already."""

    code = "state-exists"


class StateExpiredError(RequestError):
    """The state is stale and ``[features] state_recovery`` is off: only a reset brings it back."""

    code = "state-expired"


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


class BodyTooLargeError(RequestError):
    """The request body is over its limit."""

    code = "body-too-large"


class StateTooLargeError(RequestError):
    """The resulting state would be over ``[state] max_size_kb``."""

    code = "state-too-large"


class UnsupportedMediaTypeError(RequestError):
    """The request's Content-Type is none that this resource takes."""

    code = "unsupported-media-type"


class ValidationFailedError(RequestError):
    """The request is JSON but not valid; ``errors`` names every offending field."""

    code = "validation-failed"

    def __init__(self, message: str, errors: Sequence[FieldError], total: int | None = None) -> None:
        super().__init__(message, **listed(errors, total))

    @classmethod
    def of(cls, field: str, message: str, constraint: str) -> "ValidationFailedError":
        """Return the error for a single `field`."""
        return cls(f"{field}: {message}", [FieldError(field, message, constraint)])


class IdempotencyMismatchError(ValidationFailedError):
    """An Idempotency-Key comes again with another request."""

    code = "idempotency-mismatch"


class PreconditionRequiredError(RequestError):
    """``require_precondition`` is on and the request names no version (RFC 6585)."""

    code = "precondition-required"


class TooManyConnectionsError(RequestError):
    """The user has as many open push connections as the limits allow."""

    code = "too-many-connections"


class RateLimitedError(RequestError):
    """The user has sent more requests than ``[rate_limit]`` lets them; again in ``retry_after`` seconds."""

    code = "rate-limited"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, retry_after=retry_after)


class RequestTimeoutError(RequestError):
    """The request's body has not arrived within ``[server] receive_timeout_seconds``."""

    code = "request-timeout"


class StorageUnavailableError(RequestError):
    """The database cannot serve this now; trying again later may succeed."""

    code = "storage-unavailable"


class UnknownOutcomeError(StorageUnavailableError):
    """The connection to the database was lost during the commit: whether it was committed is not known.

    A request with an ``Idempotency-Key`` may be repeated: it is carried out once.
    """

    code = "outcome-unknown"


class UnreadableRowError(RequestError):
    """What is stored of this cannot be read: a row was edited or imported wrongly, and an operator has to mend it.

    ``table``, ``key``, ``column`` and ``reason`` say which and why; ``owner`` is whose row it is, None where that is
    not known. The client is told the column and the reason, and to come back in ``RETRY_SECONDS``.
    """

    code = "unreadable-row"
    RETRY_SECONDS: ClassVar[int] = 60

    def __init__(self, *, table: str, key: str, column: str, reason: str, owner: str | None = None) -> None:
        super().__init__(
            f"what is stored of {key} cannot be read: {column} {reason}; an operator has to mend it",
            retry_after=self.RETRY_SECONDS,
        )
        self.table = table
        self.key = key
        self.column = column
        self.reason = reason
        self.owner = owner


class ConfigError(WizardError):
    """The configuration is invalid: exit status 78."""

    code = "invalid-configuration"


class SchemaError(WizardError):
    """The database, the scripts or the manifest differ from each other."""

    code = "schema-mismatch"
