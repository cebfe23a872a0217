"""The origin and the precondition of a change, as every use case that writes gets them from its request."""

import os
from dataclasses import dataclass
from datetime import datetime

from wizard_server.domain.callers import Caller
from wizard_server.domain.changes import Parts
from wizard_server.domain.clock import to_wire
from wizard_server.domain.keyed import Claim
from wizard_server.domain.trail import AuditEntry

_LOW = (1 << 62) - 1


@dataclass(frozen=True, slots=True)
class Precondition:
    """What a request requires of the current version.

    `if_match` are the versions that the header names (None: no header), `any_version` is ``If-Match: *``, `version`
    comes from the body. `if_none_match` are the versions at which the write is refused (``If-None-Match``),
    `no_version` is its ``*``: the write is refused where a state exists.
    """

    if_match: frozenset[int] | None = None
    any_version: bool = False
    version: int | None = None
    if_none_match: frozenset[int] = frozenset()
    no_version: bool = False

    @property
    def given(self) -> bool:
        """Whether the request names the version that it is based on; ``If-None-Match`` names none."""
        return self.if_match is not None or self.any_version or self.version is not None


NO_PRECONDITION = Precondition()


@dataclass(frozen=True, slots=True)
class Origin:
    """The instant of a change, its source, and the Idempotency-Key of its request (`mutation_id`).

    `claim` is given with the key when the answer has to be stored with the change.
    """

    now: datetime
    source: str
    mutation_id: str | None = None
    claim: Claim | None = None

    def entry(
        self,
        caller: Caller,
        investigation_id: str,
        action: str,
        parts: Parts,
        version: int | None = None,
        entry_id: str | None = None,
    ) -> AuditEntry:
        """Return the audit entry of what `caller` did; `version` is None for an entry that is no version.

        `entry_id` is given where the state of that version names it.
        """
        return AuditEntry(
            entry_id=entry_id or new_entry_id(self.now),
            investigation_id=investigation_id,
            user_id=caller.user_id,
            action_type=action,
            parts=parts,
            source=self.source,
            timestamp=to_wire(self.now),
            version=version,
            mutation_id=self.mutation_id,
        )


def new_entry_id(now: datetime) -> str:
    """Return a fresh UUID of version 7 (RFC 9562): ids that grow with time keep their index compact."""
    milliseconds = int(now.timestamp() * 1000)
    random = int.from_bytes(os.urandom(10))
    value = milliseconds << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & _LOW
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
