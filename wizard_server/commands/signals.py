"""SIGINT and SIGTERM in commands."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any

from wizard_server.commands.console import P, tell

INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def asked_to_stop() -> Iterator[asyncio.Event]:
    """Yield an event that SIGINT and SIGTERM set, instead of ending the process."""
    stop = asyncio.Event()
    with _signals_call(stop.set):
        yield stop


@contextmanager
def _signals_call(handler: Callable[[], object]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    installed = []
    for number in _SIGNALS:
        with suppress(NotImplementedError, RuntimeError):  # not supported here, or not the main thread
            loop.add_signal_handler(number, handler)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)


def interruptible(command: Callable[P, Awaitable[int]]) -> Callable[P, Coroutine[Any, Any, int]]:
    """Make SIGINT and SIGTERM cancel `command`, which undoes its work, and return `INTERRUPTED`."""

    @wraps(command)
    async def undone(*args: P.args, **kwargs: P.kwargs) -> int:
        task = asyncio.ensure_future(command(*args, **kwargs))
        with _signals_call(task.cancel):
            try:
                return await task
            except asyncio.CancelledError:
                if not task.cancelled():
                    raise
                tell("wizard-server: interrupted, and undone")
                return INTERRUPTED

    return undone
