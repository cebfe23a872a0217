"""Ctrl-C, SIGTERM and a closed terminal: each ends what is under way, and what has to be cleaned up still is."""

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818 - it is what happened, not an error
    """A signal came before the work was done."""


class Interrupts:
    """The first signal that came, if any; later ones change nothing, so that cleaning up is not interrupted."""

    def __init__(self) -> None:
        self._came: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def note(self, number: int) -> None:
        """Take note of a signal."""
        if not self._came.done():
            self._came.set_result(number)

    @property
    def exit_status(self) -> int:
        """What a shell expects of a process that ended for the signal that came; 0 when none did."""
        return 128 + self._came.result() if self._came.done() else 0

    async def wait(self) -> None:
        """Return when a signal has come."""
        await asyncio.wait({self._came})

    async def end(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Return what `work` returns; when a signal comes first, cancel `work` and raise `Interrupted`."""
        task = asyncio.create_task(work)
        either: set[asyncio.Future[Any]] = {task, self._came}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Interrupted(f"Interrupted by {signal.Signals(self._came.result()).name}")
        finally:
            task.cancel()
            await asyncio.wait({task})


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Catch the signals until the end of the block."""
    loop = asyncio.get_running_loop()
    caught = Interrupts()
    for number in SIGNALS:
        loop.add_signal_handler(number, caught.note, number)
    try:
        yield caught
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
