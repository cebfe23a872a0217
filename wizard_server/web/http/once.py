"""Makes one result for many concurrent callers."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")


class Once(Generic[Made]):
    """Runs `make` for the first caller and returns its result to all; a cancelled caller does not cancel the others."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, Made]]) -> None:
        self._make = make
        self._made: asyncio.Task[Made] | None = None

    async def get(self) -> Made:
        """Return what `make` returns; raise what it raises."""
        if self._made is None:
            self._made = asyncio.create_task(self._make())
        return await asyncio.shield(self._made)
