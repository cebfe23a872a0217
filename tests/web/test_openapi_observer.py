"""The observer, who watches every answer that the tests see, tells each kind of difference from the description."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import Client, StartServer
from tests.observer import Observer
from tests.web.helpers import create, engine_of, read, send, url
from wizard_server.app import DATABASE
from wizard_server.domain.rules import Rules
from wizard_server.errors import StateExistsError
from wizard_server.web.api import state_body


@pytest.fixture
async def expecting(start_server: StartServer, observer: Observer) -> AsyncIterator[Client]:
    """A client whose test expects exactly one difference."""
    client = await start_server()
    await create(client)
    await read(client)
    assert observer.differences == []
    yield client
    assert len(observer.differences) == 1, observer.differences
    observer.differences.clear()


async def test_a_status_that_is_not_described(expecting: Client, observer: Observer) -> None:
    async def conflict(*_: Any) -> Any:
        raise StateExistsError("on a route that never says so")

    expecting.app[DATABASE].forget()
    engine_of(expecting).statements["states.get"] = conflict
    assert (await send(expecting, "GET", url())).status == 409
    assert "409 is not described" in observer.differences[0]


async def test_a_header_that_is_not_described(
    expecting: Client, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = state_body.shared_head
    monkeypatch.setattr(state_body, "shared_head", lambda *args: plain(*args) + b"X-Surprise: 1\r\n")
    await send(expecting, "GET", url())
    assert "x-surprise" in observer.differences[0]


async def test_a_member_that_is_not_described(
    expecting: Client, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rules, "marks", lambda *_: {"surprise": True})
    await send(expecting, "GET", url())
    assert "surprise" in observer.differences[0]


async def test_a_problem_with_a_code_of_another_route(
    expecting: Client, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wizard_server.errors.NotFoundError.code", "feature-disabled")
    assert (await send(expecting, "DELETE", url("unknown"))).body["code"] == "feature-disabled"
    assert "feature-disabled" in observer.differences[0]
