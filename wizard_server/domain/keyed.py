"""Requests with an Idempotency-Key: what is kept of their answers, in the transaction of their changes (contract 8)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wizard_server.domain.clock import to_wire, wire_before
from wizard_server.errors import FieldError, IdempotencyMismatchError

KEPT_FOR = timedelta(hours=24)


def expired_before(now: datetime) -> str:
    """Return the instant (wire form) at or before which a kept answer was made that does not count any more."""
    return wire_before(now, KEPT_FOR)


@dataclass(frozen=True, slots=True)
class Shown:
    """What an answer shows of a result: its HTTP status, and the state or the text in it.

    `version` names the state of `investigation_id` that it shows; None: none. `body` is the answer's body; None: it is
    empty. With a version it is only what follows the members of that state; what begins with a brace has them in it.
    """

    status: int
    investigation_id: str | None
    version: int | None
    body: str | None


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What is kept of the answer to a request that was carried out; `fingerprint` tells the request from others."""

    user_id: str
    key: str
    fingerprint: str
    shown: Shown
    created_at: str


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request with a key: whose it is, what tells it from others (SHA-256, hexadecimal), when it came."""

    user_id: str
    key: str
    fingerprint: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """A keyed request that is about to be carried out; `show` says what its answer will show of the result."""

    request: Keyed
    show: Callable[[Any], Shown]

    def kept(self, result: object) -> KeptAnswer:
        """Return what is kept once the request has come to `result`."""
        asked = self.request
        return KeptAnswer(asked.user_id, asked.key, asked.fingerprint, self.show(result), to_wire(asked.now))


class AnsweredBeforeError(Exception):
    """The same request was carried out before: `kept` is its answer, and nothing was done now."""

    def __init__(self, kept: KeptAnswer) -> None:
        super().__init__(f"the request with the key {kept.key} was carried out at {kept.created_at}")
        self.kept = kept


def same_request(asked: Keyed, kept: KeptAnswer) -> KeptAnswer:
    """Return `kept`; raise `IdempotencyMismatchError` when another request came under the key."""
    if kept.fingerprint != asked.fingerprint:
        raise mismatch()
    return kept


def mismatch() -> IdempotencyMismatchError:
    """Return the error for a key that came with another request before."""
    message = "this key came with another request before"
    return IdempotencyMismatchError(message, [FieldError("Idempotency-Key", message, "unique")])
