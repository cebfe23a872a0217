"""The roots of the errors that the project raises on purpose, and what an answer lists of invalid fields."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeVar

Error = TypeVar("Error", bound=BaseException)
MAX_LISTED = 50


def bare(error: Error) -> Error:
    """Return `error` without its traceback, cause and context, to be called before the error waits in a future.

    A traceback keeps the frames that it passed, and they keep the documents of a request. When one of the frames holds
    the future, they form a cycle that stays until the next full garbage collection.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


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


class ConfigError(WizardError):
    """The configuration is invalid: exit status 78."""

    code = "invalid-configuration"


class SchemaError(WizardError):
    """The database, the scripts or the manifest differ from each other."""

    code = "schema-mismatch"
