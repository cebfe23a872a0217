"""What a pool opens for somebody who goes away meanwhile serves the next, and is closed where it would be too many."""

import asyncio
from contextlib import suppress

import pytest

from wizard_server.storage.pool import Pool

_SIZE = 2


class Opened:
    """A connection that knows whether it is open."""

    is_usable = True

    def __init__(self) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False


class Slow:
    """Opens connections once it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.let = asyncio.Event()
        self.made: list[Opened] = []
        self.pool = Pool(self._open, size=_SIZE, overflow=1, timeout=20)

    async def _open(self) -> Opened:
        self.asked += 1
        await self.let.wait()
        self.made.append(Opened())
        return self.made[-1]

    async def _use(self) -> None:
        async with self.pool.acquire():
            pass

    async def leave_while_it_opens(self) -> None:
        """Ask for a connection, and go away before it is open."""
        before, task = self.asked, asyncio.create_task(self._use())
        while self.asked == before:  # noqa: ASYNC110 - the pool asks on its own, and tells nobody
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def open_all(self) -> list[Opened]:
        """Let everything be opened; return what is open afterwards."""
        self.let.set()
        for _ in range(10 * self.asked):
            await asyncio.sleep(0)
        assert len(self.made) == self.asked
        return [each for each in self.made if each.is_open]


@pytest.mark.parametrize("gone", [1, _SIZE, 20])
async def test_no_more_is_kept_open_than_the_pool_keeps(gone: int) -> None:
    slow = Slow()
    for _ in range(gone):
        await slow.leave_while_it_opens()
    kept = await slow.open_all()
    assert len(kept) == min(gone, _SIZE)
    async with slow.pool.acquire() as lent:
        assert lent in kept, "it serves the next"
    await slow.pool.close()
    assert not [each for each in slow.made if each.is_open]


async def test_what_opens_after_the_end_is_closed() -> None:
    slow = Slow()
    await slow.leave_while_it_opens()
    await slow.pool.close()
    assert await slow.open_all() == []
