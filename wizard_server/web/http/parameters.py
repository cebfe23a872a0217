"""Reads the path, the query parameters, and the request headers that many routes share."""

from typing import TypeVar, cast

from aiohttp import web
from pydantic import BaseModel

from wizard_server.domain.identifiers import IDENTIFIER
from wizard_server.domain.keyed import Keyed
from wizard_server.domain.validation import validate
from wizard_server.errors import ValidationFailedError
from wizard_server.web.http.query_parameters import parameters

Model = TypeVar("Model", bound=BaseModel)

_MAX_KEY = 255
KEYED = web.RequestKey("keyed", Keyed)


def path_identifier(request: web.Request, name: str = "investigation_id") -> str:
    """Return the identifier in the path; raise `ValidationFailedError` when it is none."""
    value = request.match_info[name]
    if not IDENTIFIER.fullmatch(value):
        raise ValidationFailedError.of(name, "must match [A-Za-z0-9_-]{1,255}", "pattern")
    return value


def query(request: web.Request, model: type[Model]) -> Model:
    """Return the query parameters as `model`; see `parameters`."""
    if request.rel_url.raw_query_string:
        return parameters(request.query, model)
    defaults = _DEFAULTS.get(model)
    if defaults is None:
        defaults = _DEFAULTS[model] = validate(model, {})
    return cast("Model", defaults)


# The parameters of a request that gives none, by model.
_DEFAULTS: dict[type[BaseModel], BaseModel] = {}


def idempotency_key(request: web.Request) -> str | None:
    """Return the ``Idempotency-Key``, None without one; raise `ValidationFailedError` for an invalid one."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and (not 0 < len(key) <= _MAX_KEY or not key.isascii() or not key.isprintable()):
        raise ValidationFailedError.of("Idempotency-Key", "must be 1 to 255 printable ASCII characters", "pattern")
    return key


def preferences(header: str) -> dict[str, str]:
    """Return the preferences of ``Prefer`` (RFC 7240), names in lower case; a bare one has the value ``""``."""
    found: dict[str, str] = {}
    for preference in header.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def wants_minimal(request: web.Request) -> bool:
    """Whether the client asks for no body: ``Prefer: return=minimal``."""
    given = request.headers.getall("Prefer", None)
    return given is not None and preferences(",".join(given)).get("return") == "minimal"
