"""``[server] loop``: which event loop a server runs on, and what is said where it is not installed."""

import asyncio
import sys

import pytest
import uvloop

from wizard_server.commands import event_loop
from wizard_server.config.models import EventLoop
from wizard_server.errors import ConfigError


async def is_on_uvloop() -> int:
    return int(isinstance(asyncio.get_running_loop(), uvloop.Loop))


@pytest.mark.parametrize(("loop", "on_uvloop"), [("asyncio", 0), ("uvloop", 1), ("auto", 1)])
def test_the_loop_is_the_configured_one(loop: EventLoop, on_uvloop: int) -> None:
    assert event_loop.run(is_on_uvloop(), loop) == on_uvloop


@pytest.fixture
def no_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that has no uvloop."""
    monkeypatch.setitem(sys.modules, "uvloop", None)


@pytest.mark.usefixtures("no_uvloop")
def test_without_uvloop_auto_takes_the_loop_of_the_language() -> None:
    event_loop.require("auto")
    assert event_loop.run(is_on_uvloop(), "auto") == 0


@pytest.mark.usefixtures("no_uvloop")
def test_without_uvloop_a_server_that_wants_it_says_how_to_go_on() -> None:
    with pytest.raises(ConfigError, match=r"\[server\] loop.*install it or set asyncio"):
        event_loop.require("uvloop")
