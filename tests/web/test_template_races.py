"""Templates used by several at once: every order is forced, in one commit and in two, by one server and by two."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests import factories
from tests.conftest import Client, StartServer
from tests.web.helpers import HANGS_AFTER_SECONDS, Door, engine_of, hold_before_locks, queued, until
from tests.web.templates import STATE, TEMPLATES, Answer, apply, ask, make, uses
from wizard_server.storage.engine import Write


def _rows(writes: Sequence[Write], name: str) -> list[Any]:
    return [row for write in writes if write.query == name for row in write.rows]


class Commits:
    """Holds every commit of a server back until it is let go, and knows what uses were written."""

    def __init__(self, client: Client) -> None:
        self._client, engine = client, engine_of(client)
        self._write = engine.commit
        self._door = Door()
        self.written: list[dict[str, int]] = []
        engine.commit = self._held

    async def _held(self, writes: Sequence[Write], *more: Any) -> int:
        await self._door.go_through()
        place = await self._write(writes, *more)
        self.written.append({row["template_id"]: row["uses"] for row in _rows(writes, "templates.count_use")})
        return place

    async def writing(self) -> None:
        """Return when a commit is under way and held back."""
        async with asyncio.timeout(HANGS_AFTER_SECONDS):
            await self._door.reached.wait()

    async def queued(self, number: int) -> None:
        """Return when `number` use cases wait for the commit that is under way."""
        await until(lambda: queued(self._client) == number)

    def let_go(self) -> None:
        self._door.open()


@asynccontextmanager
async def together(
    client: Client, commits: Commits, *requests: Coroutine[Any, Any, Answer]
) -> AsyncIterator[list[Answer]]:
    """Let `requests` queue, in their order, behind a commit that is held; then let all go: they share the next."""
    body = {"name": "keeps the writer busy", "settings": factories.settings()}
    first = asyncio.create_task(ask(client, "POST", TEMPLATES, body))
    await commits.writing()
    tasks = []
    for number, request in enumerate(requests, start=1):
        tasks.append(asyncio.create_task(request))
        await commits.queued(number)
    commits.let_go()
    assert (await first)[0] == 201
    yield list(await asyncio.gather(*tasks))


async def test_two_applies_in_one_commit_count_two(client: Client) -> None:
    template = await make(client)
    commits = Commits(client)
    requests = [apply(client, template, key) for key in ("inv-1", "inv-2")]
    async with together(client, commits, *requests) as answers:
        assert [status for status, _, _ in answers] == [201, 201]
    assert commits.written[-1] == {template["template_id"]: 2}
    assert await uses(client, template) == 2


async def test_two_applies_in_two_commits_count_two(client: Client) -> None:
    template = await make(client)
    commits = Commits(client)
    first = asyncio.create_task(apply(client, template, "inv-1"))
    await commits.writing()
    second = asyncio.create_task(apply(client, template, "inv-2"))
    await commits.queued(1)
    commits.let_go()
    assert [status for status, _, _ in await asyncio.gather(first, second)] == [201, 201]
    assert [sum(uses.values()) for uses in commits.written] == [1, 1]
    assert await uses(client, template) == 2


async def test_two_servers_on_one_database_count_two(start_server: StartServer) -> None:
    here, there = await start_server(), await start_server()
    template = await make(here)
    commits = Commits(here)
    first = asyncio.create_task(apply(here, template, "inv-1"))
    await commits.writing()
    assert (await apply(there, template, "inv-2"))[0] == 201
    commits.let_go()
    assert (await first)[0] == 201
    assert await uses(here, template) == 2


async def test_two_applies_to_one_investigation_count_one(client: Client) -> None:
    template = await make(client)
    commits = Commits(client)
    async with together(client, commits, apply(client, template), apply(client, template)) as answers:
        assert [status for status, _, _ in answers] == [201, 409]
    assert await uses(client, template) == 1


async def test_a_template_that_is_deleted_first_is_not_applied(client: Client) -> None:
    template = await make(client)
    path = f"{TEMPLATES}/{template['template_id']}"
    commits = Commits(client)
    async with together(client, commits, ask(client, "DELETE", path), apply(client, template)) as answers:
        assert [status for status, _, _ in answers] == [204, 404]
    assert len(commits.written) == 2
    assert (await ask(client, "GET", f"{STATE}/inv-1"))[0] == 404


async def test_a_template_that_is_deleted_right_after_was_applied(client: Client) -> None:
    template = await make(client)
    path = f"{TEMPLATES}/{template['template_id']}"
    commits = Commits(client)
    async with together(client, commits, apply(client, template), ask(client, "DELETE", path)) as answers:
        assert [status for status, _, _ in answers] == [201, 204]
    assert len(commits.written) == 2
    assert (await ask(client, "GET", f"{STATE}/inv-1"))[0] == 200
    assert (await ask(client, "GET", path))[0] == 404


async def test_a_template_that_is_changed_first_is_applied_as_changed(client: Client) -> None:
    template = await make(client)
    path = f"{TEMPLATES}/{template['template_id']}"
    change = {"settings": factories.settings(name="Changed")}
    commits = Commits(client)
    async with together(client, commits, ask(client, "PUT", path, change), apply(client, template)) as answers:
        assert answers[1][1]["settings"]["name"] == "Changed"
    assert len(commits.written) == 2
    assert await uses(client, template) == 1


async def test_a_change_after_a_use_in_the_same_commit_shows_the_use(client: Client) -> None:
    template = await make(client)
    path = f"{TEMPLATES}/{template['template_id']}"
    commits = Commits(client)
    change = ask(client, "PATCH", path, {"description": "used"})
    async with together(client, commits, apply(client, template), change) as answers:
        assert answers[1][1]["usage_count"] == 1
    assert await uses(client, template) == 1


async def test_a_name_that_is_given_up_is_free_for_who_asks_next(client: Client) -> None:
    one, other = await make(client, "one"), await make(client, "other")
    paths = [f"{TEMPLATES}/{template['template_id']}" for template in (one, other)]
    commits = Commits(client)
    renames = [(paths[0], "between"), (paths[1], "one"), (paths[0], "other")]
    requests = [ask(client, "PATCH", path, {"name": name}) for path, name in renames]
    async with together(client, commits, *requests) as answers:
        assert [status for status, _, _ in answers] == [200, 200, 200]
    assert [(await ask(client, "GET", path))[1]["name"] for path in paths] == ["other", "one"]


async def test_a_name_that_another_server_takes_meanwhile_is_a_conflict(start_server: StartServer) -> None:
    here, there = await start_server(), await start_server()
    door = hold_before_locks(here)
    body = {"name": "Ring", "settings": factories.settings()}
    late = asyncio.create_task(ask(here, "POST", TEMPLATES, body))
    await door.reached.wait()
    await make(there)
    door.open()
    status, problem, _ = await late
    assert (status, problem["code"]) == (409, "template-exists")


async def test_a_template_that_another_server_deletes_meanwhile_stays_deleted(start_server: StartServer) -> None:
    here, there = await start_server(), await start_server()
    path = f"{TEMPLATES}/{(await make(here))['template_id']}"
    door = hold_before_locks(here)
    late = asyncio.create_task(ask(here, "PATCH", path, {"description": "late"}))
    await door.reached.wait()
    assert (await ask(there, "DELETE", path))[0] == 204
    door.open()
    assert (await late)[0] == 404
    assert (await ask(here, "GET", path))[0] == 404


async def test_a_template_that_another_server_deletes_meanwhile_is_applied_whole_or_not_at_all(
    start_server: StartServer,
) -> None:
    here, there = await start_server(), await start_server()
    template = await make(here)
    door = hold_before_locks(here)
    late = asyncio.create_task(apply(here, template))
    await door.reached.wait()
    assert (await ask(there, "DELETE", f"{TEMPLATES}/{template['template_id']}"))[0] == 204
    door.open()
    status, _, _ = await late
    state = (await ask(here, "GET", f"{STATE}/inv-1"))[0]
    assert (status, state) in [(201, 200), (404, 404)]
