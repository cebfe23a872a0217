"""Rate-limited logging, for events that clients can cause as often as they like."""

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic

_SECONDS = 1.0
_NOTHING: Mapping[str, object] = {}


class Sparing:
    """Logs one kind of event at most `per_second` times a second, and then how many lines were left out."""

    def __init__(
        self,
        logger: logging.Logger,
        level: int,
        message: str,
        per_second: int,
        fields: Mapping[str, object] = _NOTHING,
    ) -> None:
        """`fields` are those that all of its events have, and the count of left-out lines too."""
        self._logger = logger
        self._level = level
        self._message = message
        self._per_second = per_second
        self._fields = dict(fields)
        self._second = 0.0
        self._lines = 0
        self._suppressed = 0

    def log(self, fields: Mapping[str, object]) -> None:
        """Log an event, or count it."""
        if self.admits():
            self._logger.log(self._level, self._message, extra={**self._fields, **fields})

    def admits(self) -> bool:
        """Whether another line may be logged in this second; otherwise it is counted, and the count is logged later."""
        now = monotonic()
        if now - self._second >= _SECONDS:
            self._second, self._lines = now, 0
        self._lines += 1
        if self._lines <= self._per_second:
            return True
        self._suppressed += 1
        if self._suppressed == 1:
            asyncio.get_running_loop().call_later(_SECONDS, self._log_count)
        return False

    def _log_count(self) -> None:
        count, self._suppressed = self._suppressed, 0
        self._logger.log(
            self._level, "log lines left out", extra={"event": self._message, **self._fields, "count": count}
        )
