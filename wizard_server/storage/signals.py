"""When the feed looks, where the database sends no hints."""

import asyncio


class Ticking:
    """A `Signal` of an engine without hints: every wait lasts its time."""

    def __init__(self, *, busy_seconds: float, idle_seconds: float) -> None:
        self.busy_seconds = busy_seconds
        self.idle_seconds = idle_seconds

    async def wait(self, seconds: float) -> bool:
        """See `Signal`."""
        await asyncio.sleep(seconds)
        return False

    def send(self) -> None:
        """See `Signal`; the others look by themselves."""
