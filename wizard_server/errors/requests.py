"""Requests that are malformed, too large, too many, too slow, or without what they need."""

from collections.abc import Sequence

from wizard_server.errors.base import FieldError, RequestError, listed


class MalformedJsonError(RequestError):
    """The body is not JSON (RFC 8259)."""

    code = "malformed-json"


class MalformedHeaderError(RequestError):
    """A header is malformed."""

    code = "malformed-header"


class BodyTooLargeError(RequestError):
    """The request body is over its limit."""

    code = "body-too-large"


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
