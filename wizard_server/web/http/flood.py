"""The limits of what a client may send over one WebSocket: messages and bytes, each as a token bucket.

A message costs the server some 50 microseconds and its client almost nothing. A regular client stays far below: it
sends a heartbeat now and then, and an acknowledgment for each change.
"""

from collections.abc import Mapping
from time import monotonic

from wizard_server.pace import Timer

MESSAGES_PER_SECOND = 20.0
MESSAGES_BURST = 100.0
# A `sync` encodes the whole state, an acknowledgment is only parsed; other types count as one message.
WEIGHTS: Mapping[str, float] = {"acknowledgment": 0.1, "sync": 10.0}
# Bytes have an allowance of their own, because the pieces of a message that never ends are parsed too.
BYTES_PER_SECOND = 32.0 * 1024
BYTES_BURST = 128.0 * 1024


class Allowance:
    """A token bucket: `burst` at once, and `per_second` of it come back each second."""

    __slots__ = ("_burst", "_left", "_per_second", "_since", "_timer")

    def __init__(self, per_second: float, burst: float, timer: Timer = monotonic) -> None:
        self._per_second = per_second
        self._burst = self._left = burst
        self._timer = timer
        self._since = timer()

    def take(self, amount: float) -> float:
        """Take up to `amount`; return how much was taken."""
        taken = min(amount, self._now())
        self._left -= taken
        return taken

    def takes(self, amount: float) -> bool:
        """Take `amount` if that much is left, else nothing; return whether it was taken."""
        if self._now() < amount:
            return False
        self._left -= amount
        return True

    def _now(self) -> float:
        now = self._timer()
        self._left = min(self._left + (now - self._since) * self._per_second, self._burst)
        self._since = now
        return self._left
