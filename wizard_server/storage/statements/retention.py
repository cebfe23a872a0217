"""Retention: removes what is older than its age in small transactions, and keeps what the server depends on.

1. Audit entries go when they are old, except one of each trail: the one with the highest version.
2. Investigations go, with state and whole trail, when they are terminal (COMPLETED, CANCELLED) and their last change is
   old, or when they have no state and every entry is old. Their parent row stays as a tombstone: it says when
   (`purged_at`), and above which version a later state starts (`newest_version`).
3. Answers that are kept under Idempotency-Keys go after 24 hours, whatever the age of the others: they have expired. A
   running server removes its own.

Candidates are found while others write, and checked again inside the transaction that removes them.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from wizard_server.domain.keyed import expired_before
from wizard_server.storage.operating import Database
from wizard_server.storage.queries import load_queries
from wizard_server.storage.unaudited import unaudited_transaction

_BEYOND_ROWS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Portion:
    """How much one transaction removes at most; an investigation with more entries goes alone."""

    entries: int = 500
    investigations: int = 50


_PORTION = Portion()


@dataclass(frozen=True, slots=True)
class Removed:
    """How much was removed, or would be."""

    investigations: int = 0
    entries: int = 0
    answers: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(
            self.investigations + other.investigations, self.entries + other.entries, self.answers + other.answers
        )


async def removable(database: Database, cutoff: str, purged_at: str) -> Removed:
    """Return what a purge of everything before `cutoff` (a wire timestamp) would remove at `purged_at`."""
    queries = load_queries(database.dialect)
    [row] = await database.fetch_all(queries["retention.count"], {"cutoff": cutoff})
    [answers] = await database.fetch_all(queries["idempotency.count_expired"], {"expired": _expired(purged_at)})
    return Removed(row["investigations"], row["entries"], answers["total"])


async def purge(
    database: Database, *, cutoff: str, purged_at: str, portion: Portion = _PORTION
) -> AsyncGenerator[Removed, None]:
    """Remove everything before `cutoff`, a `portion` in each transaction; yield after each what it removed.

    The write lock is taken once between two yields. A purge may stop after any of them: the database is sound, and the
    next purge resumes there. Raises `sqlite3.Error`, with nothing of that transaction done.
    """
    async for removed in _purge_entries(database, cutoff, portion):
        yield removed
    async for removed in _purge_investigations(database, cutoff, purged_at, portion):
        yield removed
    async for removed in _purge_answers(database, _expired(purged_at), portion):
        yield removed


async def _purge_entries(database: Database, cutoff: str, portion: Portion) -> AsyncGenerator[Removed, None]:
    queries = load_queries(database.dialect)
    position: dict[str, Any] = {"after": "", "after_row": _BEYOND_ROWS}
    while True:
        parameters = {**position, "cutoff": cutoff, "limit": portion.entries}
        found = await database.fetch_all(queries["retention.entries"], parameters)
        if not found:
            return
        position = {"after": found[-1]["timestamp"], "after_row": found[-1]["row"]}
        rows = orjson.dumps([row["row"] for row in found]).decode()
        async with unaudited_transaction(database):
            gone = await database.execute(queries["retention.delete_entries"], {"rows": rows, "cutoff": cutoff})
        yield Removed(entries=gone)


async def _purge_investigations(
    database: Database, cutoff: str, purged_at: str, portion: Portion
) -> AsyncGenerator[Removed, None]:
    queries = load_queries(database.dialect)
    after = ""
    while True:
        parameters = {"after": after, "cutoff": cutoff, "limit": portion.investigations}
        found = await database.fetch_all(queries["retention.investigations"], parameters)
        if not found:
            return
        removed, after = await _bury([row["id"] for row in found], database, cutoff, purged_at, portion)
        yield removed


async def _purge_answers(database: Database, expired: str, portion: Portion) -> AsyncGenerator[Removed, None]:
    delete = load_queries(database.dialect)["idempotency.delete_expired"]
    while gone := await database.write(delete, [{"expired": expired, "limit": portion.entries}]):
        yield Removed(answers=gone)


def _expired(purged_at: str) -> str:
    return expired_before(datetime.fromisoformat(purged_at))


async def _bury(
    ids: Sequence[str], database: Database, cutoff: str, purged_at: str, portion: Portion
) -> tuple[Removed, str]:
    """Purge those of `ids` that fit into one transaction; return what was removed and the last id that was settled."""
    queries = load_queries(database.dialect)
    async with unaudited_transaction(database):
        await database.hold(ids)
        parameters = {"ids": orjson.dumps(ids).decode(), "cutoff": cutoff}
        doomed = await database.fetch_all(queries["retention.still_doomed"], parameters)
        taken: list[str] = []
        entries = 0
        for row in doomed:
            if taken and entries + row["entries"] > portion.entries:
                break
            taken.append(row["id"])
            entries += row["entries"]
        of_taken = {"ids": orjson.dumps(taken).decode()}
        await database.execute(queries["retention.bury"], {**of_taken, "purged_at": purged_at})
        await database.execute(queries["retention.delete_states"], of_taken)
        await database.execute(queries["retention.delete_trails"], of_taken)
        await database.place(taken)
    return Removed(len(taken), entries), taken[-1] if len(taken) < len(doomed) else ids[-1]
