"""New content for a state as an `Update`: the fields it concerns, and their values given the current document.

Here are fields (``application/json``) and merge patches (RFC 7396); `json_patch` has RFC 6902, `progress` reports.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from wizard_server.domain.field_types import Schema
from wizard_server.domain.models.states import WizardStateUpdate
from wizard_server.domain.read_only import MARKS, OF_STATES, read_only_errors, sent_back
from wizard_server.domain.record import FIELDS, PARTS, Document
from wizard_server.domain.validation import validate
from wizard_server.errors import FieldError, ValidationFailedError

_TAKEN = frozenset({*FIELDS, *OF_STATES, *MARKS, "version"})


class Update(Protocol):
    """New content for a state."""

    @property
    def fields(self) -> frozenset[str]:
        """The top-level fields that the request concerns."""

    @property
    def version(self) -> int | None:
        """The version that the body names as its base."""

    def requested(self, document: Document) -> dict[str, Any]:
        """Return what the concerned fields become, given the current `document`."""


@dataclass(frozen=True, slots=True)
class FieldUpdate:
    """``application/json``: the fields that are present replace."""

    values: Mapping[str, Any]
    version: int | None
    read_only: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, body: Any) -> "FieldUpdate":
        """Check `body` as a `WizardStateUpdate`."""
        update = validate(WizardStateUpdate, body)
        given = ((name, getattr(update, name)) for name in FIELDS)
        values = {name: _encoded(value) for name, value in given if value is not None}
        return cls(values, update.version, sent_back(body, OF_STATES))

    @property
    def fields(self) -> frozenset[str]:
        """See `Update`."""
        return frozenset(self.values)

    def requested(self, document: Document) -> dict[str, Any]:
        """See `Update`; raises `ValidationFailedError` for read-only members that differ."""
        _check_read_only(self.read_only, document)
        return dict(self.values)


@dataclass(frozen=True, slots=True)
class MergePatch:
    """``application/merge-patch+json``: a null removes; ``version`` is a precondition, as in the other form."""

    patch: Mapping[str, Any]
    version: int | None
    read_only: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, body: Any) -> "MergePatch":
        """Check that `body` is an object of known fields."""
        if not isinstance(body, dict):
            raise ValidationFailedError.of("body", "a merge patch is an object", "object")
        unknown = [FieldError(key, "unknown field", "extra_forbidden") for key in body if key not in _TAKEN]
        if unknown:
            raise ValidationFailedError("the request is not valid", unknown)
        version = validate(WizardStateUpdate, sent_back(body, ("version", *MARKS))).version
        read_only = {key: value for key, value in body.items() if key in OF_STATES}
        return cls({key: value for key, value in body.items() if key in FIELDS}, version, read_only)

    @property
    def fields(self) -> frozenset[str]:
        """See `Update`."""
        return frozenset(self.patch)

    def requested(self, document: Document) -> dict[str, Any]:
        """See `Update`; raises `ValidationFailedError` for read-only members that differ or are removed."""
        _check_read_only(self.read_only, document)
        return canonical({field: merged(document.get(field), value) for field, value in self.patch.items()})


def _encoded(value: str | Schema) -> Any:
    return value if isinstance(value, str) else value.model_dump(mode="json")


def _check_read_only(given: Mapping[str, Any], document: Document) -> None:
    errors = read_only_errors(given, document) if given else []
    if errors:
        raise ValidationFailedError("; ".join(f"{each.field} {each.message}" for each in errors), errors)


def merged(target: Any, patch: Any) -> Any:
    """Return `target` with the merge `patch` applied (RFC 7396, section 2)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def differs(one: Mapping[str, Any], other: Mapping[str, Any], key: str) -> bool:
    """Whether the member `key` is encoded differently; much cheaper than a `diff`."""
    return key not in one or key not in other or orjson.dumps(one[key]) != orjson.dumps(other[key])


def canonical(requested: Mapping[str, Any]) -> dict[str, Any]:
    """Return the patched fields as the schemas encode them; removed settings, progress or results become None."""
    removed = {field: None for field, value in requested.items() if value is None}
    kept = {field: value for field, value in requested.items() if value is not None}
    errors = [FieldError(field, "cannot be removed", "required") for field in removed if field not in PARTS]
    if errors:
        raise ValidationFailedError("the patched state is not valid", errors)
    return {**removed, **FieldUpdate.of(kept).values}
