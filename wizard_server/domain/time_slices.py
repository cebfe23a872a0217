"""Keeps long calculations from blocking the event loop: in slices of 3 ms, or in a thread."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_LONGEST_SECONDS = 0.003
# A request that came meanwhile is read in one turn of the loop, parsed in the next, and answered in the third.
_TURNS = 3
# Work on smaller JSON is not worth a thread, because starting one takes about as long as 20,000 nodes.
_SHORT_BYTES = 64 << 10


async def give_way() -> None:
    """Return when the short requests that have come until now are answered: use it between two long steps.

    After a single turn they would not even be read, because the loop resumes who has yielded before it reads, so that
    the two steps would add up to one silence.
    """
    for _ in range(1 + _TURNS):
        await asyncio.sleep(0)


class TimeSlice:
    """Gives way whenever a long calculation has held the event loop for 3 ms; a short one never does."""

    def __init__(self) -> None:
        self._since = perf_counter()

    async def yield_if_over(self) -> None:
        """Give way if 3 ms have passed since the last time."""
        if perf_counter() - self._since > _LONGEST_SECONDS:
            await give_way()
            self._since = perf_counter()


async def aside(
    size: int, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Return ``work(*args, **kwargs)``, run in a thread where the JSON that it works on is large (`size`, bytes)."""
    if size <= _SHORT_BYTES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
