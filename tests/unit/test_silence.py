"""The probe of silences hears what holds the loop."""

import time

from tests.silence import Silence


async def test_what_holds_the_loop_is_heard() -> None:
    async with Silence() as silence:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
    assert silence.longest >= 0.05


async def test_a_loop_that_only_waits_is_not_loud() -> None:
    async with Silence() as silence:
        pass
    assert silence.longest < 0.05
