"""How long to pause before the next attempt."""

import random

FIRST_SECONDS = 0.2
MOST_SECONDS = 15.0


class Backoff:
    """Pauses that grow with failures in a row, with jitter; the server's own `Retry-After` comes first."""

    def __init__(self) -> None:
        self.failures = 0

    def next(self, retry_after: float | None = None) -> float:
        """Count a failure and return the seconds to pause."""
        self.failures += 1
        if retry_after is not None:
            return retry_after * random.uniform(1.0, 1.1)  # noqa: S311 - no secret
        longest = min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(self.failures - 1, 10))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def reset(self) -> None:
        """Count from none again, after a good answer."""
        self.failures = 0
