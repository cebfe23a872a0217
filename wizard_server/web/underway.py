"""Which requests are under way: a server that goes down lets them end."""

import asyncio
from types import TracebackType


class UnderWay:
    """Counts what is entered and not yet left."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def __enter__(self) -> None:
        self._count += 1
        self._none.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._count -= 1
        if not self._count:
            self._none.set()

    async def none_left(self) -> None:
        """Return once nothing is under way."""
        await self._none.wait()
