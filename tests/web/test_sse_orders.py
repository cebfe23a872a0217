"""Commits, deletions and failures forced to every moment of an event stream: none is missed, none is told twice."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Client
from tests.web.helpers import INV, Door, engine_of, hold_told, noticed, patch, read, send, sending, soon, start, url
from tests.web.moments import around_the_next_read
from tests.web.purging import bury
from tests.web.push import canonical, commit_together, events, everybody_has_gone, rebuilt, report, waiting
from wizard_server.errors import StorageUnavailableError
from wizard_server.web.live import sse


def hold_sending(monkeypatch: pytest.MonkeyPatch) -> Door:
    """Hold the server before it writes a change; what a socket takes cannot be held from outside."""
    door, send = Door(), sse.Sender.send

    async def held(self: sse.Sender, text: bytes) -> None:
        if text.startswith(b"event: change"):
            await door.go_through()
        await send(self, text)

    monkeypatch.setattr(sse.Sender, "send", held)
    return door


async def test_a_commit_just_before_the_first_read_is_in_the_state(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(client)
    around_the_next_read(monkeypatch, client, before=lambda: patch(client, report(1)))
    async with events(client) as stream:
        assert (await stream.event(of="state")).version == 3
        await patch(client, report(2))
        assert [change["version"] for change in await stream.changes(1)] == [4]


@pytest.mark.parametrize("count", [1, 3])
async def test_commits_between_the_first_read_and_the_first_wait_are_changes(
    client: Client, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    async def write() -> None:
        for percent in range(count):
            await patch(client, report(percent))

    await start(client)
    around_the_next_read(monkeypatch, client, after=write)
    async with events(client) as stream:
        assert (await stream.event(of="state")).version == 2
        assert [change["version"] for change in await stream.changes(count)] == list(range(3, 3 + count))


async def test_several_changes_of_one_commit_are_told_one_by_one(client: Client) -> None:
    await start(client)
    async with events(client) as stream:
        state = (await stream.event(of="state")).data
        await waiting(client)
        writing = await commit_together(client, 1, 2, 3, 4)
        told = await stream.changes(4)
        assert [change["version"] for change in told] == [3, 4, 5, 6]
        assert [(await soon(task)).status for task in writing] == [200] * 5
        assert canonical(rebuilt(state, told)) == canonical(await read(client))


async def test_commits_while_a_change_is_being_sent_follow_in_order(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub keeps the newest event only: the gap before it comes from the trail."""
    await start(client)
    door = hold_sending(monkeypatch)
    async with events(client) as stream:
        state = (await stream.event(of="state")).data
        await waiting(client)
        await patch(client, report(1))
        await door.reached.wait()
        for percent in range(2, 6):
            await patch(client, report(percent))
        door.open()
        told = await stream.changes(5)
        assert [change["version"] for change in told] == [3, 4, 5, 6, 7]
        assert canonical(rebuilt(state, told)) == canonical(await read(client))


async def test_a_deletion_while_a_change_is_being_sent_ends_the_stream_after_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(client)
    door = hold_sending(monkeypatch)
    async with events(client) as stream:
        await stream.event(of="state")
        await waiting(client)
        await patch(client, report(1))
        await door.reached.wait()
        await send(client, "DELETE", url())
        door.open()
        await stream.changes(1)
        assert (await stream.event(of="closed")).data["reason"] == "deleted"


async def test_a_commit_that_is_on_disk_and_not_yet_known_costs_nobody_the_history(client: Client) -> None:
    """Readers of the trail see a commit before the server does; that is no gap."""
    await start(client)
    await patch(client, report(1))
    door = hold_told(client)
    writing = sending(client, "PATCH", url(), json=report(2))
    await door.reached.wait()
    answer = await send(client, "GET", f"/api/v1/polling/wizard-state/{INV}/changes?since_version=2")
    door.open()
    assert (await soon(writing)).status == 200
    assert (answer.status, answer.body.get("code")) == (200, None)
    assert answer.body["changes"][0]["version"] == 3


async def test_a_stream_that_begins_before_a_commit_is_known_resumes_without_a_state(client: Client) -> None:
    await start(client)
    await patch(client, report(1))
    door = hold_told(client)
    writing = sending(client, "PATCH", url(), json=report(2))
    await door.reached.wait()
    async with events(client, Last_Event_ID="2") as stream:
        first = await stream.block(), await stream.block()
        door.open()
        assert (await soon(writing)).status == 200
        assert [event.name for event in first if event] == ["retry", "change"]


async def test_what_retention_removes_ends_the_stream(
    client: Client, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    await start(client)
    async with events(client) as stream:
        await stream.event(of="state")
        await waiting(client)
        bury(database)
        await noticed(client)
        await stream.event(of="closed")
        assert await stream.block() is None
    await everybody_has_gone(client)
    assert "unforeseen" not in caplog.text


async def test_what_retention_removes_while_a_change_is_being_sent_ends_the_stream(
    client: Client, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(client)
    door = hold_sending(monkeypatch)
    async with events(client) as stream:
        await stream.event(of="state")
        await waiting(client)
        await patch(client, report(1))
        await door.reached.wait()
        bury(database)
        await noticed(client)
        door.open()
        await stream.changes(1)
        await stream.event(of="closed")
        assert await stream.block() is None


async def test_a_database_that_cannot_be_read_is_not_told_as_a_deletion(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*args: Any) -> Any:
        raise StorageUnavailableError("the database is busy")

    await start(client)
    door = hold_sending(monkeypatch)
    async with events(client) as stream:
        await stream.event(of="state")
        await waiting(client)
        await patch(client, report(1))
        await door.reached.wait()
        engine_of(client).statements["audit.after"] = unavailable
        await patch(client, report(2))
        await patch(client, report(3))
        door.open()
        await stream.changes(1)
        last = await stream.block()
        assert last is None or last.data != {"reason": "deleted"}
    await everybody_has_gone(client)


async def test_a_client_that_vanishes_just_before_a_write_is_no_unforeseen_error(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    send = sse.Sender.send

    async def vanishing(self: sse.Sender, text: bytes) -> None:
        if text.startswith(b"event: change"):
            request = self._response._req
            assert request is not None
            assert request.transport is not None
            request.transport.abort()
        await send(self, text)

    await start(client)
    monkeypatch.setattr(sse.Sender, "send", vanishing)
    async with events(client) as stream:
        await stream.event(of="state")
        await waiting(client)
        await asyncio.gather(*(patch(client, report(percent)) for percent in range(3)))
        await everybody_has_gone(client)
    assert "unforeseen" not in caplog.text
