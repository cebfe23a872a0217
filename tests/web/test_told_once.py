"""What one commit tells is made once for all who watch, whatever they watch it over (contract 4 and 5)."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import orjson
import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.dashboards import ACTIVE
from tests.web.helpers import create, parked, patch, poll_url, send, sending, url
from tests.web.push import events, socket, told, waiting
from wizard_server.domain import history, record
from wizard_server.web.live import listing

EACH = 12
LINES = [f"a line of the log: {number}" for number in range(200)]


def counting(monkeypatch: pytest.MonkeyPatch, counts: Counter[str], module: Any, name: str) -> None:
    """Count the calls of a function."""
    function = getattr(module, name)

    def counted(*arguments: Any) -> Any:
        counts[name] += 1
        return function(*arguments)

    monkeypatch.setattr(module, name, counted)


async def test_a_change_is_encoded_once_for_all_transports_and_compressed_once_for_all_polls(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = Counter[str]()
    counting(monkeypatch, counts, history, "to_patch")
    counting(monkeypatch, counts, listing, "deflated")
    await create(client)
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(events(client)) for _ in range(EACH)]
        sockets = [await stack.enter_async_context(socket(client)) for _ in range(EACH)]
        for each in sockets:
            await told(each, of="connection_established")
        for stream in streams:
            await stream.event(of="state")
        asked = {"since_version": "1", "wait": "30"}
        polls = [
            sending(client, "GET", f"{poll_url()}/changes", params=asked, headers={"Accept-Encoding": coding})
            for coding in ("gzip", "identity")
            for _ in range(EACH)
        ]
        await waiting(client, 4 * EACH)
        await patch(client, {"settings": factories.settings(description="\n".join(LINES))})
        answers = await asyncio.gather(*polls)
        changes = [answer.body["changes"][0] for answer in answers]
        changes += [(await stream.changes(1))[0] for stream in streams]
        messages = [await told(each, of="state_updated") for each in sockets]
    named = {"type": "state_updated", "investigation_id": messages[0]["investigation_id"]}
    assert all(message == {**named, **changes[0]} for message in messages)
    assert all(change == changes[0] for change in changes)
    assert {answer.body["to_version"] for answer in answers} == {2}
    assert counts == {"to_patch": 1, "deflated": 1}


async def test_a_dashboards_row_is_made_once_for_all_who_show_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = Counter[str]()
    counting(monkeypatch, counts, record, "list_row")
    await create(client)
    first = await send(client, "GET", ACTIVE)
    asked = {"cursor": str(first.body["cursor"]), "wait": "30"}
    polls = [sending(client, "GET", ACTIVE, params=asked) for _ in range(EACH)]
    await parked(client, EACH)
    await patch(client, {"settings": factories.settings(name="another")})
    rows = [answer.body["investigations"] for answer in await asyncio.gather(*polls)]
    assert [row["name"] for [row] in rows] == ["another"] * EACH
    assert counts == {"list_row": 1}


async def test_who_goes_away_while_the_answer_is_made_ends_it_for_nobody(start_server: StartServer) -> None:
    client = await start_server()
    await create(client)
    asked = {"since_version": "1", "wait": "30"}
    polls = [sending(client, "GET", f"{poll_url()}/changes", params=asked) for _ in range(2)]
    await parked(client, 2)
    changed = asyncio.create_task(patch(client, {"settings": factories.settings(name="another")}))
    polls[0].cancel()
    answer = await polls[1]
    await changed
    assert (answer.status, answer.body["to_version"]) == (200, 2)
    assert orjson.dumps(answer.body["changes"][0]["fields_changed"]) == b'["settings"]'
    assert (await send(client, "GET", url())).status == 200
