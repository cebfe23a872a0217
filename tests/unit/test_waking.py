"""A crowd is woken in slices: nobody is forgotten, nobody is woken for a sleep that is over, and others run between."""

import asyncio
import time

from tests.silence import Silence
from tests.unit.events import LONG, above, event
from wizard_server.hub.hub import Hub
from wizard_server.hub.waiters import Sleeper
from wizard_server.hub.waking import SLICE_SECONDS, Waker

CROWD = 400
EACH_SECONDS = 0.001


def work(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


async def test_others_run_while_a_crowd_is_answered() -> None:
    hub = Hub(max_waiters=CROWD, max_waiters_per_user=CROWD)
    answered: list[object] = []

    async def wait() -> None:
        with hub.subscribe("inv-1") as waiter:
            answered.append(await hub.park(waiter, "ann", above(1), LONG))
            work(EACH_SECONDS)

    tasks = [asyncio.create_task(wait()) for _ in range(CROWD)]
    await asyncio.sleep(0)
    news = event(2)
    async with Silence() as silence:
        hub.publish(news)
        await asyncio.gather(*tasks)
    assert answered == [news] * CROWD
    assert silence.longest < CROWD * EACH_SECONDS / 4
    assert silence.longest < 10 * SLICE_SECONDS


async def test_a_few_are_woken_at_once() -> None:
    waker, sleepers = Waker(), [Sleeper() for _ in range(8)]
    sleeps = [sleeper.asleep(LONG) for sleeper in sleepers]
    waker.wake(sleeps)
    assert all(sleep.done() for sleep in sleeps)
    for sleeper in sleepers:
        sleeper.awake()


async def test_all_are_woken_in_their_order_also_those_who_come_meanwhile() -> None:
    waker, woken = Waker(), list[int]()

    async def sleep(number: int) -> None:
        sleeper = Sleeper()
        try:
            sleeps.append(sleeper.asleep(LONG))
            await sleeps[-1]
        finally:
            sleeper.awake()
        woken.append(number)
        if number == 0:
            waker.wake(sleeps[CROWD:])

    sleeps: list[asyncio.Future[None]] = []
    tasks = [asyncio.create_task(sleep(number)) for number in range(CROWD + 50)]
    await asyncio.sleep(0)
    waker.wake(sleeps[:CROWD])
    waker.wake([None])
    await asyncio.gather(*tasks)
    assert woken == list(range(CROWD + 50))


async def test_who_sleeps_anew_is_not_woken_for_the_sleep_before() -> None:
    waker, sleepers = Waker(), [Sleeper() for _ in range(CROWD)]
    sleeps = [sleeper.asleep(LONG) for sleeper in sleepers]
    waker.wake(sleeps)
    assert not sleeps[-1].done()
    sleepers[-1].wake()  # its time was up
    sleepers[-1].awake()
    anew = sleepers[-1].asleep(LONG)
    await asyncio.gather(*sleeps)
    assert not anew.done()
    waker.wake([anew])
    assert anew.done(), "the waker is at rest again"
    for sleeper in sleepers:
        sleeper.awake()
