"""Log events that others can cause as often as they like: so many lines a second, and then how many were left out."""

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic

_SECONDS = 1.0
_NOTHING: Mapping[str, object] = {}


class Sparing:
    """Logs one kind of event, at most `per_second` lines each second, and then how many it left out."""

    def __init__(
        self,
        logger: logging.Logger,
        level: int,
        message: str,
        per_second: int,
        told: Mapping[str, object] = _NOTHING,
    ) -> None:
        """Make one of `level`; `told` are the fields that each of its events has, and so the count of the others."""
        self._logger = logger
        self._level = level
        self._message = message
        self._per_second = per_second
        self._told = dict(told)
        self._second = 0.0
        self._lines = 0
        self._suppressed = 0

    def log(self, fields: Mapping[str, object]) -> None:
        """Log an event, or count it."""
        if self.admits():
            self._logger.log(self._level, self._message, extra={**self._told, **fields})

    def admits(self) -> bool:
        """Whether there is room for another line in this second; what has none is counted, and the count is logged."""
        now = monotonic()
        if now - self._second >= _SECONDS:
            self._second, self._lines = now, 0
        self._lines += 1
        if self._lines <= self._per_second:
            return True
        self._suppressed += 1
        if self._suppressed == 1:
            asyncio.get_running_loop().call_later(_SECONDS, self._tell)
        return False

    def _tell(self) -> None:
        count, self._suppressed = self._suppressed, 0
        self._logger.log(
            self._level, "log lines left out", extra={"event": self._message, **self._told, "count": count}
        )
