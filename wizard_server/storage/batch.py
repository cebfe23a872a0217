"""What the use cases of one group commit read and write, before any of it reaches the database."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol

import orjson

from wizard_server.domain.keyed import AnsweredBeforeError, Claim, KeptAnswer, Keyed, same_request
from wizard_server.domain.record import Draft, StateRecord
from wizard_server.domain.trail import AuditEntry, Investigation, Template
from wizard_server.storage.engine import Keys
from wizard_server.storage.rows import entry_to_row


class Committed(Protocol):
    """Reads what is committed."""

    async def state(self, investigation_id: str) -> StateRecord | None:
        """Return a state, or None."""

    async def investigation(self, investigation_id: str) -> Investigation | None:
        """Return the parent row, or None."""

    async def template(self, template_id: str) -> Template | None:
        """Return a template, or None."""

    async def template_names(self, user_id: str) -> dict[str, str]:
        """Return the names of a user's templates by their ids."""


class Batch:
    """A `Transaction` for several use cases, run one after the other: each sees what those before it wrote.

    A state that changes several times in the batch is written once, and each version has an entry. Requests that were
    `answered_before` (by user and key) are not carried out again. `size` is the length of the documents to be written,
    in characters. `entry_rows` holds the `entries` as parameters of ``audit.insert``.
    """

    def __init__(
        self,
        committed: Committed,
        answered_before: Mapping[tuple[str, str], KeptAnswer] = MappingProxyType({}),
    ) -> None:
        self._committed = committed
        self._answered_before = answered_before
        self._base: dict[str, StateRecord | None] = {}
        self._owners: set[str] = set()
        self._head: dict[str, Draft | None] = {}
        self.claims: dict[str, StateRecord] = {}
        self.entries: list[AuditEntry] = []
        self.entry_rows: list[dict[str, Any]] = []
        self.size = 0
        self.newest_entries: dict[str, AuditEntry] = {}
        self.templates: dict[str, Template | None] = {}
        self.new_templates: set[str] = set()
        self.uses: Counter[str] = Counter()
        self.heard: dict[str, StateRecord] = {}
        self.revived: set[str] = set()
        self.answers: dict[tuple[str, str], KeptAnswer] = {}

    async def state(self, investigation_id: str) -> StateRecord | None:
        """See `Transaction`."""
        if investigation_id in self._head:
            head = self._head[investigation_id]
            return head.record if head else None
        record = self.heard.get(investigation_id) or await self._committed.state(investigation_id)
        self._base[investigation_id] = record
        return record

    async def investigation(self, investigation_id: str) -> Investigation | None:
        """See `Transaction`."""
        known = await self._committed.investigation(investigation_id)
        claim = self.claims.get(investigation_id)
        written = [entry.version or 0 for entry in self.entries if entry.investigation_id == investigation_id]
        if claim is None and not written:
            return known
        owner = known.user_id if known else None
        newest = max([known.newest_version if known else 0, *written])
        return Investigation(investigation_id, owner or (claim.user_id if claim else None), newest)

    async def template(self, template_id: str) -> Template | None:
        """See `Transaction`."""
        if template_id in self.templates:
            template = self.templates[template_id]
        else:
            template = await self._committed.template(template_id)
        uses = self.uses[template_id]
        return replace(template, usage_count=template.usage_count + uses) if template and uses else template

    async def template_names(self, user_id: str) -> Mapping[str, str]:
        """See `Transaction`."""
        self._owners.add(user_id)
        names = await self._committed.template_names(user_id)
        for key, template in self.templates.items():
            if template is None:
                names.pop(key, None)
            elif template.user_id == user_id:
                names[key] = template.name
        return names

    def save(self, draft: Draft, entry: AuditEntry) -> None:
        """See `Transaction`; the state has been read through `state` before."""
        key = draft.record.investigation_id
        if self._head.get(key, self._base.get(key)) is None:
            self.claims.setdefault(key, draft.record)
        self._replace_head(key, draft)
        self.newest_entries[key] = entry
        self.append(entry)

    def hear(self, record: StateRecord, *, revived: bool) -> None:
        """See `Transaction`; the state has been read through `state` before."""
        key = record.investigation_id
        head = self._head.get(key)
        if head is not None:  # a change in the same batch is a report, too
            self._head[key] = head._replace(record=record)
            return
        self._base[key] = self.heard[key] = record
        if revived:
            self.revived.add(key)

    def delete(self, record: StateRecord, entry: AuditEntry) -> None:
        """See `Transaction`."""
        self._replace_head(record.investigation_id, None)
        self.newest_entries[record.investigation_id] = entry
        self.append(entry)

    def _replace_head(self, key: str, draft: Draft | None) -> None:
        replaced = self._head.get(key)
        self.size += _size(draft) - _size(replaced)
        self._head[key] = draft

    def append(self, entry: AuditEntry) -> None:
        """See `Transaction`."""
        row = entry_to_row(entry)
        self.size += len(row["previous_state"] or "") + len(row["new_state"] or "")
        self.entries.append(entry)
        self.entry_rows.append(row)

    def add_template(self, template: Template) -> None:
        """See `Transaction`."""
        self.size += len(orjson.dumps(template.settings))
        self.new_templates.add(template.template_id)
        self.templates[template.template_id] = template

    def save_template(self, template: Template) -> None:
        """See `Transaction`."""
        self.size += len(orjson.dumps(template.settings))
        committed = template.usage_count - self.uses[template.template_id]
        self.templates[template.template_id] = replace(template, usage_count=committed)

    def delete_template(self, template: Template) -> None:
        """See `Transaction`."""
        self.templates[template.template_id] = None

    def count_use(self, template: Template) -> None:
        """See `Transaction`."""
        self.uses[template.template_id] += 1

    def require_new(self, asked: Keyed) -> None:
        """Raise `AnsweredBeforeError` when the request was carried out, `IdempotencyMismatchError` when another was."""
        name = asked.user_id, asked.key
        kept = self.answers.get(name) or self._answered_before.get(name)
        if kept is not None:
            raise AnsweredBeforeError(same_request(asked, kept))

    def keep_answer(self, claim: Claim, result: object) -> None:
        """Write the answer to a request that returned `result`, to be kept under its key."""
        kept = claim.kept(result)
        self.size += len(kept.shown.body or "")
        self.answers[kept.user_id, kept.key] = kept

    def heard_only(self) -> dict[str, StateRecord]:
        """Return the states that were reported on without a change."""
        return {key: record for key, record in self.heard.items() if key not in self._head}

    def revived_only(self) -> list[StateRecord]:
        """Return those of `heard_only` that were stalled."""
        return [record for key, record in self.heard_only().items() if key in self.revived]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written now; reports without a change (`heard`) may wait."""
        return not (self.entries or self.templates or self.uses or self.answers or self.revived)

    @property
    def keys(self) -> Keys:
        """The rows that were read and must not change before the commit."""
        return Keys(frozenset(self._base), frozenset(self._owners))

    @property
    def bases(self) -> Mapping[str, StateRecord | None]:
        """The states that were read, as the database has them; None: there is none."""
        return self._base

    def changes(self) -> Iterator[tuple[StateRecord | None, Draft | None]]:
        """Yield each state that was written, as the database has it and as it is to be."""
        for key, head in self._head.items():
            yield self._base.get(key), head

    def heads(self) -> Iterator[tuple[str, str | None, StateRecord | None]]:
        """Yield each state that was written: its id, its owner, and its newest version, None for a deleted one."""
        for key, head in self._head.items():
            record = head.record if head else None
            known = record or self._base.get(key)
            yield key, known.user_id if known else None, record


def _size(draft: Draft | None) -> int:
    return len(draft.record.opened) if draft else 0
