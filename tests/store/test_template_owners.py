"""Two servers change the templates of one user at once, in forced order: as if one had come after the other."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from tests import factories
from tests.store.conftest import Kit, OpenStore
from tests.store.steps import INSTANT, Gate, creation, rows
from wizard_server.domain.ports import Transaction
from wizard_server.domain.trail import Template
from wizard_server.errors import TemplateLimitError
from wizard_server.storage.engine import Keys

UseCase = Callable[[Transaction], Awaitable[None]]


def addition(key: str, *, limit: int) -> UseCase:
    """Return a use case that adds a template unless its owner has `limit`."""

    async def use_case(transaction: Transaction) -> None:
        if len(await transaction.template_names(factories.USER)) >= limit:
            raise TemplateLimitError("too many", limit=limit)
        settings = factories.settings()
        transaction.add_template(Template(key, factories.USER, f"name of {key}", None, settings, 0, INSTANT, INSTANT))

    return use_case


def edit(key: str, **values: Any) -> UseCase:
    """Return a use case that changes a template."""

    async def use_case(transaction: Transaction) -> None:
        await transaction.template_names(factories.USER)
        template = await transaction.template(key)
        assert template is not None
        transaction.save_template(replace(template, **values))

    return use_case


async def raced(one: Kit, two: Kit, first: UseCase, second: UseCase) -> list[Any]:
    """Run `second` while `first` is about to be written, until it has asked for locks; return what came of both."""
    writing, waiting = Gate(one.engine.commit), Gate(two.engine.begin, after=True, is_open=True)
    one.engine.commit, two.engine.begin = writing, waiting
    asked = asyncio.create_task(one.store.transact(first))
    await writing.entered.wait()
    other = asyncio.create_task(two.store.transact(second))
    entered = asyncio.create_task(waiting.entered.wait())
    await asyncio.wait([other, entered], return_when=asyncio.FIRST_COMPLETED)
    writing.open()
    entered.cancel()
    return list(await asyncio.gather(asked, other, return_exceptions=True))


def names(kit: Kit) -> list[tuple[str, str | None]]:
    return rows(kit.path, "SELECT name, description FROM investigation_templates ORDER BY 1")


async def test_two_servers_together_stay_within_the_limit(open_store: OpenStore) -> None:
    one, two = await open_store(), await open_store()
    await one.store.transact(addition("a", limit=2))
    outcomes = await raced(one, two, addition("b", limit=2), addition("c", limit=2))
    assert [type(each) for each in outcomes if each is not None] == [TemplateLimitError]
    assert len(names(one)) == 2


async def test_what_two_servers_change_of_one_template_is_all_there(open_store: OpenStore) -> None:
    one, two = await open_store(), await open_store()
    await one.store.transact(addition("a", limit=2))
    assert await raced(one, two, edit("a", name="new"), edit("a", description="told")) == [None, None]
    assert names(one) == [("new", "told")]


@pytest.mark.needs("row locks")
async def test_templates_that_somebody_holds_hold_up_nobody_else(open_store: OpenStore) -> None:
    holder, kit = await open_store(), await open_store()
    await holder.engine.begin(Keys(owners=frozenset({factories.USER})), None)
    adding = asyncio.create_task(kit.store.transact(addition("a", limit=1)))
    await kit.store.transact(creation())
    assert not adding.done()
    await holder.engine.release()
    await adding
    assert len(names(kit)) == 1
