"""The hand-written repository: what is asked of the database, as calls of named statements."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, fields
from datetime import datetime
from time import monotonic
from typing import Any, TypeVar

import orjson

from wizard_server.domain.clock import wire_or_none
from wizard_server.domain.filters import (
    EntriesEnd,
    HistoryFilter,
    Listed,
    StateFilter,
    StatesEnd,
    TemplateFilter,
    TemplatesEnd,
)
from wizard_server.domain.keyed import KeptAnswer, Keyed, expired_before
from wizard_server.domain.record import StateRecord
from wizard_server.domain.trail import AuditEntry, Investigation, Template
from wizard_server.errors import StorageUnavailableError, UnreadableRowError
from wizard_server.storage.batch import Batch
from wizard_server.storage.groupcommit import AnsweredError, OvertakenError, StaleBaseError
from wizard_server.storage.queries import Query, bound, load_queries
from wizard_server.storage.row_shapes import SEQUENCE, only
from wizard_server.storage.rows import (
    entry_from_row,
    entry_to_row,
    investigation_from_row,
    kept_from_row,
    kept_to_row,
    partial_entry_from_row,
    state_from_row,
    state_to_row,
    summary_from_row,
    template_from_row,
    template_to_row,
)
from wizard_server.storage.sqlite import connection as sqlite
from wizard_server.storage.sqlite.connection import Connection, Session
from wizard_server.storage.statements import paging
from wizard_server.storage.unreadable import UnreadableRows

NEWEST_FIRST = "-updated_at"
# The statement of a first page, and that of one after it.
_NEWEST_FIRST = ("states.list_newest", "states.list_newest_after")
_SORTED = ("states.list_sorted", "states.list_after")
# Parts of entries that are read for one answer, as they are stored.
MAX_ENTRIES_BYTES = 2 << 20
_LARGE_ENTRY_BYTES = 32 << 10
_ENTRIES = 16
# What `audit_switch` is only within a transaction: neither on nor off.
_NEITHER = 2
# What one transaction removes of the kept answers; it holds the writer up for about a millisecond.
MAX_FORGOTTEN = 500

Result = TypeVar("Result")


class Repository:
    """The statements of one engine, called with what the domain has and answering with what the domain knows."""

    def __init__(self, engine: str = "sqlite", unreadable: UnreadableRows | None = None) -> None:
        self._queries: Mapping[str, Query] = load_queries(engine)
        self._unreadable = unreadable or UnreadableRows()
        self._audit = True

    async def state(self, connection: Connection, investigation_id: str) -> StateRecord | None:
        """Return the newest committed version of a state."""
        rows = await connection.fetch_all(self._queries["states.get"], {"investigation_id": investigation_id})
        return self._unreadable.one(state_from_row, rows[0]) if rows else None

    async def investigation(self, connection: Connection, investigation_id: str) -> Investigation | None:
        """Return the parent row of a state."""
        rows = await connection.fetch_all(self._queries["investigations.get"], {"investigation_id": investigation_id})
        return self._unreadable.one(investigation_from_row, rows[0]) if rows else None

    async def versions(
        self, connection: Connection, investigation_ids: Sequence[str]
    ) -> dict[str, tuple[int, str | None]]:
        """Return version and ``heard_at`` of those of the given states that exist."""
        parameters = {"investigation_ids": orjson.dumps(investigation_ids).decode()}
        rows = await connection.fetch_all(self._queries["states.versions"], parameters)
        return {row["investigation_id"]: (row["version"], wire_or_none(row["heard_at"])) for row in rows}

    async def states(self, connection: Connection, wanted: StateFilter) -> Listed[dict[str, Any], StatesEnd]:
        """Return one page of summaries."""
        after = {} if wanted.after is None else asdict(wanted.after)
        asked = {**_asked(wanted), **after, "limit": wanted.limit + 1}
        first, following = _NEWEST_FIRST if wanted.sort == NEWEST_FIRST else _SORTED
        rows = await self._fetch(connection, following if after else first, asked)
        total = await self._fetch(connection, "states.count", asked)
        end = paging.states_end(rows, wanted)
        return Listed(*self._unreadable.every(summary_from_row, rows[: wanted.limit]), total[0]["total"], end)

    async def history(self, connection: Connection, wanted: HistoryFilter) -> Listed[AuditEntry, EntriesEnd]:
        """Return one page of a trail."""
        asked = {**_asked(wanted), "below": wanted.after and wanted.after.place}
        query = self._queries["audit.list"]
        entries, unreadable = await self._entries(connection, query, bound(query, asked), goes_on=True)
        total = await self._fetch(connection, "audit.count", asked)
        follows = []
        if entries and len(entries) + unreadable == wanted.limit:
            follows = await self._fetch(connection, "audit.follows", {**asked, "entry_id": entries[-1].entry_id})
        end = EntriesEnd(follows[0]["place"]) if follows else None
        return Listed(entries, unreadable, total[0]["total"], end)

    async def _fetch(self, connection: Connection, name: str, values: Mapping[str, Any]) -> list[sqlite3.Row]:
        query = self._queries[name]
        return await connection.fetch_all(query, bound(query, values))

    async def _entries(
        self, connection: Connection, query: Query, parameters: Mapping[str, Any], *, goes_on: bool = False
    ) -> tuple[list[AuditEntry], int]:
        """Return the entries that `query` finds, up to `MAX_ENTRIES_BYTES` of parts and one at the least.

        With `goes_on` those beyond the limit come without their parts, and those that cannot be read are left out and
        counted; else such a one ends the answer, and raises when it would be the first. Others run between two large
        ones.
        """
        entries: list[AuditEntry] = []
        read = unreadable = 0
        async with aclosing(connection.stream(query, parameters, chunk=_ENTRIES)) as chunks:
            async for rows in chunks:
                for row in rows:
                    size = _size(row)
                    is_beyond = bool(read) and read + size > MAX_ENTRIES_BYTES
                    if is_beyond and not goes_on:
                        return entries, unreadable
                    if size > _LARGE_ENTRY_BYTES and not is_beyond:
                        await asyncio.sleep(0)
                    read += 0 if is_beyond else size
                    decode = partial_entry_from_row if is_beyond else entry_from_row
                    try:
                        entries.append(self._unreadable.one(decode, row))
                    except UnreadableRowError:
                        if not goes_on and not entries:
                            raise
                        if not goes_on:
                            return entries, unreadable
                        unreadable += 1
        return entries, unreadable

    async def trail(
        self, connection: Connection, investigation_id: str, *, down_to: int, below: int, limit: int
    ) -> list[AuditEntry]:
        """Return entries that are versions between the bounds (both excluded), newest first; see `_entries`."""
        parameters = {"investigation_id": investigation_id, "down_to": down_to, "below": below, "limit": limit}
        entries, _ = await self._entries(connection, self._queries["audit.trail"], parameters)
        return entries

    async def entries_after(
        self, connection: Connection, investigation_id: str, version: int, limit: int
    ) -> list[AuditEntry]:
        """Return entries that are versions above `version`, oldest first; see `_entries`."""
        parameters = {"investigation_id": investigation_id, "version": version, "limit": limit}
        entries, _ = await self._entries(connection, self._queries["audit.after"], parameters)
        return entries

    async def template(self, connection: Connection, template_id: str) -> Template | None:
        """Return one template."""
        rows = await connection.fetch_all(self._queries["templates.get"], {"template_id": template_id})
        return self._unreadable.one(template_from_row, rows[0]) if rows else None

    async def template_names(self, connection: Connection, user_id: str) -> dict[str, str]:
        """Return the names of a user's templates by their ids."""
        rows = await connection.fetch_all(self._queries["templates.names"], {"user_id": user_id})
        return {row["template_id"]: row["name"] for row in rows}

    async def templates(self, connection: Connection, wanted: TemplateFilter) -> Listed[Template, TemplatesEnd]:
        """Return one page of a user's templates."""
        shown: Sequence[str] = ()
        if wanted.after is not None:
            shown = paging.ids_of(wanted.after, await self.template_names(connection, wanted.user_id))
        asked = {**_asked(wanted), "limit": wanted.limit + 1, "shown": tuple(shown)}
        rows = await self._fetch(connection, "templates.list", asked)
        total = await self._fetch(connection, "templates.count", asked)
        end = None
        if len(rows) > wanted.limit:
            before = await self._fetch(connection, "templates.before", asked) if wanted.offset else []
            end = paging.templates_end([*shown, *(row["template_id"] for row in [*before, *rows[: wanted.limit]])])
        return Listed(*self._unreadable.every(template_from_row, rows[: wanted.limit]), total[0]["total"], end)

    async def kept_answers(self, connection: Connection, asked: Sequence[Keyed]) -> list[KeptAnswer]:
        """Return what is kept under the keys of some requests, and counts still when they came."""
        keys = orjson.dumps([(each.user_id, each.key) for each in asked]).decode()
        parameters = {"keys": keys, "expired": expired_before(max(each.now for each in asked))}
        rows = await connection.fetch_all(self._queries["idempotency.get"], parameters)
        return [self._unreadable.one(kept_from_row, row) for row in rows]

    async def forget_answers(self, connection: Connection, expired: str) -> int:
        """Remove some of the answers that were kept at `expired` (wire form) or before; return how many."""
        if not await connection.fetch_all(self._queries["idempotency.any_expired"], {"expired": expired}):
            return 0
        parameters = {"expired": expired, "limit": MAX_FORGOTTEN}
        delete = self._queries["idempotency.delete_expired"]
        return await _committed(connection, lambda session: session.execute(delete, parameters))

    async def switch_audit(self, connection: Connection, *, enabled: bool) -> None:
        """Say whether changes are written to the trail, to the triggers too."""
        self._audit = enabled
        switch = self._queries["audit.switch"]
        await _committed(connection, lambda session: session.execute(switch, {"enabled": int(enabled)}))

    async def data_version(self, connection: Connection) -> int:
        """Return a number that differs after another connection or process has committed."""
        try:
            rows = await connection.fetch_all(self._queries["connection.data_version"])
        except sqlite3.Error as error:
            raise StorageUnavailableError(f"the database cannot answer: {error}") from error
        version: int = rows[0]["data_version"]
        return version

    async def ping(self, connection: Connection) -> None:
        """Raise unless the database answers."""
        await connection.fetch_all(self._queries["connection.ping"])

    async def touch(
        self, connection: Connection, touched: Mapping[str, str], heard: Mapping[str, str] | None = None
    ) -> None:
        """Write when states were last looked at, and when their agents were last `heard`, in one transaction."""
        looks = [{"investigation_id": key, "last_accessed": instant} for key, instant in touched.items()]
        signs = [{"investigation_id": key, "heard_at": instant} for key, instant in (heard or {}).items()]

        def write(session: Session) -> None:
            session.execute_many(self._queries["states.touch"], looks)
            session.execute_many(self._queries["states.heard"], signs)

        await _committed(connection, write)

    async def probe(self, connection: Connection) -> None:
        """Write a page and change nothing; it does not wait for a lock.

        An empty transaction would not do: it writes nothing, so it succeeds on a full disk too.
        """
        state, switch = self._queries["retention.switch_state"], self._queries["retention.switch"]

        def work(session: Session) -> None:
            [row] = session.fetch_all(state)
            session.execute(switch, {"enabled": _NEITHER})
            session.execute(switch, {"enabled": row["enabled"]})

        await _committed(connection, work, lambda: False)

    async def write(self, connection: Connection, batch: Batch, may_wait: Callable[[], bool]) -> None:
        """Write `batch` in one transaction, waiting for the lock while `may_wait`; return when it is on disk.

        Raises `StaleBaseError`, when the database or a row of it is not what the batch rests on any more, `LockedError`
        or `StorageUnavailableError`, with nothing written.
        """
        await _committed(connection, lambda session: self._write(session, batch), may_wait)

    def _write(self, session: Session, batch: Batch) -> None:
        seen = session.fetch_all(self._queries["connection.data_version"])[0]["data_version"]
        if batch.data_version not in (None, seen):
            raise OvertakenError("another process has written to the database")
        self._require_new(session, batch)
        # Entries come before states: the triggers stay silent where a version has its entry already.
        claims = [_claim(record) for record in batch.claims.values()]
        self._run(session, "investigations.claim", claims)
        if self._audit:
            self._run(session, "audit.insert", [entry_to_row(entry) for entry in batch.entries])
        self._write_states(session, batch)
        self._write_templates(session, batch)
        self._run(session, "idempotency.insert", [kept_to_row(kept) for kept in batch.answers.values()])

    def _require_new(self, session: Session, batch: Batch) -> None:
        """Raise `AnsweredError` when requests of `batch` have been carried out before, by this server or another."""
        if not batch.answers:
            return
        newest = max(kept.created_at for kept in batch.answers.values())
        parameters = {
            "keys": orjson.dumps(list(batch.answers)).decode(),
            "expired": expired_before(datetime.fromisoformat(newest)),
        }
        rows = session.fetch_all(self._queries["idempotency.get"], parameters)
        kept = [self._unreadable.one(kept_from_row, row) for row in rows]
        if kept:
            raise AnsweredError({(each.user_id, each.key): each for each in kept})

    def _write_states(self, session: Session, batch: Batch) -> None:
        """Write the states; deletions first, which take places of their own in the order of changes."""
        changes, revived = list(batch.changes()), batch.revived_only()
        if not changes and not revived:
            return
        batch.sequence_before = self._place(session, "active.sequence")
        gone = [base for base, head in changes if base is not None and head is None]
        deletes = [{"investigation_id": base.investigation_id, "base_version": base.version} for base in gone]
        self._run(session, "states.delete", deletes)
        name = "active.next" if revived or any(head for _, head in changes) else "active.sequence"
        batch.sequence = self._place(session, name)
        inserts = [state_to_row(head, None, batch.sequence) for base, head in changes if head and base is None]
        self._run(session, "states.insert", inserts)
        updates = [state_to_row(head, base.version, batch.sequence) for base, head in changes if head and base]
        self._run(session, "states.update", updates)
        signs = [
            {
                "investigation_id": record.investigation_id,
                "version": record.version,
                "heard_at": record.heard_at,
                "change_seq": batch.sequence,
            }
            for record in revived
        ]
        self._run(session, "states.revive", signs)

    def _place(self, session: Session, name: str) -> int:
        """Return the place in the order of changes that the statement `name` answers with."""
        values = self._unreadable.one(lambda rows: only(SEQUENCE, rows), session.fetch_all(self._queries[name]))
        place: int = values["value"]
        return place

    def _write_templates(self, session: Session, batch: Batch) -> None:
        gone = [{"template_id": key} for key, template in batch.templates.items() if template is None]
        # Deletions first: a name that one template gives up may be another's.
        self._run(session, "templates.delete", gone, missing_is_fine=True)
        written = [template for template in batch.templates.values() if template is not None]
        for name, new in (("templates.update", False), ("templates.insert", True)):
            rows = [template_to_row(each) for each in written if (each.template_id in batch.new_templates) is new]
            self._run(session, name, rows)
        uses = [{"template_id": key, "uses": count} for key, count in batch.uses.items()]
        self._run(session, "templates.count_use", uses, missing_is_fine=True)

    def _run(
        self, session: Session, name: str, rows: Sequence[Mapping[str, Any]], *, missing_is_fine: bool = False
    ) -> None:
        if not rows:
            return
        changed = session.execute_many(self._queries[name], rows)
        if changed != len(rows) and not missing_is_fine:
            raise StaleBaseError(f"{name} met {changed} of {len(rows)} rows")


async def _committed(
    connection: Connection, work: Callable[[Session], Result], may_wait: Callable[[], bool] | None = None
) -> Result:
    """Run `work` in a transaction; what the database refuses becomes an error of the store, with nothing written.

    Where another process holds the lock it is tried again while `may_wait`, else for `BUSY_TIMEOUT_SECONDS`.
    """
    may_wait = may_wait or _patience()
    while True:
        try:
            return await connection.transact(work)
        except (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError):
            raise  # what cannot be bound belongs to the one use case that brought it
        except sqlite3.IntegrityError as error:
            raise StaleBaseError(str(error)) from error
        except sqlite3.Error as error:
            message = f"the database cannot be written: {error}"
            if not sqlite.is_locked(error):
                raise StorageUnavailableError(message) from error
            if not may_wait():
                raise sqlite.LockedError(message) from error


def _patience() -> Callable[[], bool]:
    deadline = monotonic() + sqlite.BUSY_TIMEOUT_SECONDS
    return lambda: monotonic() < deadline


def _size(row: sqlite3.Row) -> int:
    """Return how long the parts of an entry are; what is no text is short enough to be found unreadable."""
    return sum(len(part) for part in (row["previous_state"], row["new_state"]) if isinstance(part, str | bytes))


def _asked(wanted: StateFilter | HistoryFilter | TemplateFilter) -> dict[str, Any]:
    """Return what a filter says, by the names of its members."""
    return {each.name: getattr(wanted, each.name) for each in fields(wanted) if each.name != "after"}


def _claim(record: StateRecord) -> dict[str, Any]:
    return {
        "investigation_id": record.investigation_id,
        "user_id": record.user_id,
        "created_at": record.created_at,
    }


def chunks(items: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    """Yield `items` in runs of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))
