"""Checks the preconditions of a change against the version that exists (contract 4)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from wizard_server.domain.authorship import Precondition
from wizard_server.domain.record import StateRecord
from wizard_server.domain.rules import Rules
from wizard_server.errors import PreconditionFailedError, PreconditionRequiredError, VersionConflictError


def check_absence(
    precondition: Precondition, record: StateRecord, fields: Iterable[str], rules: Rules, now: datetime
) -> None:
    """Raise `PreconditionFailedError` when ``If-None-Match`` rules out the version that exists."""
    if precondition.no_version or record.version in precondition.if_none_match:
        raise PreconditionFailedError(
            f"the state exists, at version {record.version}, and If-None-Match names it",
            _conflict(rules, record, 0, fields, now),  # based on nothing, so on nothing that could be merged
        )


def check(precondition: Precondition, record: StateRecord, fields: Iterable[str], rules: Rules, now: datetime) -> None:
    """Raise unless `precondition` admits a change of `fields` of `record`.

    Raises `PreconditionFailedError`, `VersionConflictError`, and `PreconditionRequiredError` where one is needed.
    """
    check_absence(precondition, record, fields, rules, now)
    if not precondition.given:
        if rules.require_precondition:
            raise PreconditionRequiredError("name the version this is based on: If-Match, or version in the body")
        return
    if precondition.if_match is not None and record.version not in precondition.if_match:
        base = max(precondition.if_match, default=0)
        raise PreconditionFailedError(
            f"the state is at version {record.version}, If-Match names another",
            _conflict(rules, record, base, fields, now),
        )
    if precondition.version is not None and record.version != precondition.version:
        raise VersionConflictError(
            f"the state is at version {record.version}, the update is based on {precondition.version}",
            _conflict(rules, record, precondition.version, fields, now),
        )


def _conflict(rules: Rules, record: StateRecord, base: int, fields: Iterable[str], now: datetime) -> dict[str, Any]:
    """Return what the caller needs to decide whether to merge (contract 4, "Preconditions")."""
    changed = record.changed_since(base)
    marks = rules.marks(record, now)
    return {
        "current": {**record.document(), "last_accessed": record.last_accessed, **marks},
        "version": record.version,
        "changed_fields": changed,
        "changed_by": record.updated_by,
        "mergeable": set(changed).isdisjoint(fields),
    }
