"""Long steps that give way: what came during one of them is answered before the next."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from wizard_server.domain import time_slices
from wizard_server.domain.time_slices import TimeSlice, give_way


async def order_of(between: Callable[[], object]) -> list[str]:
    """Return in which order two steps of one task end, and a request that comes during the first of them.

    The request is a byte that the loop reads, and two turns more, as with a framework that parses and handles it.
    """
    order: list[str] = []
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)  # noqa: FBT003 - the standard library's signature

        def read() -> None:
            ours.recv(1)
            loop.call_soon(loop.call_soon, order.append, "answered")

        loop.add_reader(ours, read)
        theirs.send(b".")
        order.append("first step")
        result = between()
        if asyncio.iscoroutine(result):
            await result
        order.append("second step")
        loop.remove_reader(ours)
    return order


async def test_a_request_that_came_during_one_step_is_answered_before_the_next() -> None:
    assert await order_of(give_way) == ["first step", "answered", "second step"]


async def test_a_single_turn_would_not_do() -> None:
    assert await order_of(lambda: asyncio.sleep(0)) == ["first step", "second step"]


async def test_only_who_has_held_the_loop_for_long_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    time_slice = TimeSlice()
    monkeypatch.setattr(time_slices, "perf_counter", lambda: time_slice._since + 0.0029)
    assert await order_of(time_slice.yield_if_over) == ["first step", "second step"]
    monkeypatch.setattr(time_slices, "perf_counter", lambda: time_slice._since + 0.0031)
    assert await order_of(time_slice.yield_if_over) == ["first step", "answered", "second step"]
