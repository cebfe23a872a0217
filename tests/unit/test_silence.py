"""The probe of silences hears what holds the loop."""

import time

from tests.silence import Silence


async def test_what_holds_the_loop_is_heard() -> None:
    async with Silence() as silence:
        wall, computed = time.perf_counter(), time.process_time()
        # Both: a thread that another test has left computes on another core, and its time counts twice as fast.
        while min(time.perf_counter() - wall, time.process_time() - computed) < 0.05:
            pass
    assert silence.longest >= 0.05


async def test_a_loop_that_only_waits_is_not_loud() -> None:
    async with Silence() as silence:
        pass
    assert silence.longest < 0.05
