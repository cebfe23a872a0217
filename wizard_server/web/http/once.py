"""What many ask for at the same time is made once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")


class Once(Generic[Made]):
    """Makes something for the first who asks, and gives it to all; who goes away meanwhile ends it for nobody."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, Made]]) -> None:
        self._make = make
        self._made: asyncio.Task[Made] | None = None

    async def get(self) -> Made:
        """Return what `make` returns; raise what it raises."""
        if self._made is None:
            self._made = asyncio.create_task(self._make())
        return await asyncio.shield(self._made)
