"""The event loop that ``serve`` runs on: uvloop where it is installed, otherwise asyncio's own."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Literal

from wizard_server.errors import ConfigError

EventLoop = Literal["auto", "asyncio", "uvloop"]


def run(main: Coroutine[Any, Any, int], loop: EventLoop) -> int:
    """Run `main` on `loop` and return its exit status; ``auto`` takes uvloop where the platform has it.

    Raises `ConfigError` when uvloop is asked for and cannot be imported.
    """
    with asyncio.Runner(loop_factory=_factory(loop)) as runner:
        return runner.run(main)


def _factory(loop: EventLoop) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if loop == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        if loop == "auto":
            return None
        raise ConfigError("[server] loop: uvloop is not installed, install it or set asyncio") from None
    return uvloop.new_event_loop
