"""How long to pause before the next attempt."""

import logging
import random

from wizard_server.client.problems import InvalidToken, Problem, Unreachable, WizardClientError

FIRST_SECONDS = 0.2
MOST_SECONDS = 15.0

logger = logging.getLogger("wizard_server.client")


class Backoff:
    """Pauses that grow with failures in a row, with jitter; the server's own `Retry-After` comes first."""

    def __init__(self, *, new_token: bool) -> None:
        """Count from none; with `new_token` a token that is refused is asked for anew, once."""
        self._has_new_token = new_token
        self.failures = 0
        self._was_refused = False

    def pause(self, error: WizardClientError) -> float | None:
        """Count a failure and return the seconds to pause; None for a refusal that stands."""
        retry_after = None
        if isinstance(error, InvalidToken):
            if self._was_refused or not self._has_new_token:
                return None
            self._was_refused, retry_after = True, 0.0
        elif isinstance(error, Problem) and error.is_transient:
            retry_after = error.retry_after
        elif not isinstance(error, Unreachable):
            return None
        self.failures += 1
        if self.failures.bit_count() == 1:  # 1, 2, 4, 8, ...: heard of at once, and seldom when it lasts
            logger.warning("trying again", extra={"failures": self.failures, "reason": str(error)})
        return self._seconds(retry_after)

    def _seconds(self, retry_after: float | None) -> float:
        if retry_after is not None:
            return retry_after * random.uniform(1.0, 1.1)  # noqa: S311 - no secret
        longest = min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(self.failures - 1, 10))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def reset(self) -> None:
        """Count from none again, after a good answer."""
        if self.failures:
            logger.info("answered again", extra={"failures": self.failures})
        self.failures = 0
        self._was_refused = False
