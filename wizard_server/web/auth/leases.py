"""How long an open connection may stay: a stream ends with its token (contract 6).

A lease costs no timer of its own: who holds it wakes up anyway, for a sign of life, and in time for its end. That also
notices a clock that was set, within the interval of signs of life.
"""

import asyncio
import math
from collections.abc import Callable
from time import time
from typing import Literal, Protocol

Ending = Literal["EXPIRED", "WITHDRAWN"]
# How many are woken in one turn of the loop when keys change: each then has a signature checked.
_SLICE = 20
# Timers may fire a little before the instant that they were set for.
_LATE_SECONDS = 0.001


class Lease(Protocol):
    """The right of one connection to stay, while it is entered."""

    def __enter__(self) -> "Lease":
        """Begin."""

    def __exit__(self, *exception: object) -> None:
        """End."""

    def seconds(self) -> float:
        """Return how long until it ends by itself."""

    def ended(self) -> Ending | None:
        """Return why it has ended; None as long as it has not."""


class Unending:
    """For who needs no token."""

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
    """Lasts as long as its token, and as the keys verify it."""

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
        return max(self._ends - time(), 0) + _LATE_SECONDS

    def ended(self) -> Ending | None:
        """See `Lease`; the token is verified again after the keys have changed, and only then."""
        if time() >= self._ends:
            return "EXPIRED"
        if self._generation != self._leases.generation:
            if not self._verifies():
                return "WITHDRAWN"
            self._generation = self._leases.generation
        return None


class Leases:
    """Every lease that lasts (`lasting`); `generation` counts how often the keys have changed."""

    def __init__(self) -> None:
        self.generation = 0
        self._told = 0
        self.lasting: set[TokenLease] = set()

    def open(self, ends: float, verifies: Callable[[], bool], wake: Callable[[], object]) -> TokenLease:
        """Give a lease until `ends`, in seconds since the epoch; `wake` is called when it had better be looked at."""
        return TokenLease(self, ends, verifies, wake)

    async def tell(self) -> None:
        """Wake everybody whose token was verified by other keys, a few in each turn of the loop."""
        if self._told == self.generation:
            return
        self._told = self.generation
        for number, lease in enumerate(list(self.lasting), start=1):
            lease.wake()
            if number % _SLICE == 0:
                await asyncio.sleep(0)
