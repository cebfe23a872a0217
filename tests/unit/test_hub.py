"""The hub: nothing that is published after subscribing is lost, and nobody else is disturbed."""

import asyncio
from collections.abc import Callable

import pytest

from tests.unit.events import LONG, above, event
from wizard_server.domain.events import StateEvent
from wizard_server.domain.record import StateRecord
from wizard_server.hub.hub import Hub, WaitEnd
from wizard_server.hub.waiters import Waiter


@pytest.fixture
def hub() -> Hub:
    return Hub(max_waiters=3, max_waiters_per_user=2)


async def parked(hub: Hub, waiter: Waiter, user: str = "ann", *, base: int = 1) -> asyncio.Task[StateEvent | WaitEnd]:
    """Start a wait and return once it is parked."""
    before = hub.parked
    task = asyncio.create_task(hub.park(waiter, user, above(base), LONG))
    await asyncio.sleep(0)  # the task runs as far as it can
    assert hub.parked == before + 1
    return task


async def test_what_is_published_between_subscribing_and_waiting_is_not_lost(hub: Hub) -> None:
    with hub.subscribe("inv-1") as waiter:
        news = event(2)
        hub.publish(news)
        assert await hub.park(waiter, "ann", above(1), LONG) is news


async def test_what_is_published_while_waiting_ends_the_wait(hub: Hub) -> None:
    with hub.subscribe("inv-1") as waiter:
        wait = await parked(hub, waiter)
        news = event(2)
        hub.publish(news)
        assert await wait is news


async def test_an_event_that_does_not_concern_the_waiter_is_dropped(hub: Hub) -> None:
    with hub.subscribe("inv-1") as waiter:
        hub.publish(event(4))
        wait = await parked(hub, waiter, base=5)
        assert waiter.event is None
        hub.publish(event(5))
        hub.publish(event(9, "inv-2"))
        assert waiter.event is None
        assert not wait.done()
        news = event(6)
        hub.publish(news)
        assert await wait is news


async def test_of_several_events_the_newest_counts(hub: Hub) -> None:
    newest = event(4)
    with hub.subscribe("inv-1") as before, hub.subscribe("inv-1") as during:
        wait = await parked(hub, during)
        for published in (event(2), event(3), newest):
            hub.publish(published)
        assert await wait is newest
        assert await hub.park(before, "ann", above(1), LONG) is newest


async def test_an_event_of_an_older_version_than_was_read_since_is_dropped(hub: Hub) -> None:
    """A node published its own commit while another node's was on its way to it."""
    with hub.subscribe("inv-1") as waiter:
        hub.publish(event(4))
        read = event(5).record
        assert read is not None
        waiter.has_read(read)
        assert await hub.park(waiter, "ann", lambda newer: newer.version != 5, 0) is WaitEnd.TIMEOUT
        news = event(6)
        hub.publish(news)
        waiter.has_read(read)
        assert await hub.park(waiter, "ann", lambda newer: newer.version != 5, LONG) is news


async def test_a_deletion_concerns_everybody(hub: Hub) -> None:
    with hub.subscribe("inv-1") as one, hub.subscribe("inv-1") as other:
        wait = await parked(hub, one, base=99)
        deletion = event(None)
        hub.publish(deletion)
        assert await wait is deletion
        assert await hub.park(other, "ann", above(99), LONG) is deletion


async def test_one_event_wakes_everybody_who_waits_for_that_investigation(hub: Hub) -> None:
    with hub.subscribe("inv-1") as one, hub.subscribe("inv-1") as two, hub.subscribe("inv-2") as three:
        waits = [await parked(hub, one), await parked(hub, two), await parked(hub, three, "bob")]
        news = event(2)
        hub.publish(news)
        assert await waits[0] is news
        assert await waits[1] is news
        assert not waits[2].done()
        hub.drain()
        assert await waits[2] is WaitEnd.DRAINING


async def test_a_wait_ends_when_its_time_is_up(hub: Hub) -> None:
    with hub.subscribe("inv-1") as waiter:
        assert await hub.park(waiter, "ann", above(1), 0) is WaitEnd.TIMEOUT
        assert await hub.park(waiter, "ann", above(1), 0.001) is WaitEnd.TIMEOUT


async def test_a_second_wait_hears_what_the_first_one_did_not_want(hub: Hub) -> None:
    with hub.subscribe("inv-1") as waiter:
        assert await hub.park(waiter, "ann", above(9), 0) is WaitEnd.TIMEOUT
        news = event(2)
        hub.publish(news)
        assert await hub.park(waiter, "ann", above(1), 0) is news


async def test_draining_ends_every_wait_and_every_later_one(hub: Hub) -> None:
    with hub.subscribe("inv-1") as one, hub.subscribe("inv-2") as two:
        waits = [await parked(hub, one), await parked(hub, two)]
        hub.drain()
        assert [await wait for wait in waits] == [WaitEnd.DRAINING, WaitEnd.DRAINING]
        assert await hub.park(one, "ann", above(1), LONG) is WaitEnd.DRAINING
    assert hub.parked == 0


async def test_news_go_before_draining_and_what_is_no_news_does_not(hub: Hub) -> None:
    with hub.subscribe("inv-1") as one, hub.subscribe("inv-1") as other:
        news = event(2)
        hub.publish(news)
        hub.drain()
        assert await hub.park(one, "ann", above(1), LONG) is news
        assert await hub.park(other, "ann", above(2), LONG) is WaitEnd.DRAINING


async def test_the_limits_count_the_parked_in_all_and_by_user(hub: Hub) -> None:
    assert (hub.max_waiters, hub.load) == (3, 0.0)
    with hub.subscribe("inv-1") as one, hub.subscribe("inv-1") as two, hub.subscribe("inv-1") as three:
        assert (hub.parked, hub.may_park("ann")) == (0, True), "a subscription alone is not parked"
        waits = [await parked(hub, one), await parked(hub, two)]
        assert (hub.may_park("ann"), hub.may_park("bob")) == (False, True)
        waits.append(await parked(hub, three, "bob"))
        assert (hub.parked, hub.load) == (3, 1.0)
        assert not any(hub.may_park(user) for user in ("ann", "bob", "eve"))
        hub.publish(event(2))
        await asyncio.gather(*waits)
    assert (hub.parked, hub.load, hub.may_park("ann")) == (0, 0.0, True)


async def test_whoever_goes_away_frees_the_place_and_the_topic(hub: Hub) -> None:
    async def poll() -> None:
        with hub.subscribe("inv-1") as waiter:
            await hub.park(waiter, "ann", above(1), LONG)

    polls = [asyncio.create_task(poll()) for _ in range(2)]
    await asyncio.sleep(0)
    assert (hub.parked, list(hub.watched())) == (2, ["inv-1"])
    for task in polls:
        task.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    assert (hub.parked, hub.may_park("ann"), list(hub.watched())) == (0, True, [])


async def test_a_topic_stays_as_long_as_somebody_has_it(hub: Hub) -> None:
    with hub.subscribe("inv-1"):
        with hub.subscribe("inv-1"), hub.subscribe("inv-2"):
            assert sorted(hub.watched()) == ["inv-1", "inv-2"]
        assert list(hub.watched()) == ["inv-1"]
    assert list(hub.watched()) == []
    hub.publish(event(2))


async def test_an_error_in_the_condition_frees_the_place(hub: Hub) -> None:
    def broken(state: StateRecord) -> bool:
        raise LookupError(state.version)

    with hub.subscribe("inv-1") as waiter:
        hub.publish(event(2))
        with pytest.raises(LookupError):
            await hub.park(waiter, "ann", broken, LONG)
    assert (hub.parked, list(hub.watched())) == (0, [])


async def test_no_timer_outlives_its_wait(hub: Hub) -> None:
    loop = asyncio.get_running_loop()
    handles: list[asyncio.TimerHandle] = []
    original = loop.call_later
    with pytest.MonkeyPatch.context() as patch:

        def spied(delay: float, callback: Callable[..., object], *arguments: object) -> asyncio.TimerHandle:
            handles.append(original(delay, callback, *arguments))
            return handles[-1]

        patch.setattr(loop, "call_later", spied)
        with hub.subscribe("inv-1") as waiter:
            wait = await parked(hub, waiter)
            hub.publish(event(2))
            await wait
    assert handles
    assert all(handle.cancelled() for handle in handles)


def ended(hub: Hub) -> dict[str, int]:
    return {end: count for end, count in hub.counts.ended.items() if count}


async def test_each_wait_is_counted_by_how_it_ends(hub: Hub) -> None:
    with hub.subscribe("inv-1") as waiter:
        wait = await parked(hub, waiter)
        hub.publish(event(2))
        await wait
        assert ended(hub) == {"woken": 1}
        await hub.park(waiter, "ann", above(2), 0)
        assert ended(hub) == {"woken": 1, "timeout": 1}
        wait = await parked(hub, waiter, base=2)
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)
        assert ended(hub) == {"woken": 1, "timeout": 1, "gone": 1}
        hub.drain()
        await hub.park(waiter, "ann", above(2), LONG)
    assert ended(hub) == {"woken": 1, "timeout": 1, "gone": 1, "draining": 1}


async def test_a_dashboard_that_goes_away_is_parked_no_more(hub: Hub) -> None:
    with hub.subscribe_list("ann") as waiter:
        wait = asyncio.create_task(hub.park_list(waiter, "ann", LONG))
        await asyncio.sleep(0)  # the task runs as far as it can
        assert (hub.parked, hub.parked_lists) == (1, 1)
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)
    assert (hub.parked, hub.parked_lists, ended(hub)) == (0, 0, {"gone": 1})


async def test_only_who_is_told_of_an_event_has_a_latency(hub: Hub) -> None:
    def observed(kind: str) -> list[float]:
        return [count for _, count in hub.counts.wake_seconds[kind].buckets()][-1:]

    with hub.subscribe("inv-1") as waiter, hub.subscribe("inv-1") as follower, hub.subscribe_list("ann") as dashboard:
        await hub.park(waiter, "ann", above(1), 0)
        await hub.park_list(dashboard, "ann", 0)
        assert [observed(kind) for kind in ("poll", "push", "dashboard")] == [[0], [0], [0]]
        hub.publish(event(2))
        await hub.park(waiter, "ann", above(1), LONG)
        await hub.next_event(follower, above(1), LONG)
        await hub.park_list(dashboard, "ann", LONG)
    assert [observed(kind) for kind in ("poll", "push", "dashboard")] == [[1], [1], [1]]


async def test_a_refused_push_connection_is_no_shed_poll(hub: Hub) -> None:
    with hub.pushing("ann", limit=1) as one, hub.pushing("ann", limit=1) as other:
        assert (one, other, hub.pushing_now) == (True, False, 1)
    assert (hub.pushing_now, hub.counts.shed) == (0, {"global": 0, "user": 0})


async def test_a_drain_is_told_once_and_lasts(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert hub.drain_seconds == 0
    hub.drain()
    begun = hub.drain_seconds
    hub.drain()
    assert hub.drain_seconds > begun > 0
    assert [record.message for record in caplog.records] == ["drain begins"]
