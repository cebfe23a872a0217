"""An event loop in a thread of its own: servers run on it whatever loop, or none, the test has."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

Result = TypeVar("Result")

HANGS_AFTER_SECONDS = 30.0


class LoopThread:
    """A loop that runs as long as this is entered."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wizard-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(HANGS_AFTER_SECONDS)
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Result], seconds: float = HANGS_AFTER_SECONDS) -> Result:
        """Run `work` there and return its result; raises `TimeoutError` after `seconds`."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise

    async def awaited(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work` there while this loop goes on; when the caller is cancelled, so is `work`."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def left(self) -> list[str]:
        """Return what runs there still: the names of tasks."""

        async def look() -> list[str]:
            mine = asyncio.current_task()
            return [repr(task.get_coro()) for task in asyncio.all_tasks() if task is not mine]

        return self.run(look())
