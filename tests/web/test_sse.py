"""``/api/v1/events/wizard-state/{id}``: what a browser's EventSource is told, and when it ends (contract 6)."""

import asyncio
from typing import Any

import pytest

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import (
    HANGS_AFTER_SECONDS,
    INV,
    Answer,
    as_operator,
    create,
    noticed,
    patch,
    read,
    send,
    start,
    until,
    url,
)
from tests.web.push import (
    Event,
    canonical,
    events,
    events_url,
    everybody_has_gone,
    nobody_is_left,
    rebuilt,
    report,
    waiting,
)
from wizard_server.web.http.context import HUB


async def changes(client: Client, since: int) -> list[Any]:
    path = f"/api/v1/polling/wizard-state/{INV}/changes"
    answer = await send(client, "GET", path, params={"since_version": str(since)})
    assert answer.status == 200, answer.body
    found: list[Any] = answer.body["changes"]
    return found


async def test_the_headers_keep_proxies_from_buffering_and_caching(client: Client) -> None:
    await create(client)
    async with events(client) as stream:
        response = stream.response
        assert (response.status, response.content_type) == (200, "text/event-stream")
        assert "no-store" in response.headers["Cache-Control"]
        assert response.headers["X-Accel-Buffering"] == "no"
        assert "Content-Length" not in response.headers


async def test_a_stream_begins_with_the_delay_of_reconnects_and_the_state(client: Client) -> None:
    await start(client)
    async with events(client) as stream:
        retry = await stream.block()
        assert retry is not None
        assert (retry.name, retry.data > 0) == ("retry", True)
        first = await stream.event(of="state")
        assert (first.version, first.data["version"]) == (2, 2)
        assert canonical(first.data) == canonical(await read(client))
        assert set(first.data) == set(await read(client))


async def test_every_version_is_one_change_in_order_as_changes_writes_it(client: Client) -> None:
    await start(client)
    async with events(client) as stream:
        state = (await stream.event(of="state")).data
        for percent in range(5):
            await patch(client, report(percent))
        told = await stream.changes(5)
        assert [change["version"] for change in told] == [3, 4, 5, 6, 7]
        assert told == await changes(client, 2)
        assert canonical(rebuilt(state, told)) == canonical(await read(client))


async def test_a_change_carries_the_mutation_id_of_its_author(client: Client) -> None:
    await start(client)
    async with events(client) as stream:
        await stream.event(of="state")
        await patch(client, report(1), **{"Idempotency-Key": "mine-1"})
        [change] = await stream.changes(1)
        assert change["mutation_id"] == "mine-1"


async def test_an_update_that_changes_nothing_is_not_told(client: Client) -> None:
    await start(client)
    async with events(client) as stream:
        await stream.event(of="state")
        await patch(client, {"wizard_step": "PROGRESS"})
        await patch(client, report(1))
        assert [change["version"] for change in await stream.changes(1)] == [3]


async def test_the_last_event_id_resumes_without_a_gap_and_without_a_state(client: Client) -> None:
    await start(client)
    base = await read(client)
    for percent in range(3):
        await patch(client, report(percent))
    async with events(client, Last_Event_ID="2") as stream:
        missed = await stream.changes(3)
        await patch(client, report(50))
        told = missed + await stream.changes(1)
    assert [change["version"] for change in told] == [3, 4, 5, 6]
    assert canonical(rebuilt(base, told)) == canonical(await read(client))


async def test_the_last_event_id_of_the_newest_version_is_told_nothing_old(client: Client) -> None:
    await start(client)
    async with events(client, Last_Event_ID="2") as stream:
        await waiting(client)
        await patch(client, report(1))
        assert [change["version"] for change in await stream.changes(1)] == [3]


async def test_a_gap_of_hundreds_of_versions_is_filled(client: Client) -> None:
    await start(client)
    for percent in range(250):
        await patch(client, report(percent / 10))
    async with events(client, Last_Event_ID="2") as stream:
        assert [change["version"] for change in await stream.changes(250)] == list(range(3, 253))


@pytest.mark.parametrize("last", [1, 999])
async def test_an_id_outside_the_kept_history_is_answered_with_a_fresh_state(
    client: Client, database: str, last: int
) -> None:
    await start(client)
    await patch(client, report(1))
    as_operator(database, "DELETE FROM investigation_audit_log WHERE version = 2")
    async with events(client, Last_Event_ID=str(last)) as stream:
        assert (await stream.event(of="state")).version == 3
        await patch(client, report(2))
        assert [change["version"] for change in await stream.changes(1)] == [4]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "version-2", "²", "1" * 400])
async def test_a_malformed_id_is_a_422_that_names_the_header(client: Client, last: str) -> None:
    await create(client)
    answer = await send(client, "GET", events_url(), headers={"Last-Event-ID": last})
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "Last-Event-ID")
    assert nobody_is_left(client)


async def test_a_comment_comes_while_nothing_happens(start_server: StartServer) -> None:
    client = await start_server(polling={"heartbeat_seconds": 1})
    await create(client)
    async with events(client) as stream:
        await stream.event(of="state")
        assert (await stream.block(), await stream.block()) == (Event("comment", "heartbeat"),) * 2


async def test_a_deletion_is_the_last_thing_told(client: Client) -> None:
    await create(client)
    async with events(client) as stream:
        await stream.event(of="state")
        await waiting(client)
        assert (await send(client, "DELETE", url())).status == 204
        assert (await stream.event(of="closed")).data["reason"] == "deleted"
        assert await stream.block() is None
        await everybody_has_gone(client)


async def test_a_server_that_goes_down_says_so_and_ends_the_stream(client: Client) -> None:
    await create(client)
    async with events(client) as stream:
        await stream.event(of="state")
        await waiting(client)
        client.app[HUB].drain()
        assert (await stream.event(of="closed")).data["reason"] == "draining"
        assert await stream.block() is None
        await everybody_has_gone(client)


async def test_a_stream_opened_while_draining_tells_the_state_and_ends(client: Client) -> None:
    await create(client)
    client.app[HUB].drain()
    async with events(client) as stream:
        await stream.event(of="state")
        await stream.event(of="closed")
        assert await stream.block() is None


async def test_a_client_that_leaves_keeps_no_place(client: Client) -> None:
    await create(client)
    async with events(client) as stream:
        await stream.event(of="state")
        await until(lambda: client.app[HUB].parked == 1)
        stream.response.close()
    await everybody_has_gone(client)


async def test_a_user_has_no_more_streams_than_configured(start_server: StartServer) -> None:
    client = await start_server(polling={"max_push_per_user": 1})
    await create(client)
    await create(client, "inv-2", user_id="bob")
    async with events(client) as stream:
        await stream.event(of="state")
        refused = await send(client, "GET", events_url())
        assert (refused.status, refused.body["code"]) == (429, "too-many-connections")
        assert int(refused.headers["Retry-After"]) > 0
        async with events(client, "inv-2", X_User_Id="bob") as other:
            await other.event(of="state")
    await everybody_has_gone(client)
    async with events(client) as stream:
        await stream.event(of="state")


async def test_somebody_elses_is_as_absent_as_what_never_was(client: Client) -> None:
    await create(client, user_id="bob")
    others = await send(client, "GET", events_url())
    absent = await send(client, "GET", events_url("inv-9"))
    assert (others.status, absent.status) == (404, 404)
    assert others.body["detail"].replace(INV, "") == absent.body["detail"].replace("inv-9", "")
    assert nobody_is_left(client)


async def test_an_identifier_that_is_none_is_a_422(client: Client) -> None:
    answer: Answer = await send(client, "GET", events_url("a%20b"))
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "investigation_id")


async def test_without_a_trail_there_are_no_streams(start_server: StartServer) -> None:
    client = await start_server(features={"audit_logging": False})
    await create(client)
    answer = await send(client, "GET", events_url())
    assert (answer.status, answer.body["code"]) == (404, "feature-disabled")


async def test_a_head_request_is_answered_and_keeps_no_place(client: Client) -> None:
    await create(client)
    async with asyncio.timeout(HANGS_AFTER_SECONDS):
        async with client.head(events_url()) as response:
            assert await response.read() == b""
        await everybody_has_gone(client)


async def test_a_state_handed_over_to_another_user_ends_the_stream(client: Client, database: str) -> None:
    await create(client)
    async with events(client) as stream:
        await stream.event(of="state")
        await waiting(client)
        as_operator(database, "UPDATE investigation_states SET user_id = 'bob'")
        await noticed(client)
        await stream.event(of="closed")
        assert await stream.block() is None


async def test_an_operators_edit_is_told_as_what_the_trail_says(client: Client, database: str) -> None:
    await create(client)
    async with events(client) as stream:
        state = (await stream.event(of="state")).data
        await waiting(client)
        as_operator(database, "UPDATE investigation_states SET status = 'ERROR'")
        await noticed(client)
        [change] = await stream.changes(1)
        assert rebuilt(state, [change])["status"] == "ERROR"


async def test_a_poll_and_a_stream_count_together(client: Client) -> None:
    await create(client)
    async with events(client) as stream:
        await stream.event(of="state")
        answer = await send(client, "GET", "/api/v1/polling/health")
        assert answer.body["server_load"]["active_connections"] == 1


async def test_a_state_made_anew_after_a_deletion_is_told_to_who_resumes(client: Client) -> None:
    await create(client)
    before = await read(client)
    assert (await send(client, "DELETE", url())).status == 204
    await create(client, settings=factories.settings(name="Again"))
    async with events(client, Last_Event_ID="1") as stream:
        told = await stream.changes(2)
    assert canonical(rebuilt(before, told)) == canonical(await read(client))


async def test_many_streams_share_what_they_are_told(client: Client) -> None:
    await start(client)

    async def follow() -> list[int]:
        async with events(client) as stream:
            await stream.event(of="state")
            return [change["version"] for change in await stream.changes(3)]

    following = [asyncio.create_task(follow()) for _ in range(20)]
    await waiting(client, 20)
    for percent in range(3):
        await patch(client, report(percent))
    assert [await each for each in following] == [[3, 4, 5]] * 20


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\u2029", "\\\u2028", "\\u2028"])
async def test_no_event_holds_what_some_readers_take_for_the_end_of_a_line(client: Client, mark: str) -> None:
    """Readers that split a text where Python's `str.splitlines` does read the same events."""
    name = f"before{mark}after"
    await create(client, settings=factories.settings(name=name))
    async with client.get(events_url()) as response, asyncio.timeout(HANGS_AFTER_SECONDS):
        read = b""
        while read.count(b"event: change") < 1 or not read.endswith(b"\n\n"):
            read += await response.content.readany()
            if read.count(b"event: state") == 1 and b"changed" not in read and read.endswith(b"\n\n"):
                await patch(client, {"settings": factories.settings(name=name, description=f"{mark}changed{mark}")})
    text = read.decode()
    assert text.splitlines() == text.split("\n")[:-1]
    blocks = {event.name: event for event in map(Event.parse, text.strip().split("\n\n"))}
    assert blocks["state"].data["settings"]["name"] == name
    [operation] = [each for each in blocks["change"].data["patch"] if each["path"] == "/settings/description"]
    assert operation["value"] == f"{mark}changed{mark}"
