"""Pages of a list beside two writers in forced order: what commits between two pages is on one of them, once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.store.conftest import Kit, OpenStore
from tests.store.steps import Gate, change, creation
from tests.store.test_lists import EVERYTHING, at, named
from wizard_server.domain.filters import Listed, StateFilter, StatesEnd
from wizard_server.storage.engine import Write
from wizard_server.storage.postgresql.connection import Connection, Step

pytestmark = pytest.mark.needs("row locks")


def hold_place(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Hold the next commit, whose entries and states are written then, before it takes its place."""
    run = Connection.run
    gate = Gate(run)
    held: list[Connection] = []

    async def halved(self: Connection, steps: Sequence[Step]) -> Any:
        names = [step.query.name for step in steps]
        if held or "places.lock" not in names:
            return await run(self, steps)
        held.append(self)
        half = names.index("places.lock")
        return [*await run(self, steps[:half]), *await gate(self, steps[half:])]

    monkeypatch.setattr(Connection, "run", halved)
    return gate


async def shown(kit: Kit, wanted: StateFilter, page: Listed[dict[str, Any], StatesEnd]) -> list[str]:
    """Return the ids on `page` and all that follow it."""
    found = [row["investigation_id"] for row in page.items]
    while page.end is not None:
        page = await kit.store.states(replace(wanted, after=page.end))
        found += [row["investigation_id"] for row in page.items]
    return found


@pytest.mark.parametrize("sort", ["-updated_at", "updated_at", "name", "-name", "created_at"])
async def test_what_commits_after_a_later_entry_is_on_the_pages_once(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    one, two = await open_store(), await open_store()
    for minute, name in enumerate("abcd"):
        await two.store.transact(creation(name, at=at(minute), settings=named(f"name {name}")))
        await two.store.transact(change(name, at=at(minute), status="ERROR"))
    gate = hold_place(monkeypatch)
    late = asyncio.create_task(one.store.transact(change("a", at=at(10), settings=named("name z"))))
    await gate.entered.wait()
    await two.store.transact(creation("e", user_id="bob"))
    wanted = replace(EVERYTHING, sort=sort, limit=2)
    first = await two.store.states(wanted)
    gate.open()
    await late
    assert await shown(two, wanted, first) == sorted("abcd", reverse=sort.startswith("-"))


@pytest.mark.parametrize("sort", ["-updated_at", "updated_at", "name"])
async def test_who_was_only_heard_of_between_two_pages_stands_where_it_stood(kit: Kit, sort: str) -> None:
    for minute, name in enumerate("abcd"):
        await kit.store.transact(creation(name, at=at(10 - minute), settings=named(f"name {9 - minute}")))
        await kit.store.transact(change(name, at=at(minute + 11), settings=named(f"name {name}")))
    wanted = replace(EVERYTHING, sort=sort, limit=2)
    first = await kit.store.states(wanted)
    for name in "abcd":
        sign = {"investigation_id": name, "version": 2, "heard_at": at(20)}
        await kit.engine.commit([Write("states.revive", [sign])])
    assert await shown(kit, wanted, first) == sorted("abcd", reverse=sort.startswith("-"))
