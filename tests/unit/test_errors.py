"""The tree of errors, and the one table from code to status."""

import re
from http import HTTPStatus
from typing import Any

import pytest

from tests.unit.requests import NOT_UTF_8, request_with
from wizard_server import errors
from wizard_server.errors import (
    ConflictError,
    FieldError,
    InvalidTransitionError,
    RequestError,
    UnsupportedMediaTypeError,
    WizardError,
)
from wizard_server.web.http.problems import STATUS, from_error

# Contract 4: the statuses of errors, with the codes under each.
CONTRACT = {
    400: "malformed-header malformed-json",
    401: "invalid-token",
    403: "foreign-origin missing-scope",
    404: "feature-disabled not-found",
    409: "invalid-transition patch-conflict state-exists template-exists template-limit version-conflict",
    410: "history-gone state-expired",
    412: "precondition-failed",
    413: "body-too-large state-too-large",
    415: "unsupported-media-type",
    422: "idempotency-mismatch validation-failed",
    428: "precondition-required",
    503: "keys-unavailable outcome-unknown storage-unavailable unreadable-row",
}
ABSTRACT = {WizardError, RequestError, ConflictError}


def family(root: type[WizardError]) -> list[type[WizardError]]:
    """Return the classes of the project below `root`, itself included."""
    below = [child for direct in root.__subclasses__() for child in family(direct)]
    return [root, *(child for child in below if child.__module__.startswith(errors.__name__))]


def code_of(kind: type[WizardError]) -> str | None:
    code: str | None = getattr(kind, "code", None)
    return code


def test_every_error_that_answers_a_request_has_a_status_and_no_status_is_idle() -> None:
    assert {code_of(kind) for kind in family(RequestError) if kind not in ABSTRACT} == set(STATUS)


def test_the_statuses_are_those_of_the_contract() -> None:
    by_status = {status: " ".join(sorted(c for c in STATUS if STATUS[c] == status)) for status in set(STATUS.values())}
    known = {int(status): codes for status, codes in by_status.items()}
    assert {status: codes for status, codes in known.items() if status in CONTRACT and status != 429} == CONTRACT
    assert set(known) <= set(CONTRACT) | {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}


def test_each_kind_has_a_code_of_its_own() -> None:
    concrete = [kind for kind in family(WizardError) if kind not in ABSTRACT]
    codes = [vars(kind).get("code") for kind in concrete]
    assert all(isinstance(code, str) and re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)
    assert len(set(codes)) == len(codes)
    assert all("code" not in vars(kind) for kind in ABSTRACT)


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    drawn: list[tuple[str, str | None, int]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^    ([│├└─\s]*)(\w+Error)(?:\s+([a-z-]+)\b)?", line)
        if match:
            code = match.group(3) if re.search(r"Error\s+[a-z]+(-[a-z]+)+", line) else None
            drawn.append((match.group(2), code, len(match.group(1)) // 4))
    actual: list[tuple[str, str | None, int]] = []

    def walk(kind: type[WizardError], depth: int) -> None:
        actual.append((kind.__name__, vars(kind).get("code"), depth))
        for child in kind.__subclasses__():
            if child.__module__.startswith(errors.__name__):
                walk(child, depth + 1)

    walk(WizardError, 0)
    assert sorted(drawn) == sorted(actual)


def test_every_error_says_what_it_is_in_a_docstring() -> None:
    assert all(kind.__doc__ for kind in family(WizardError))


@pytest.mark.parametrize("kind", [kind for kind in family(WizardError) if kind.__init__ is WizardError.__init__])
def test_the_message_is_for_people(kind: type[WizardError]) -> None:
    error = kind("what and why")
    assert (error.message, str(error)) == ("what and why", "what and why")


def test_a_refused_transition_says_from_where_to_where_and_what_is_allowed() -> None:
    refused: Any = InvalidTransitionError("no", origin="A", target="B", allowed=("C",))
    assert refused.extra == {"from": "A", "to": "B", "allowed": ["C"]}
    explained = InvalidTransitionError("no", origin="A", target="B", allowed=(), errors=[FieldError("f", "m", "c")])
    assert explained.extra["errors"] == [{"field": "f", "message": "m", "constraint": "c"}]


def test_an_error_that_quotes_what_is_not_utf_8_can_be_written() -> None:
    response = from_error(request_with(), UnsupportedMediaTypeError(f"Content-Type {NOT_UTF_8} is none of ours"))
    assert response.status == 415
    assert isinstance(response.body, bytes)
    assert response.body.decode("utf-8")
