"""Use cases of the tests, and ways to force the order of what happens at once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from tests import factories, shell
from wizard_server.domain.authorship import new_entry_id
from wizard_server.domain.changes import Parts
from wizard_server.domain.diffing import diff, fields_changed
from wizard_server.domain.models.settings import InvestigationSettings
from wizard_server.domain.ports import Transaction
from wizard_server.domain.record import FIELDS, StateRecord, draft
from wizard_server.domain.trail import AuditEntry
from wizard_server.errors import NotFoundError, StateExistsError

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
INSTANT = "2026-01-01T12:00:00.000Z"

UseCase = Callable[[Transaction], Awaitable[StateRecord]]


def entry(investigation_id: str = "inv-1", *, version: int | None = None, **overrides: Any) -> AuditEntry:
    values: dict[str, Any] = {
        "entry_id": new_entry_id(NOW),
        "investigation_id": investigation_id,
        "user_id": factories.USER,
        "action_type": "NOTE",
        "parts": Parts(None, None),
        "source": "USER",
        "timestamp": INSTANT,
        "version": version,
        "mutation_id": None,
        **overrides,
    }
    return AuditEntry(**values)


def creation(investigation_id: str = "inv-1", *, at: str = INSTANT, **fields: Any) -> UseCase:
    """Return a use case that makes a state; refused where there is one."""

    async def use_case(transaction: Transaction) -> StateRecord:
        parent = await transaction.investigation(investigation_id)
        if await transaction.state(investigation_id) is not None:
            raise StateExistsError(investigation_id)
        version = (parent.newest_version if parent else 0) + 1
        settings = InvestigationSettings.model_validate(factories.settings()).model_dump(mode="json")
        document: dict[str, Any] = {
            "investigation_id": investigation_id,
            "user_id": factories.USER,
            "wizard_step": "SETTINGS",
            "status": "IN_PROGRESS",
            "settings": settings,
            "progress": None,
            "results": None,
            "created_at": at,
            "updated_at": at,
            **fields,
            "version": version,
        }
        key = new_entry_id(NOW)
        made = draft(
            document,
            field_versions=dict.fromkeys(FIELDS, version),
            mutation_id=None,
            updated_by=document["user_id"],
            last_entry=key,
        )
        parts = Parts(None, made.record.document())
        told = entry(
            investigation_id, version=version, action_type="STATE_CREATED", parts=parts, timestamp=at, entry_id=key
        )
        transaction.save(made, told)
        return made.record

    return use_case


def change(investigation_id: str = "inv-1", *, at: str = INSTANT, **fields: Any) -> UseCase:
    """Return a use case that replaces `fields`; a callable gets the current document."""

    async def use_case(transaction: Transaction) -> StateRecord:
        record = await transaction.state(investigation_id)
        if record is None:
            raise NotFoundError(investigation_id)
        old = record.document()
        version = record.newest_version + 1
        new = {key: value(old) if callable(value) else value for key, value in fields.items()}
        document = {**old, **new, "version": version, "updated_at": at}
        parts = diff(old, document)
        assert parts is not None
        versions = {**record.field_versions, **dict.fromkeys(fields_changed(parts), version)}
        key = new_entry_id(NOW)
        made = draft(document, field_versions=versions, mutation_id=None, updated_by=factories.USER, last_entry=key)
        told = entry(
            investigation_id, version=version, action_type="STATE_CHANGE", parts=parts, timestamp=at, entry_id=key
        )
        transaction.save(made, told)
        return made.record

    return use_case


def deletion(investigation_id: str = "inv-1") -> UseCase:
    async def use_case(transaction: Transaction) -> StateRecord:
        record = await transaction.state(investigation_id)
        if record is None:
            raise NotFoundError(investigation_id)
        parts = Parts(record.document(), None)
        version = record.newest_version + 1
        transaction.delete(record, entry(investigation_id, version=version, action_type="STATE_DELETED", parts=parts))
        return record

    return use_case


def appended(*lines: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a value for `change`: progress with `lines` more in its logs."""

    def value(document: dict[str, Any]) -> dict[str, Any]:
        progress = document["progress"] or {"logs": []}
        return {**progress, "logs": [*progress["logs"], *lines]}

    return value


class Gate:
    """Stands before (or, with `after`, behind) an async function: who calls it waits there until it is opened.

    `entered` is set when `callers` have come.
    """

    def __init__(
        self, original: Callable[..., Awaitable[Any]], *, after: bool = False, is_open: bool = False, callers: int = 1
    ) -> None:
        self._callers = callers
        self._original = original
        self._after = after
        self._open = asyncio.Event()
        self.entered = asyncio.Event()
        self.calls = 0
        if is_open:
            self._open.set()

    async def __call__(self, *arguments: Any, **named: Any) -> Any:
        if self._after:
            result = await self._original(*arguments, **named)
            self._count()
            await self._open.wait()
            return result
        self._count()
        await self._open.wait()
        return await self._original(*arguments, **named)

    def _count(self) -> None:
        self.calls += 1
        if self.calls >= self._callers:
            self.entered.set()

    def open(self) -> None:
        self._open.set()


def by_hand(address: str, *statements: str) -> None:
    """Run `statements` as an operator does, each committed at once."""
    for statement in statements:
        shell.run(address, statement)


def rows(address: str, statement: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in shell.ask(address, statement)]


def written(address: str) -> dict[str, int]:
    """Return the versions of the states that are on disk."""
    return dict(rows(address, "SELECT investigation_id, version FROM investigation_states ORDER BY 1"))


def audited(address: str, investigation_id: str = "inv-1") -> list[tuple[int | None, str]]:
    """Return version and action of the entries that are on disk, in the order of their commits."""
    where = f"WHERE investigation_id = '{investigation_id}' ORDER BY rowid"
    return rows(address, f"SELECT version, action_type FROM investigation_audit_log {where}")
