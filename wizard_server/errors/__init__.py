"""Every error that the project raises on purpose, with the ``code`` that clients and operators see.

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

from wizard_server.errors.access import (
    FeatureDisabledError,
    ForeignOriginError,
    InvalidTokenError,
    KeysUnavailableError,
    MissingScopeError,
    NotFoundError,
)
from wizard_server.errors.base import (
    MAX_LISTED,
    ConfigError,
    FieldError,
    RequestError,
    SchemaError,
    WizardError,
    bare,
    listed,
)
from wizard_server.errors.requests import (
    BodyTooLargeError,
    IdempotencyMismatchError,
    MalformedHeaderError,
    MalformedJsonError,
    PreconditionRequiredError,
    RateLimitedError,
    RequestTimeoutError,
    TooManyConnectionsError,
    UnsupportedMediaTypeError,
    ValidationFailedError,
)
from wizard_server.errors.states import (
    ConflictError,
    HistoryGoneError,
    InvalidTransitionError,
    PatchConflictError,
    PreconditionFailedError,
    StateExistsError,
    StateExpiredError,
    StateTooLargeError,
    TemplateExistsError,
    TemplateLimitError,
    VersionConflictError,
)
from wizard_server.errors.storage import StorageUnavailableError, UnknownOutcomeError, UnreadableRowError

__all__ = [
    "MAX_LISTED",
    "BodyTooLargeError",
    "ConfigError",
    "ConflictError",
    "FeatureDisabledError",
    "FieldError",
    "ForeignOriginError",
    "HistoryGoneError",
    "IdempotencyMismatchError",
    "InvalidTokenError",
    "InvalidTransitionError",
    "KeysUnavailableError",
    "MalformedHeaderError",
    "MalformedJsonError",
    "MissingScopeError",
    "NotFoundError",
    "PatchConflictError",
    "PreconditionFailedError",
    "PreconditionRequiredError",
    "RateLimitedError",
    "RequestError",
    "RequestTimeoutError",
    "SchemaError",
    "StateExistsError",
    "StateExpiredError",
    "StateTooLargeError",
    "StorageUnavailableError",
    "TemplateExistsError",
    "TemplateLimitError",
    "TooManyConnectionsError",
    "UnknownOutcomeError",
    "UnreadableRowError",
    "UnsupportedMediaTypeError",
    "ValidationFailedError",
    "VersionConflictError",
    "WizardError",
    "bare",
    "listed",
]
