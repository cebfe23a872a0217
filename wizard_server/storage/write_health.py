"""Whether the database takes writes: the last write tells, and after a failure probes do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from wizard_server.errors import StorageUnavailableError

Result = TypeVar("Result")


class WriteHealth:
    """Remembers the last failure of a write until one succeeds; `probe` writes a little and changes nothing."""

    def __init__(self, probe: Callable[[], Awaitable[object]]) -> None:
        self._probe = probe
        self._probing = asyncio.Lock()
        self._probes = 0
        self._failure: str | None = None

    async def written(self, write: Awaitable[Result]) -> Result:
        """Return the outcome of `write`, and remember whether the database took it."""
        try:
            result = await write
        except StorageUnavailableError as error:
            self._failure = error.message
            raise
        self._failure = None
        return result

    async def check(self) -> None:
        """Raise `StorageUnavailableError` when the last write failed and a probe, begun after the call, does too."""
        seen = self._probes
        if self._failure is None:
            return
        async with self._probing:
            if self._probes == seen:
                self._probes += 1
                await self.written(self._probe())
        if self._failure is not None:
            raise StorageUnavailableError(self._failure)
