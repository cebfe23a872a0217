"""Whom a pool serves: the next, with what somebody else has opened and left; nobody, while nothing can be opened."""

import asyncio
from contextlib import suppress

import pytest

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.pool import Pool

_SIZE = 2
_HANGS_AFTER_SECONDS = 30


class Opened:
    """A connection that knows whether it is open."""

    is_usable = True

    def __init__(self) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False


class Slow:
    """Opens connections once it is let, unless there is an `error`."""

    def __init__(self) -> None:
        self.asked = 0
        self.let = asyncio.Event()
        self.error: StorageUnavailableError | None = None
        self.made: list[Opened] = []
        self.pool = Pool(self._open, size=_SIZE, overflow=1, timeout=20)

    async def _open(self) -> Opened:
        self.asked += 1
        await self.let.wait()
        if self.error is not None:
            raise self.error
        self.made.append(Opened())
        return self.made[-1]

    async def use(self) -> None:
        """Lend a connection and give it back."""
        async with self.pool.acquire():
            pass

    async def leave_while_it_opens(self) -> None:
        """Ask for a connection, and go away before it is open."""
        before, task = self.asked, asyncio.create_task(self.use())
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


async def test_where_nothing_can_be_opened_nobody_who_has_waited_tries_again() -> None:
    slow, most = Slow(), _SIZE + 1
    waiting = [asyncio.create_task(slow.use()) for _ in range(10 * most)]
    while slow.asked < most:  # noqa: ASYNC110 - the pool asks on its own, and tells nobody
        await asyncio.sleep(0)
    slow.error = StorageUnavailableError("nothing answers")
    slow.let.set()
    met = await asyncio.gather(*waiting, return_exceptions=True)
    assert {str(each) for each in met} == {"nothing answers"}
    refused = met[most:]
    assert len({id(each) for each in refused}) == len(refused), "each has its own"
    assert slow.asked == most


async def test_a_pool_whose_server_is_there_again_opens_the_next() -> None:
    slow = Slow()
    slow.error = StorageUnavailableError("nothing answers")
    slow.let.set()
    with pytest.raises(StorageUnavailableError):
        await slow.use()
    slow.error = None
    async with asyncio.timeout(_HANGS_AFTER_SECONDS):
        while not slow.made:
            with suppress(StorageUnavailableError):
                await slow.use()
            await asyncio.sleep(0)
    await slow.use()
    assert len(slow.made) == 1, "who comes later meets no failure of before"
