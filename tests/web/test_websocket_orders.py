"""Commits, syncs and deletions forced to every moment of a WebSocket: none is missed, none is told twice."""

from typing import Any

import orjson
import pytest

from tests.conftest import Client
from tests.web.helpers import Door, engine_of, noticed, patch, read, send, soon, start, url
from tests.web.moments import around_the_next_read
from tests.web.purging import bury
from tests.web.push import (
    canonical,
    closing,
    commit_together,
    everybody_has_gone,
    rebuilt,
    report,
    socket,
    told,
    updates,
    waiting,
)
from wizard_server.errors import StorageUnavailableError
from wizard_server.web.live import websocket


def hold_sending(monkeypatch: pytest.MonkeyPatch, kind: str) -> Door:
    """Hold the server before it sends messages of a type."""
    door, send = Door(), websocket.Session.write
    named = f'"type":"{kind}"'.encode()

    async def held(self: websocket.Session, text: bytes) -> None:
        if named in text[:100]:
            await door.go_through()
        await send(self, text)

    monkeypatch.setattr(websocket.Session, "write", held)
    return door


async def test_commits_between_the_first_read_and_the_first_wait_are_updates(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write() -> None:
        for percent in range(3):
            await patch(client, report(percent))

    await start(client)
    around_the_next_read(monkeypatch, client, after=write)
    async with socket(client) as opened:
        assert (await told(opened, of="connection_established"))["version"] == 2
        assert [message["version"] for message in await updates(opened, 3)] == [3, 4, 5]


async def test_several_changes_of_one_commit_are_told_one_by_one(client: Client) -> None:
    await start(client)
    async with socket(client) as opened:
        state = (await told(opened, of="connection_established"))["state"]
        await waiting(client)
        writing = await commit_together(client, 1, 2, 3, 4)
        messages = await updates(opened, 4)
        assert [message["version"] for message in messages] == [3, 4, 5, 6]
        assert [(await soon(task)).status for task in writing] == [200] * 5
        assert canonical(rebuilt(state, messages)) == canonical(await read(client))


async def test_commits_while_a_change_is_being_sent_follow_in_order(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(client)
    door = hold_sending(monkeypatch, "state_updated")
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await waiting(client)
        await patch(client, report(1))
        await door.reached.wait()
        for percent in range(2, 6):
            await patch(client, report(percent))
        door.open()
        assert [message["version"] for message in await updates(opened, 5)] == [3, 4, 5, 6, 7]


async def test_a_sync_while_changes_are_being_sent_is_never_followed_by_what_it_holds(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(client)
    door = hold_sending(monkeypatch, "state_updated")
    async with socket(client) as opened:
        state = (await told(opened, of="connection_established"))["state"]
        await waiting(client)
        await patch(client, report(1))
        await door.reached.wait()
        await patch(client, report(2))
        await opened.send_json({"type": "sync"})
        await opened.send_json({"type": "heartbeat"})
        while state["version"] < 5:
            message = orjson.loads(await opened.receive_str())
            if message["type"] == "heartbeat":  # so the sync before it has been read as well
                door.open()
                await patch(client, report(3))
                continue
            assert message["version"] > state["version"] or message["type"] == "state_sync", message
            state = message.get("state") or rebuilt(state, [message])
        assert canonical(state) == canonical(await read(client))


async def test_a_deletion_just_before_a_sync_is_told_as_one(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await start(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await waiting(client)
        around_the_next_read(monkeypatch, client, before=lambda: send(client, "DELETE", url()))
        await opened.send_json({"type": "sync"})
        assert await closing(opened) == (4004, "deleted")
    await everybody_has_gone(client)


async def test_a_sync_that_meets_a_deletion_being_told_does_not_break_it_off(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(client)
    door = hold_sending(monkeypatch, "connection_closed")
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await waiting(client)
        await send(client, "DELETE", url())
        await door.reached.wait()
        await opened.send_json({"type": "sync"})
        await opened.send_json({"type": "heartbeat"})
        assert (await send(client, "GET", "/healthz")).status == 200
        door.open()
        assert await closing(opened) == (4004, "deleted")
    await everybody_has_gone(client)


async def test_what_retention_removes_while_a_change_is_being_sent_closes_with_a_code(
    client: Client, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(client)
    door = hold_sending(monkeypatch, "state_updated")
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await waiting(client)
        await patch(client, report(1))
        await door.reached.wait()
        bury(database)
        await noticed(client)
        door.open()
        await updates(opened, 1)
        assert (await closing(opened))[0] == 4004


async def test_what_retention_removes_closes_with_a_code(
    client: Client, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    await start(client)
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await waiting(client)
        bury(database)
        await noticed(client)
        assert (await closing(opened))[0] == 4004
    await everybody_has_gone(client)
    assert "unforeseen" not in caplog.text


async def test_a_database_that_cannot_be_read_is_not_told_as_a_deletion(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*args: Any) -> Any:
        raise StorageUnavailableError("the database is busy")

    await start(client)
    door = hold_sending(monkeypatch, "state_updated")
    async with socket(client) as opened:
        await told(opened, of="connection_established")
        await waiting(client)
        await patch(client, report(1))
        await door.reached.wait()
        engine_of(client).statements["audit.after"] = unavailable
        await patch(client, report(2))
        await patch(client, report(3))
        door.open()
        await updates(opened, 1)
        code, _ = await closing(opened)
        assert code in (1001, 1011, 1012, 1013)
    await everybody_has_gone(client)
