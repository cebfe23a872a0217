"""What requests say: bodies, query parameters, and the headers that many routes share."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel

from wizard_server.domain.callers import Caller
from wizard_server.domain.documents import FieldUpdate, JsonPatch, MergePatch, Update, parse_json
from wizard_server.domain.models import AuditSource
from wizard_server.domain.origin import Origin, Precondition
from wizard_server.domain.validation import validate
from wizard_server.errors import UnsupportedMediaTypeError, ValidationFailedError
from wizard_server.web.etags import parse_tags
from wizard_server.web.keys import instant

Model = TypeVar("Model", bound=BaseModel)

IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,255}")
JSON = "application/json"
_MAX_KEY = 255
PATCH_TYPES: Mapping[str, Callable[[Any], Update]] = {
    JSON: FieldUpdate.of,
    "application/merge-patch+json": MergePatch.of,
    "application/json-patch+json": JsonPatch.of,
}


def path_identifier(request: web.Request, name: str = "investigation_id") -> str:
    """Return the identifier in the path; raise `ValidationFailedError` when it is none."""
    value = request.match_info[name]
    if not IDENTIFIER.fullmatch(value):
        raise ValidationFailedError.of(name, "must match [A-Za-z0-9_-]{1,255}", "pattern")
    return value


def query(request: web.Request, model: type[Model]) -> Model:
    """Return the query parameters as `model`; unknown ones are refused."""
    return validate(model, dict(request.query))


async def read_body(request: web.Request, *accepted: str) -> Any:
    """Return the body as JSON.

    Raises `UnsupportedMediaTypeError`, `MalformedJsonError`.
    """
    if request.content_type not in accepted:
        raise UnsupportedMediaTypeError(
            f"Content-Type {request.headers.get('Content-Type', '(none)')} is not one of {', '.join(accepted)}",
            accepted=list(accepted),
        )
    return parse_json(await request.read())


async def read_model(request: web.Request, model: type[Model]) -> Model:
    """Return the body, ``application/json``, as `model`."""
    return validate(model, await read_body(request, JSON))


async def read_update(request: web.Request) -> Update:
    """Return the body of a PATCH in one of its three media types, or of a PUT in ``application/json``."""
    accepted = tuple(PATCH_TYPES) if request.method == "PATCH" else (JSON,)
    body = await read_body(request, *accepted)
    return PATCH_TYPES[request.content_type](body)


def precondition(request: web.Request, version: int | None = None) -> Precondition:
    """Return what ``If-Match`` and the body's `version` say of the current version."""
    tags = parse_tags(request.headers.get("If-Match"))
    if tags is None:
        return Precondition(version=version)
    return Precondition(None if tags.anything else tags.versions, tags.anything, version)


def origin(request: web.Request, caller: Caller, *, from_agent: bool = False) -> Origin:
    """Return over what a change comes: ``X-Audit-Source``, else SYSTEM for agents and USER for everybody else.

    `from_agent` says that only agents make such a request, whatever scopes the caller has.
    """
    named = request.headers.get("X-Audit-Source")
    if named is not None and named not in AuditSource.__members__:
        raise ValidationFailedError.of("X-Audit-Source", f"must be one of {', '.join(AuditSource)}", "enum")
    default = AuditSource.SYSTEM if caller.is_agent or from_agent else AuditSource.USER
    return Origin(instant(request), named or default.value, idempotency_key(request))


def idempotency_key(request: web.Request) -> str | None:
    """Return the ``Idempotency-Key``, None without one; raise `ValidationFailedError` for one that is none."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and (not 0 < len(key) <= _MAX_KEY or not key.isascii() or not key.isprintable()):
        raise ValidationFailedError.of("Idempotency-Key", "must be 1 to 255 printable ASCII characters", "pattern")
    return key


def preferences(request: web.Request) -> dict[str, str]:
    """Return the preferences of ``Prefer`` (RFC 7240), names in lower case; a bare one has the value ``""``."""
    found: dict[str, str] = {}
    for header in request.headers.getall("Prefer", ()):
        for preference in header.split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found
