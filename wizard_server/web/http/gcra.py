"""A quota by the generic cell rate algorithm: one number for each user, constant work. The caller tells the time."""

# What sums of instants are off by: nobody is refused, nor told a second more, for less.
SLACK_SECONDS = 1e-6
_SLACK = 1e-3


class Account:
    """What is kept of one user: the instant at which their quota is whole again."""

    __slots__ = ("whole_at",)

    def __init__(self) -> None:
        self.whole_at = 0.0


class Quota:
    """Everybody has `burst` requests at once, and `rate` of them come back each second."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate = rate
        self.burst = burst
        self.window_seconds = burst / rate
        self._period = 1 / rate

    def take(self, account: Account, now: float) -> float:
        """Count a request and return 0.0; or return the seconds until one is let in, and count nothing."""
        after = max(account.whole_at, now) + self._period
        wait = after - now - self.window_seconds
        if wait > SLACK_SECONDS:
            return wait
        account.whole_at = after
        return 0.0

    def left(self, account: Account, now: float) -> int:
        """Return how many requests are let in at this moment."""
        return int((self.window_seconds - self.whole_in(account, now)) / self._period + _SLACK)

    def whole_in(self, account: Account, now: float) -> float:
        """Return the seconds until all of the quota is there again."""
        return max(account.whole_at - now, 0.0)

    def used(self, account: Account, now: float) -> float:
        """Return the share of the quota that is used up, 0 to 1."""
        return min(self.whole_in(account, now) / self.window_seconds, 1.0)
