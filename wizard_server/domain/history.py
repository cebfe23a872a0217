"""What a state was: older versions, rebuilt backwards from the current one through the trail (contract 2)."""

from wizard_server.domain.changes import apply
from wizard_server.domain.ports import AuditEntry, Store
from wizard_server.domain.state import Document, StateRecord
from wizard_server.errors import HistoryGoneError, NotFoundError

_PAGE = 200


async def rebuild(store: Store, record: StateRecord, version: int) -> Document:
    """Return the document of `record`'s investigation as it was at `version`.

    Raises `NotFoundError` for a version that is not there (yet), `HistoryGoneError` for one outside the kept history.
    """
    if version > record.version:
        raise NotFoundError(f"{record.investigation_id} has no version {version}; the newest is {record.version}")
    document: Document | None = record.document()
    position, below = record.version, record.version + 1
    while position > version:
        entries = await store.trail(record.investigation_id, down_to=version, below=below, limit=_PAGE)
        for entry in entries:
            below = entry.version or 0
            if below == position and position > version:
                document, position = _undo(document, entry)
        if not entries:
            break
    if position != version:
        raise HistoryGoneError(f"version {version} of {record.investigation_id} is outside the kept history")
    if document is None:
        raise NotFoundError(f"{record.investigation_id} had no state at version {version}")
    return document


def _undo(document: Document | None, entry: AuditEntry) -> tuple[Document | None, int]:
    """Return the document before `entry` and its version; before a creation there is none, at the version below."""
    older: Document | None = apply(document, entry.parts.inverted())
    return older, older["version"] if older is not None else (entry.version or 1) - 1
