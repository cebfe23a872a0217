"""A change gives way between its long steps: what others commit meanwhile is neither lost nor overwritten."""

import asyncio

import pytest

from tests.conftest import Client, StartServer
from tests.web.helpers import Answer, create, read, sending, soon, url
from wizard_server.domain import time_slices

DESCRIBED = {"settings": {"description": "changed while others write"}}
RENAMED = {"settings": {"name": "renamed"}}


def merging(client: Client, patch: object, version: str = "*") -> asyncio.Task[Answer]:
    headers = {"Content-Type": "application/merge-patch+json", "If-Match": version}
    return sending(client, "PATCH", url(), json=patch, headers=headers)


class Held:
    """The first step that gives way: it is held until it may go on."""

    def __init__(self) -> None:
        self.began, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def give_way(self) -> None:
        if not self.began.is_set():
            self.began.set()
            await self.may_go_on.wait()


@pytest.fixture
async def servers(start_server: StartServer) -> tuple[Client, Client]:
    """Two servers that both have inv-1 in memory, at version 1."""
    one, two = await start_server(), await start_server()
    await create(one)
    await read(two)
    return one, two


@pytest.fixture
async def held(servers: tuple[Client, Client], monkeypatch: pytest.MonkeyPatch) -> Held:
    """Every step counts as a long one from now on, and the next one is held."""
    held = Held()
    monkeypatch.setattr(time_slices, "_LONGEST_SECONDS", -1.0)
    monkeypatch.setattr(time_slices, "give_way", held.give_way)
    return held


async def test_a_change_rests_on_what_another_server_committed_while_it_gave_way(
    servers: tuple[Client, Client], held: Held
) -> None:
    one, two = servers
    task = merging(one, DESCRIBED)
    await held.began.wait()
    assert (await merging(two, RENAMED)).body["version"] == 2
    held.may_go_on.set()
    answer = await soon(task)
    assert (answer.status, answer.body["version"]) == (200, 3)
    settings = answer.body["settings"]
    assert {name: settings[name] for name in ("name", "description")} == {
        **RENAMED["settings"],
        **DESCRIBED["settings"],
    }


async def test_a_precondition_is_checked_again_after_another_servers_commit(
    servers: tuple[Client, Client], held: Held
) -> None:
    one, two = servers
    task = merging(one, DESCRIBED, '"1"')
    await held.began.wait()
    assert (await merging(two, RENAMED)).status == 200
    held.may_go_on.set()
    assert (await soon(task)).status == 412
    assert (await read(one))["version"] == 2


async def test_changes_of_one_server_keep_their_order_when_the_first_gives_way(
    servers: tuple[Client, Client], held: Held
) -> None:
    one, _ = servers
    first = merging(one, DESCRIBED)
    await held.began.wait()
    second = merging(one, RENAMED)
    assert (await read(one))["version"] == 1, "reads wait for nobody"
    held.may_go_on.set()
    assert [(await soon(task)).body["version"] for task in (first, second)] == [2, 3]


async def test_a_caller_that_leaves_meanwhile_leaves_a_whole_change_or_none(
    servers: tuple[Client, Client], held: Held
) -> None:
    one, _ = servers
    task = merging(one, DESCRIBED)
    await held.began.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    held.may_go_on.set()
    found = (await soon(merging(one, RENAMED))).body
    has_changed = found["settings"]["description"] == DESCRIBED["settings"]["description"]
    assert found["version"] == (3 if has_changed else 2)
