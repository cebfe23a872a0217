"""Keeps long calculations from blocking the event loop: in slices of 5 ms, or in a thread."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_LONGEST_SECONDS = 0.005
# Work on smaller JSON is not worth a thread, because starting one takes about as long as 20,000 nodes.
_SHORT_BYTES = 64 << 10


class TimeSlice:
    """Yields to the event loop whenever a long calculation has held it for 5 ms."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def yield_if_over(self) -> None:
        """Yield if 5 ms have passed since the last time."""
        if perf_counter() - self._since > _LONGEST_SECONDS:
            await asyncio.sleep(0)
            self._since = perf_counter()


async def aside(
    size: int, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Return ``work(*args, **kwargs)``, run in a thread where the JSON that it works on is large (`size`, bytes)."""
    if size <= _SHORT_BYTES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
