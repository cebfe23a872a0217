"""Older versions of a state, and the changes between two versions (contract 2 and 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from wizard_server.domain.changes import apply
from wizard_server.domain.diffing import fields_changed
from wizard_server.domain.patches import to_patch
from wizard_server.domain.ports import Store
from wizard_server.domain.record import Document, StateRecord
from wizard_server.domain.time_slices import TimeSlice, aside
from wizard_server.domain.trail import AuditEntry
from wizard_server.errors import HistoryGoneError, NotFoundError, UnreadableRowError

MAX_ANSWER_BYTES = 4 << 20
_PAGE = 200
_BEYOND = 2**63 - 1


async def rebuild(store: Store, record: StateRecord, version: int) -> Document:
    """Return the document of `record`'s investigation as it was at `version`.

    Raises `NotFoundError` for a version that does not exist (yet), `HistoryGoneError` for one outside the kept history,
    `UnreadableRowError` when an entry between the two versions cannot be read.
    """
    if version > record.version:
        raise NotFoundError(f"{record.investigation_id} has no version {version}; the newest is {record.version}")
    time_slice = TimeSlice()
    document = await aside(len(record.opened), record.document)
    await time_slice.yield_if_over()
    return await _unwound(store, record.investigation_id, document, record.version, version)


async def document_at(store: Store, investigation_id: str, record: StateRecord | None, version: int) -> Document:
    """Return the document of an investigation as it was at `version`; `record` is its state now (None: deleted).

    Raises the errors of `rebuild`.
    """
    if record is not None:
        return await rebuild(store, record, version)
    newest = await store.trail(investigation_id, down_to=version, below=_BEYOND, limit=1)
    if not newest or newest[0].parts.current is not None:
        raise HistoryGoneError(f"version {version} of {investigation_id} is outside the kept history")
    return await _unwound(store, investigation_id, None, newest[0].version or 0, version)


async def _unwound(
    store: Store, investigation_id: str, document: Document | None, position: int, version: int
) -> Document:
    """Return the document at `version`: the entries are undone, newest first, from `document` at `position` on."""
    time_slice = TimeSlice()
    below = position + 1
    while position > version:
        entries = await store.trail(investigation_id, down_to=version, below=below, limit=_PAGE)
        for entry in entries:
            below = entry.version or 0
            if below == position and position > version:
                document, position = await aside(entry.stored_bytes, _undo, document, entry)
                await time_slice.yield_if_over()
        if not entries:
            break
    if position != version:
        raise HistoryGoneError(
            f"version {version} of {investigation_id} is outside the kept history,"
            " or before a change that is larger than changes may be"
        )
    if document is None:
        raise NotFoundError(f"{investigation_id} had no state at version {version}")
    return document


def _undo(document: Document | None, entry: AuditEntry) -> tuple[Document | None, int]:
    """Return the document before `entry` and its version; before a creation it is None, with the version below."""
    try:
        older: Document | None = apply(document, entry.parts.inverted())
        version = older["version"] if older is not None else (entry.version or 1) - 1
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # an entry edited in SQL may hold anything
        raise UnreadableRowError(
            table="investigation_audit_log",
            key=entry.entry_id,
            column="new_state",
            reason="is not what the state became",
            owner=entry.user_id,
        ) from error
    return older, version


@dataclass(frozen=True, slots=True)
class Changes:
    """The committed changes that lead from one version to another, oldest first; with `has_more` others follow."""

    from_version: int
    to_version: int
    entries: Sequence[AuditEntry]
    has_more: bool


async def changes_after(store: Store, record: StateRecord, since: int, limit: int) -> Changes:
    """Return the oldest `limit` of the changes that lead from version `since` to the version of `record`.

    A change that is committed meanwhile comes with the next answer. Raises `HistoryGoneError` when no kept chain of
    changes leads from `since` to `record`: `since` was purged or lies ahead, the row was set back by an edit in SQL, or
    an entry cannot be read.
    """
    if since == record.version:
        return Changes(since, since, (), has_more=False)
    gone = HistoryGoneError(
        f"the changes of {record.investigation_id} after version {since} are outside the history,"
        " or one is larger than changes may be"
    )
    if since > record.version or record.newest_version > record.version:
        raise gone
    found = await _readable_after(store, record.investigation_id, since, limit)
    entries = [entry for entry in found if (entry.version or 0) <= record.version]
    chain = linked(since, entries)
    position = (chain[-1].version or 0) if chain else since
    if len(chain) < len(entries):
        raise gone
    if position < record.version and len(found) < limit:  # the store has read as much as an answer may hold, or all
        following = await _readable_after(store, record.investigation_id, position, 1)
        if not linked(position, following):
            raise gone
    return Changes(since, position, chain, has_more=position < record.version)


async def _readable_after(store: Store, investigation_id: str, version: int, limit: int) -> Sequence[AuditEntry]:
    """Return the entries above `version`; none where one cannot be read, because a follower treats that as a gap."""
    try:
        return await store.entries_after(investigation_id, version, limit)
    except UnreadableRowError:
        return ()


def linked(since: int, entries: Sequence[AuditEntry]) -> list[AuditEntry]:
    """Return the leading `entries` that form a chain without a gap from version `since` on."""
    chain: list[AuditEntry] = []
    position = since
    for entry in entries:
        if entry.version is None:
            continue
        if _predecessor(entry) != position:
            break
        chain.append(entry)
        position = entry.version
    return chain


def _predecessor(entry: AuditEntry) -> int:
    before: Document | None = entry.parts.previous
    return before["version"] if before is not None else (entry.version or 1) - 1


async def encode_changes(entries: Sequence[AuditEntry]) -> tuple[list[bytes], bool]:
    """Return the encoded changes of `entries`, as many as one answer may hold, and whether those are all."""
    encoded: list[bytes] = []
    time_slice = TimeSlice()
    size = 0
    for entry in entries:
        encoded.append(await aside(entry.stored_bytes, encoded_change, entry))
        size += len(encoded[-1])
        if size > MAX_ANSWER_BYTES:
            break
        await time_slice.yield_if_over()
    return encoded, len(encoded) == len(entries)


def encoded_change(entry: AuditEntry) -> bytes:
    """Return `change` as JSON; it is encoded once and shared by ``/changes``, server-sent events and WebSocket."""
    known = entry.renderings.get("change")
    if known is None:
        known = entry.renderings["change"] = orjson.dumps(change(entry))
    return known


def change(entry: AuditEntry) -> dict[str, Any]:
    """Return one change as ``/changes``, server-sent events and WebSocket send it, with a patch by RFC 6902."""
    return {
        "version": entry.version,
        "timestamp": entry.timestamp,
        "action_type": entry.action_type,
        "source": entry.source,
        "user_id": entry.user_id,
        "mutation_id": entry.mutation_id,
        "fields_changed": fields_changed(entry.parts),
        "patch": to_patch(entry.parts),
    }
