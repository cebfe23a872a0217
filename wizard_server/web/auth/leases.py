"""How long a push connection may stay open: a stream ends with its token (contract 6).

A lease needs no timer: its stream checks it at every heartbeat, and wakes in time for its end. So a clock that was set
is noticed within one heartbeat, too.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Literal, Protocol

from wizard_server.domain.ports import Clock

Ending = Literal["EXPIRED", "WITHDRAWN"]
# Streams woken in one turn of the loop when keys change, because each then verifies a signature.
_SLICE = 20
# Timers may fire a little before the instant that they were set for.
_LATE_SECONDS = 0.001


class Lease(Protocol):
    """The right of one connection to stay open; its holder is woken only within the context."""

    def __enter__(self) -> "Lease":
        """Register the lease."""

    def __exit__(self, *exception: object) -> None:
        """Unregister the lease."""

    def seconds(self) -> float:
        """Return the seconds until the lease expires."""

    def ended(self) -> Ending | None:
        """Return why the lease has ended; None while it has not."""


class Unending:
    """The lease of a connection without a token."""

    __slots__ = ()

    def __enter__(self) -> "Unending":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def seconds(self) -> float:
        """See `Lease`."""
        return math.inf

    def ended(self) -> Ending | None:
        """See `Lease`."""
        return None


class TokenLease:
    """A lease that ends when its token expires, or when the keys do not verify it any more."""

    __slots__ = ("_ends", "_generation", "_leases", "_verifies", "wake")

    def __init__(self, leases: "Leases", ends: float, verifies: Callable[[], bool], wake: Callable[[], object]) -> None:
        self._leases = leases
        self._ends = ends
        self._verifies = verifies
        self._generation = leases.generation
        self.wake = wake

    def __enter__(self) -> "TokenLease":
        self._leases.lasting.add(self)
        return self

    def __exit__(self, *exception: object) -> None:
        self._leases.lasting.discard(self)

    def seconds(self) -> float:
        """See `Lease`."""
        return max(self._ends - self._leases.now(), 0) + _LATE_SECONDS

    def ended(self) -> Ending | None:
        """See `Lease`; the token is verified again only after the keys have changed."""
        if self._leases.now() >= self._ends:
            return "EXPIRED"
        if self._generation != self._leases.generation:
            if not self._verifies():
                return "WITHDRAWN"
            self._generation = self._leases.generation
        return None


class Leases:
    """All registered leases (`lasting`); `generation` counts how often the keys have changed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.generation = 0
        self._woken = 0
        self.lasting: set[TokenLease] = set()

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return self._clock().timestamp()

    def open(self, ends: float, verifies: Callable[[], bool], wake: Callable[[], object]) -> TokenLease:
        """Return a lease until `ends` (seconds since the epoch); `wake` is called when it has to be checked."""
        return TokenLease(self, ends, verifies, wake)

    async def wake_all(self) -> None:
        """After a change of keys wake the holders of all leases, `_SLICE` in each turn of the loop."""
        if self._woken == self.generation:
            return
        self._woken = self.generation
        for number, lease in enumerate(list(self.lasting), start=1):
            lease.wake()
            if number % _SLICE == 0:
                await asyncio.sleep(0)
