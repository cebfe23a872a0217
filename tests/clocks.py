"""Clocks of tests: they stand still, or go wrong, until a test moves them."""

from datetime import datetime, timedelta

from wizard_server.domain.clock import utc_now


class StoppedTimer:
    """Counts the seconds that a test lets pass."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class MovedClock:
    """The time of day, from which it is set off; libraries that tell the time themselves see the right one."""

    def __init__(self) -> None:
        self._off = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self._off

    def move(self, seconds: float) -> None:
        self._off += timedelta(seconds=seconds)
