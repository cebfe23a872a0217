"""How much a client may say over one WebSocket: so many messages, and so many bytes, at once and in the long run.

A message costs the server some 50 microseconds and its client next to nothing. An honest client stays far below: it
sends a sign of life now and then, and an acknowledgment for each change.
"""

from collections.abc import Mapping
from time import monotonic

MESSAGES_PER_SECOND = 20.0
MESSAGES_BURST = 100.0
# A `sync` renders the whole state, an acknowledgment is only parsed; what is not here weighs one message.
WEIGHTS: Mapping[str, float] = {"acknowledgment": 0.1, "sync": 10.0}
# Pieces of a message are parsed though it never ends, so bytes have an allowance of their own.
BYTES_PER_SECOND = 32.0 * 1024
BYTES_BURST = 128.0 * 1024


class Allowance:
    """A token bucket: `burst` at once, and `per_second` of it come back each second."""

    __slots__ = ("_burst", "_left", "_per_second", "_since")

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = self._left = burst
        self._since = monotonic()

    def take(self, amount: float) -> float:
        """Take up to `amount`; return how much of it there was."""
        taken = min(amount, self._now())
        self._left -= taken
        return taken

    def takes(self, amount: float) -> bool:
        """Take `amount` if there is as much, else nothing; return whether it was taken."""
        if self._now() < amount:
            return False
        self._left -= amount
        return True

    def _now(self) -> float:
        now = monotonic()
        self._left = min(self._left + (now - self._since) * self._per_second, self._burst)
        self._since = now
        return self._left
