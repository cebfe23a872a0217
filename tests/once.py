"""Something that happens just before or after a step, where no port has a door."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Act = Callable[[], Awaitable[Any]]


def once(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, before: Act | None = None, after: Act | None = None
) -> None:
    """Let something happen just before or just after the next call of `name`, a coroutine function of `owner`."""
    function, calls = getattr(owner, name), iter([None])

    async def hooked(*arguments: Any, **named: Any) -> Any:
        is_first = next(calls, ...) is None
        if is_first and before is not None:
            await before()
        result = await function(*arguments, **named)
        if is_first and after is not None:
            await after()
        return result

    monkeypatch.setattr(owner, name, hooked)
