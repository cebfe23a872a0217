"""Long calculations that let others run: in slices of 5 ms, or in a thread, which Python interrupts as often."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_LONGEST_SECONDS = 0.005
# Stored JSON up to this size is worked on at once: 20,000 nodes of it take about as long as a thread takes to begin.
_SHORT_BYTES = 64 << 10


class Breath:
    """Lets others run whenever a long calculation has held the loop for 5 ms."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def take(self) -> None:
        """Give way, if it is time."""
        if perf_counter() - self._since > _LONGEST_SECONDS:
            await asyncio.sleep(0)
            self._since = perf_counter()


async def aside(
    size: int, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Return ``work(*args, **kwargs)``, done in a thread when the JSON that it works on has many bytes (`size`)."""
    if size <= _SHORT_BYTES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
