"""Waits for those who are about to ask the same, so that they share what serves them all at once."""

import asyncio
from collections.abc import Callable
from math import inf
from time import perf_counter


async def gathered(count: Callable[[], int], *, quiet_turns: int, seconds: float, most: float = inf) -> None:
    """Return when `count` has not grown for `quiet_turns` turns of the loop, is `most`, or after `seconds`.

    Whoever was just answered asks again at once. To begin with those who are there would make two groups that take
    turns, and what it costs to begin would be paid twice as often.
    """
    deadline, quiet, known = perf_counter() + seconds, 0, count()
    while quiet < quiet_turns and known < most and perf_counter() < deadline:
        await asyncio.sleep(0)
        now = count()
        quiet = 0 if now > known else quiet + 1
        known = now
