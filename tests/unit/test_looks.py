"""Whoever needs a look at the database gets one that began after they came, together with others."""

import asyncio

import pytest

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.looks import Looks

SECONDS = 0.05
PATIENCE_SECONDS = 30.0


class Held:
    """A look that is held until it is let go; `errors` are raised in their turn, None for a look that succeeds."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.begun = 0
        self.entered = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self) -> bool:
        self.begun += 1
        self.entered.set()
        await self.go.wait()
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return True


async def test_those_who_come_before_a_look_begins_share_it() -> None:
    look = Held()
    looks = Looks(look)
    look.go.set()
    assert await asyncio.gather(*(looks.after() for _ in range(100))) == [True] * 100
    assert look.begun == 1


async def test_those_who_come_while_one_is_under_way_share_the_next() -> None:
    look = Held()
    looks = Looks(look)
    first = asyncio.create_task(looks.after())
    await look.entered.wait()
    later = [asyncio.create_task(looks.after()) for _ in range(10)]
    await asyncio.sleep(0)
    look.go.set()
    await first
    assert not any(task.done() for task in later)
    await asyncio.gather(*later)
    assert look.begun == 2


async def test_each_is_told_why_a_look_failed_and_the_next_is_made_anew() -> None:
    look = Held(StorageUnavailableError("away"), None)
    looks = Looks(look)
    look.go.set()
    outcomes = await asyncio.gather(*(looks.after() for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailableError] * 3
    assert len({id(outcome) for outcome in outcomes}) == 3
    assert await looks.after()


async def test_one_who_goes_away_takes_nobody_along() -> None:
    look = Held()
    looks = Looks(look)
    leaving, staying = asyncio.create_task(looks.after()), asyncio.create_task(looks.after())
    await look.entered.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    look.go.set()
    assert await staying


async def test_a_look_that_began_since_is_enough() -> None:
    look = Held(None, StorageUnavailableError("away"))
    looks = Looks(look)
    look.go.set()
    came = asyncio.get_running_loop().time()
    await looks.after()
    assert (await looks.after(came), look.begun) == (False, 1)
    with pytest.raises(StorageUnavailableError):
        await looks.after(asyncio.get_running_loop().time())
    assert (await looks.after(came), look.begun) == (False, 2), "a look that failed takes nothing back"


async def test_nobody_waits_for_long_for_a_look_that_is_never_answered() -> None:
    look = Held()
    looks = Looks(look, SECONDS)
    under_way = asyncio.create_task(looks.after())
    await look.entered.wait()
    later = asyncio.create_task(looks.after())
    for waiting in (under_way, later, asyncio.create_task(looks.after())):
        with pytest.raises(StorageUnavailableError, match=f"has not answered within {SECONDS:g} s"):
            await waiting
    assert look.begun == 1
    look.entered.clear()
    look.go.set()
    await look.entered.wait()
    assert await looks.after(), "it goes on by itself"


async def test_a_look_that_is_answered_in_time_is_one_like_any_other() -> None:
    look = Held(StorageUnavailableError("away"), None)
    looks = Looks(look, PATIENCE_SECONDS)
    look.go.set()
    with pytest.raises(StorageUnavailableError, match="away"):
        await looks.after()
    assert await asyncio.gather(*(looks.after() for _ in range(10))) == [True] * 10
    assert look.begun == 2
