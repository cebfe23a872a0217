"""Two servers on one database: what one commits reaches who waits at the other, and nobody is told what is not so."""

import asyncio

import pytest

from tests.conftest import Client, StartServer
from tests.gated import without_looks
from tests.web.dashboards import ask, cursor, waiting
from tests.web.dashboards import told as listed
from tests.web.deltas import CHANGES
from tests.web.helpers import create, engine_of, parked, patch, poll, polling, read, send, soon, start, url
from tests.web.push import events, socket, told

ERROR = {"status": "ERROR"}


@pytest.fixture
async def pair(start_server: StartServer) -> tuple[Client, Client]:
    """Two servers; the second knows inv-1 at version 2, and looks at what others commit twice a second."""
    one, two = await start_server(), await start_server()
    await start(one)
    await read(two)
    return one, two


@pytest.fixture
async def blind(start_server: StartServer) -> tuple[Client, Client]:
    """Two servers; the second looks at what others commit when it has to, and has inv-1 of version 3 at version 2."""
    one, two = await start_server(opening=without_looks), await start_server(opening=without_looks)
    await start(one)
    await read(two)
    await patch(one, ERROR)
    assert (await read(two))["version"] == 2
    return one, two


async def test_a_poll_that_is_parked_at_the_other_server_is_answered(pair: tuple[Client, Client]) -> None:
    one, two = pair
    task = polling(two, since_version=2)
    await parked(two)
    changed = await patch(one, ERROR)
    answer = (await soon(task)).body
    assert (answer["version"], answer["state"]["status"], "reset" in answer) == (3, "ERROR", False)
    assert answer["state"]["updated_at"] == changed["updated_at"]


async def test_streams_at_the_other_server_are_sent_each_change_once(pair: tuple[Client, Client]) -> None:
    one, two = pair
    async with events(two) as stream, socket(two) as opened:
        await stream.event(of="state")
        await told(opened, of="connection_established")
        for percent in (10, 20, 30):
            await send(one, "POST", url(suffix="/progress"), json={"overall_progress": percent})
        assert [change["version"] for change in await stream.changes(3)] == [3, 4, 5]
        assert [(await told(opened, of="state_updated"))["version"] for _ in range(3)] == [3, 4, 5]


async def test_changes_at_the_other_server_are_waited_for(pair: tuple[Client, Client]) -> None:
    one, two = pair
    task = asyncio.create_task(send(two, "GET", CHANGES, params={"since_version": "2", "wait": "30"}))
    await parked(two)
    await patch(one, ERROR)
    answer = await soon(task)
    assert [change["version"] for change in answer.body["changes"]] == [3]


async def test_a_deletion_reaches_the_other_server(pair: tuple[Client, Client]) -> None:
    one, two = pair
    task = polling(two, since_version=2)
    await parked(two)
    assert (await send(one, "DELETE", url())).status == 204
    assert (await soon(task)).status == 404


async def test_a_dashboard_is_told_of_both_servers_changes_once(pair: tuple[Client, Client]) -> None:
    one, two = pair
    await create(one, "inv-2")
    place = await cursor(two)
    seen: list[str] = []
    task = waiting(two, place)
    await parked(two)
    await patch(one, ERROR)
    await patch(two, {"wizard_step": "PROGRESS"}, "inv-2")
    while len(seen) < 2:
        answer = await soon(task)
        seen += listed(answer)[0]
        task = waiting(two, answer.body["cursor"])
    await parked(two)
    assert sorted(seen) == ["inv-1", "inv-2"]
    assert listed(await ask(two, cursor=answer.body["cursor"])) == ([], [])
    task.cancel()


@pytest.mark.needs("silence")
async def test_a_poll_whose_client_is_ahead_is_told_nothing_has_changed(blind: tuple[Client, Client]) -> None:
    answer = (await poll(blind[1], since_version=3)).body
    assert (answer["has_changes"], answer["version"], "reset" in answer) == (False, 3, False)


@pytest.mark.needs("silence")
async def test_a_poll_whose_client_is_ahead_parks(blind: tuple[Client, Client]) -> None:
    two = blind[1]
    task = polling(two, since_version=3)
    await parked(two)
    await patch(two, {"status": "IN_PROGRESS"})
    answer = (await soon(task)).body
    assert (answer["version"], "reset" in answer) == (4, False)


@pytest.mark.needs("silence")
@pytest.mark.parametrize("wait", ["0", "30"])
async def test_changes_after_a_version_of_the_other_server_come(blind: tuple[Client, Client], wait: str) -> None:
    two = blind[1]
    task = asyncio.create_task(send(two, "GET", CHANGES, params={"since_version": "3", "wait": wait}))
    if wait != "0":
        await parked(two)
        await patch(two, {"status": "IN_PROGRESS"})
        assert [change["version"] for change in (await soon(task)).body["changes"]] == [4]
    else:
        assert (await soon(task)).status == 304


@pytest.mark.needs("silence")
async def test_a_state_of_which_the_client_has_a_newer_tag_is_read_anew(blind: tuple[Client, Client]) -> None:
    answer = await send(blind[1], "GET", url(), headers={"If-None-Match": '"version-3"'})
    assert (answer.status, answer.headers["ETag"]) == (304, '"version-3"')


@pytest.mark.needs("silence")
async def test_a_version_of_the_other_server_is_there(blind: tuple[Client, Client]) -> None:
    answer = await send(blind[1], "GET", url(), params={"version": "3"})
    assert (answer.status, answer.body["status"]) == (200, "ERROR")


@pytest.mark.needs("silence")
async def test_streams_resume_after_a_version_of_the_other_server(blind: tuple[Client, Client]) -> None:
    two = blind[1]
    async with events(two, Last_Event_ID="3") as stream:
        await patch(two, {"status": "IN_PROGRESS"})
        assert [change["version"] for change in await stream.changes(1)] == [4]


@pytest.mark.needs("silence")
async def test_a_socket_resumes_after_a_version_of_the_other_server(blind: tuple[Client, Client]) -> None:
    two = blind[1]
    async with two.ws_connect("/ws/investigation/inv-1?since_version=3") as opened:
        assert "state" not in await told(opened, of="connection_established")
        await patch(two, {"status": "IN_PROGRESS"})
        assert (await told(opened, of="state_updated"))["version"] == 4


@pytest.mark.needs("silence")
async def test_a_client_that_is_ahead_of_the_database_is_told_so(blind: tuple[Client, Client]) -> None:
    """A backup was restored: the look confirms it."""
    two = blind[1]
    answer = (await poll(two, since_version=9)).body
    assert (answer["version"], answer["reset"]) == (3, True)
    assert (await send(two, "GET", CHANGES, params={"since_version": "9"})).status == 410
    assert (await send(two, "GET", url(), params={"version": "9"})).status == 404


@pytest.mark.needs("silence")
async def test_clients_that_are_ahead_together_share_a_look(blind: tuple[Client, Client]) -> None:
    two = blind[1]
    engine, looks = engine_of(two), list[None]()
    mark = engine.mark

    async def counted() -> int | None:
        looks.append(None)
        return await mark()

    engine.mark = counted
    answers = await asyncio.gather(*(poll(two, since_version=9) for _ in range(50)))
    assert {answer.body["version"] for answer in answers} == {3}
    assert 1 <= len(looks) < 25
