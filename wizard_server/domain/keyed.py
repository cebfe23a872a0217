"""Requests with an Idempotency-Key, and their answers as stored in the transaction of their change (contract 8)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wizard_server.domain.clock import to_wire, wire_before
from wizard_server.errors import FieldError, IdempotencyMismatchError

KEPT_FOR = timedelta(hours=24)


def expired_before(now: datetime) -> str:
    """Return the instant (wire form) at or before which kept answers have expired."""
    return wire_before(now, KEPT_FOR)


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer as it is stored: its HTTP status, and the version or the text from which its body is made again.

    `version` is the version of `investigation_id` that the answer shows (None: it shows no state). `body` is the
    answer's body (None: empty). With a version, `body` is only what follows the members of that state, unless it begins
    with a brace: then it is the whole body.
    """

    status: int
    investigation_id: str | None
    version: int | None
    body: str | None


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The stored answer to a request that was carried out; `fingerprint` identifies the request."""

    user_id: str
    key: str
    fingerprint: str
    shown: Shown
    created_at: str


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request with a key: its user, its `fingerprint` (SHA-256, hexadecimal), and when it arrived."""

    user_id: str
    key: str
    fingerprint: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """A keyed request that is about to be carried out; `show` makes the answer to store from its result."""

    request: Keyed
    show: Callable[[Any], Shown]

    def kept(self, result: object) -> KeptAnswer:
        """Return the answer to store for `result`."""
        asked = self.request
        return KeptAnswer(asked.user_id, asked.key, asked.fingerprint, self.show(result), to_wire(asked.now))


class AnsweredBeforeError(Exception):
    """The same request was carried out before; `kept` is its answer, and nothing is written now."""

    def __init__(self, kept: KeptAnswer) -> None:
        super().__init__(f"the request with the key {kept.key} was carried out at {kept.created_at}")
        self.kept = kept


def same_request(asked: Keyed, kept: KeptAnswer) -> KeptAnswer:
    """Return `kept`; raise `IdempotencyMismatchError` when the key was used for another request."""
    if kept.fingerprint != asked.fingerprint:
        raise mismatch()
    return kept


def mismatch() -> IdempotencyMismatchError:
    """Return the error for a key that was used for another request before."""
    message = "this key came with another request before"
    return IdempotencyMismatchError(message, [FieldError("Idempotency-Key", message, "unique")])
