"""The records beside the states: audit entries, investigations (parent rows), templates."""

from dataclasses import dataclass, field
from typing import Any

from wizard_server.domain.changes import Parts


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row of the trail; `version` is None for an entry that is no version of the state.

    The parts are None on the side where no state exists (before creation, after deletion). `renderings` holds the forms
    that clients get, each encoded once for all followers. `is_partial` says that the parts were left out to keep the
    answer within its bounds. `stored_bytes` is the length of the parts in the row that the entry was read from, 0 for a
    new entry.
    """

    entry_id: str
    investigation_id: str
    user_id: str
    action_type: str
    parts: Parts
    source: str
    timestamp: str
    version: int | None
    mutation_id: str | None
    renderings: dict[str, bytes] = field(default_factory=dict, compare=False)
    is_partial: bool = False
    stored_bytes: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Investigation:
    """The parent row: who owns it (None: nobody yet) and the newest version it ever had (0: none).

    `purged_at` says when retention removed its state and trail, None when it did not.
    """

    investigation_id: str
    user_id: str | None
    newest_version: int
    purged_at: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A user's settings under a name; `usage_count` says how often it was applied.

    `is_partial` says that the settings were left out, for an answer has bounds.
    """

    template_id: str
    user_id: str
    name: str
    description: str | None
    settings: dict[str, Any]
    usage_count: int
    created_at: str
    updated_at: str
    is_partial: bool = False
