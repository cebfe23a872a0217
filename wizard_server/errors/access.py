"""Callers who are not known, or may not do or see this."""

from wizard_server.errors.base import FieldError, RequestError, listed


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
