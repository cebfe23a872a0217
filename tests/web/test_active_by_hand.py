"""Operators edit by hand beside a parked dashboard: each edit is told, and told once."""

import asyncio
from typing import Any

from tests.conftest import Client
from tests.web.dashboards import ask, cursor, ids, told, waiting
from tests.web.helpers import as_operator, engine_of, noticed, parked, patch, sending, soon, start


async def test_an_edit_by_hand_wakes_and_is_told_once(client: Client, database: str) -> None:
    await start(client, "a")
    await start(client, "b")
    task = waiting(client, await cursor(client))
    await parked(client)
    as_operator(database, "UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = 'a'")
    await noticed(client)
    answer = await soon(task)
    assert told(answer) == (["a"], [])
    assert told(await ask(client, cursor=answer.body["cursor"])) == ([], [])


async def test_edits_by_hand_of_what_is_polled_too_are_told_once(client: Client, database: str) -> None:
    """The server reads one investigation after the other; the dashboard must not answer in between."""
    for name in ("a", "b"):
        await start(client, name)
    task = waiting(client, await cursor(client))
    polls = [
        sending(client, "GET", f"/api/v1/polling/wizard-state/{name}", params={"since_version": "2", "wait": "30"})
        for name in ("a", "b")
    ]
    await parked(client, 3)
    engine = engine_of(client)

    async def slow(*asked: Any) -> Any:
        found = await engine.ask(*asked)
        for _ in range(50):
            await asyncio.sleep(0)
        return found

    engine.statements["states.get"] = slow
    as_operator(database, "UPDATE investigation_states SET status = 'ERROR'")
    await noticed(client)
    answer = await soon(task)
    seen = ids(answer)
    again = await ask(client, cursor=answer.body["cursor"])
    assert sorted([*seen, *ids(again)]) == ["a", "b"]
    for each in polls:
        assert (await soon(each)).body["version"] == 3


async def test_an_edit_by_hand_in_the_shadow_of_a_commit_is_not_lost(client: Client, database: str) -> None:
    """The edit takes a place in the order just below the commit's, after the server has looked for such edits."""
    await start(client, "a")
    await start(client, "b")
    task = waiting(client, await cursor(client))
    await parked(client)
    engine = engine_of(client)
    write = engine.commit

    async def shadowed(*args: Any) -> int:
        as_operator(database, "UPDATE investigation_states SET status = 'ERROR' WHERE investigation_id = 'b'")
        engine.commit = write
        return await write(*args)

    engine.commit = shadowed
    await patch(client, {"status": "ERROR"}, "a")
    answer = await soon(task)
    await noticed(client)
    again = await ask(client, cursor=answer.body["cursor"])
    assert sorted([*ids(answer), *ids(again)]) == ["a", "b"]
