"""Derives the problems that a route may answer with from its declaration, and has their schemas."""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field

from wizard_server import errors
from wizard_server.domain.field_types import Schema, Timestamp
from wizard_server.domain.models.states import WizardStateResponse
from wizard_server.web.http.idempotency import KEYED_METHODS
from wizard_server.web.http.media import JSON_PATCH
from wizard_server.web.http.route import AnyRoute

NOT_A_HANDSHAKE = "bad-request"
_REFERENCE = re.compile(r" \(contract [^)]*\)")  # to a text that clients do not have
_TAGS = frozenset({"If-Match", "If-None-Match"})
_INVESTIGATION = "{investigation_id}"


class FieldProblem(Schema):
    """One offending field."""

    field: str = Field(description="Dotted path")
    message: str
    constraint: str = Field(description="The rule that it breaks")


class Problem(Schema):
    """An error: RFC 9457, what machines need beside it, and the specification's `ApiResponse`."""

    type: str = Field(description="urn:wizard-server:problem:<code>")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path of the request")
    code: str = Field(description="The kind of error, for machines; it never changes")
    errors: list[FieldProblem] = Field(description="The first 50")
    errors_total: int = Field(ge=0, description="How many were found; a list is checked up to its first bad item")
    request_id: str
    success: Literal[False]
    error: str = Field(description="The same as detail")
    timestamp: Timestamp


class TransitionProblem(Problem):
    """A refused transition: nothing has changed."""

    origin: str = Field(alias="from")
    target: str = Field(alias="to")
    allowed: list[str]
    field: str | None = Field(None, description="The field that may not change in this step")


class ConflictProblem(Problem):
    """The caller's base is not the current version; what has changed since."""

    current: WizardStateResponse
    version: int = Field(ge=1)
    changed_fields: list[str]
    changed_by: str
    mergeable: bool = Field(description="The caller's fields and the changed ones are disjoint")


class PatchProblem(Problem):
    """A JSON Patch that does not apply."""

    operation: int = Field(ge=0, description="Which operation, from 0")


class LimitProblem(Problem):
    """A number of things is reached."""

    limit: int


class RateProblem(Problem):
    """The quota is used up."""

    retry_after: int = Field(ge=1, description="Seconds, the same as Retry-After")


class UnreadableProblem(Problem):
    """What is stored cannot be read until an operator has mended it."""

    retry_after: int = Field(ge=1, description="Seconds, the same as Retry-After")


class BodySizeProblem(Problem):
    """The body is over its limit: of bytes, or of JSON nodes."""

    limit_bytes: int | None = Field(None, description="The limit, where it is one of bytes")
    limit_nodes: int | None = Field(None, description="The limit, where it is one of JSON nodes")


class StateSizeProblem(BodySizeProblem):
    """The state would be over its limit."""

    size_bytes: int


class MediaTypeProblem(Problem):
    """The Content-Type is none of those accepted."""

    accepted: list[str]


MODELS: Mapping[str, type[Problem]] = {
    errors.InvalidTransitionError.code: TransitionProblem,
    errors.VersionConflictError.code: ConflictProblem,
    errors.PreconditionFailedError.code: ConflictProblem,
    errors.PatchConflictError.code: PatchProblem,
    errors.TemplateLimitError.code: LimitProblem,
    errors.RateLimitedError.code: RateProblem,
    errors.UnreadableRowError.code: UnreadableProblem,
    errors.BodyTooLargeError.code: BodySizeProblem,
    errors.StateTooLargeError.code: StateSizeProblem,
    errors.UnsupportedMediaTypeError.code: MediaTypeProblem,
}


def codes(route: AnyRoute, mode: str) -> list[str]:
    """Return the codes of the problems that `route` may answer with in the authentication `mode`, in order."""
    found = {error.code for error in _following(route, mode)} | {error.code for error in route.errors}
    if any(answer.status == 101 for answer in route.answers):
        found.add(NOT_A_HANDSHAKE)
    return sorted(found)


def _following(route: AnyRoute, mode: str) -> Iterator[type[errors.RequestError]]:
    """Yield the errors that follow from a route's scopes, features, path and inputs."""
    if route.scopes:
        yield from _of_callers(mode)
    if route.features:
        yield errors.FeatureDisabledError
    if "{" in route.path:
        yield errors.NotFoundError
    if _INVESTIGATION in route.path:
        yield errors.HistoryGoneError
    yield errors.ValidationFailedError  # every route refuses what it does not take
    if not _TAGS.isdisjoint(route.headers):
        yield errors.MalformedHeaderError
    if route.bodies:
        yield from _of_bodies(route)
    if route.scopes and route.stored:
        yield errors.StorageUnavailableError
        if route.method != "GET":
            yield errors.UnknownOutcomeError
        if "{" in route.path or route.method == "POST":  # lists leave out what cannot be read
            yield errors.UnreadableRowError


def _of_callers(mode: str) -> Iterator[type[errors.RequestError]]:
    yield errors.RateLimitedError
    if mode == "none":
        yield errors.ForeignOriginError
        return
    yield errors.InvalidTokenError
    yield errors.KeysUnavailableError
    yield errors.MissingScopeError


def _of_bodies(route: AnyRoute) -> Iterator[type[errors.RequestError]]:
    yield errors.MalformedJsonError
    yield errors.BodyTooLargeError
    yield errors.RequestTimeoutError
    yield errors.UnsupportedMediaTypeError
    if route.method in KEYED_METHODS:
        yield errors.IdempotencyMismatchError
    if JSON_PATCH in route.bodies:
        yield errors.PatchConflictError


def meanings() -> dict[str, str]:
    """Return what each code means, from the docstring of its error."""
    found = {NOT_A_HANDSHAKE: "The request is no WebSocket handshake."}
    pending = list(errors.RequestError.__subclasses__())
    while pending:
        error = pending.pop()
        pending.extend(error.__subclasses__())
        if "code" in vars(error):
            found[error.code] = _REFERENCE.sub("", " ".join((error.__doc__ or "").split())).replace("``", "`")
    return found
