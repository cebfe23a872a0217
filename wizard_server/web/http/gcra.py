"""A quota by the generic cell rate algorithm: one number for each user, constant work; the caller passes the time."""

# The rounding error of sums of instants; a difference below it neither refuses a request nor adds a second.
SLACK_SECONDS = 1e-6
_SLACK = 1e-3


class Account:
    """The state of one user: the instant at which their quota is whole again."""

    __slots__ = ("whole_at",)

    def __init__(self) -> None:
        self.whole_at = 0.0


class Quota:
    """Each user may send `burst` requests at once, and gets `rate` of them back each second."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate = rate
        self.burst = burst
        self.window_seconds = burst / rate
        self._period = 1 / rate

    def take(self, account: Account, now: float) -> float:
        """Count a request and return 0.0; or count nothing, and return the seconds until one is admitted."""
        after = max(account.whole_at, now) + self._period
        wait = after - now - self.window_seconds
        if wait > SLACK_SECONDS:
            return wait
        account.whole_at = after
        return 0.0

    def left(self, account: Account, now: float) -> int:
        """Return how many requests would be admitted now."""
        return int((self.window_seconds - self.whole_in(account, now)) / self._period + _SLACK)

    def whole_in(self, account: Account, now: float) -> float:
        """Return the seconds until the quota is whole again."""
        return max(account.whole_at - now, 0.0)

    def used(self, account: Account, now: float) -> float:
        """Return the share of the quota that is used up, 0 to 1."""
        return min(self.whole_in(account, now) / self.window_seconds, 1.0)
