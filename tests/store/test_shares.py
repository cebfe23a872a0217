"""The readers are lent by turns: no user takes them all, and who goes away while waiting leaves nothing behind."""

import asyncio
from weakref import WeakSet

from wizard_server.storage.shares import Shares


class Order:
    """Users who want a place, and the order in which they got it; each keeps it until told."""

    def __init__(self, count: int) -> None:
        self.shares = Shares(count)
        self.got: list[str | None] = []
        self.leaving: list[asyncio.Event] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def want(self, *users: str | None) -> None:
        for user in users:
            self.tasks.append(asyncio.create_task(self._use(user)))
            await settled()

    async def _use(self, user: str | None) -> None:
        await self.shares.take(user)
        try:
            self.got.append(user)
            leave = asyncio.Event()
            self.leaving.append(leave)
            await leave.wait()
        finally:
            self.shares.give_back(user)

    async def leave(self) -> None:
        """Whoever has had a place the longest gives it back."""
        self.leaving.pop(0).set()
        await settled()

    async def end(self) -> None:
        while self.leaving:
            await self.leave()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class User(str):
    """A name of which one can tell whether anybody still has it."""


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_users_are_served_by_turns_however_much_one_of_them_wants() -> None:
    order = Order(1)
    await order.want("ann", "ann", "ann", "ann", "bob", "eve", "bob")
    for _ in range(6):
        await order.leave()
    assert order.got == ["ann", "bob", "eve", "ann", "bob", "ann", "ann"]
    await order.end()


async def test_a_user_has_one_place_at_a_time_also_while_others_are_free() -> None:
    order = Order(3)
    await order.want("ann", "ann", "ann")
    assert order.got == ["ann"]
    await order.want("bob", "eve", "joe")
    assert order.got == ["ann", "bob", "eve"]
    await order.leave()
    assert order.got == ["ann", "bob", "eve", "joe"]
    await order.leave()
    assert order.got == ["ann", "bob", "eve", "joe", "ann"]
    await order.end()
    assert order.got == ["ann", "bob", "eve", "joe", "ann", "ann"]


async def test_the_server_itself_may_have_all_that_is_free_and_waits_its_turn() -> None:
    order = Order(2)
    await order.want(None, None, "ann", None)
    assert order.got == [None, None]
    await order.leave()
    assert order.got == [None, None, "ann"]
    await order.end()
    assert order.got == [None, None, "ann", None]


async def test_who_goes_away_while_waiting_is_passed_over() -> None:
    order = Order(1)
    await order.want("ann", "bob", "eve")
    order.tasks[1].cancel()
    await settled()
    await order.leave()
    assert order.got == ["ann", "eve"]
    await order.end()
    await order.want("bob")
    assert order.got == ["ann", "eve", "bob"], "and may come again"
    await order.end()


async def test_who_goes_away_in_the_moment_it_gets_a_place_hands_it_on() -> None:
    order = Order(1)
    await order.want("ann", "bob", "eve")
    order.leaving[0].set()
    await asyncio.sleep(0)  # ann has given it back, and it is bob's, who has not yet run
    order.tasks[1].cancel()
    await settled()
    assert order.got == ["ann", "eve"]
    order.leaving.pop(0)
    await order.end()
    await order.want("joe")
    assert order.got == ["ann", "eve", "joe"]
    await order.end()


async def test_nothing_is_kept_of_users_who_are_done() -> None:
    order, known = Order(2), WeakSet[User]()
    for number in range(50):
        user = User(f"user-{number}")
        known.add(user)
        await order.want(user)
    del user
    assert (len(known), order.shares.waiting) == (50, 48)
    await order.end()
    order.got.clear()
    order.tasks.clear()
    assert (len(known), order.shares.waiting) == (0, 0)
