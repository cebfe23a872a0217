"""Templates in the store: what a transaction sees of its own commit, and what reaches the database."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from tests import factories
from tests.store.conftest import Listener
from wizard_server.domain.clock import utc_now
from wizard_server.domain.filters import TemplateFilter
from wizard_server.domain.ports import Transaction
from wizard_server.domain.trail import Template
from wizard_server.storage.batch import Batch
from wizard_server.storage.options import StoreOptions
from wizard_server.storage.store import StateStore

EARLY, LATE = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"


@pytest.fixture
async def store(database: str) -> AsyncIterator[StateStore]:
    """A store on the database of the test."""
    options = StoreOptions(
        path=database, pool_size=2, max_overflow=0, pool_timeout=10, echo=False, cache_max_bytes=1 << 20
    )
    opened = await StateStore.open(options, hub=Listener(), clock=utc_now)
    yield opened
    await opened.close()


def template(key: str = "t-1", **values: Any) -> Template:
    base = Template(key, "dev", f"name of {key}", None, factories.settings(), 0, EARLY, EARLY)
    return replace(base, **values)


def wanted(**values: Any) -> TemplateFilter:
    return TemplateFilter(**{"user_id": "dev", "contains": None, "sort": "name", "limit": 20, **values})


async def run(store: StateStore, write: Callable[[Transaction], None]) -> None:
    """Run `write` as one use case."""

    async def use_case(transaction: Transaction) -> None:
        write(transaction)

    await store.transact(use_case)


async def save(store: StateStore, *templates: Template) -> None:
    """Write new templates."""

    def write(transaction: Transaction) -> None:
        for each in templates:
            transaction.add_template(each)

    await run(store, write)


async def change(store: StateStore, template: Template) -> None:
    await run(store, lambda transaction: transaction.save_template(template))


def counting(used: Template) -> Callable[[Transaction], None]:
    return lambda transaction: transaction.count_use(used)


async def test_a_template_comes_back_as_it_was_saved(store: StateStore) -> None:
    saved = template(description="Größe 'quoted' \\ \n", settings=factories.settings(name="☃"))
    await save(store, saved)
    assert await store.template("t-1") == saved
    assert await store.templates(wanted()) == ([saved], 0, 1, None)
    assert await store.template_names("dev") == {"t-1": "name of t-1"}


async def test_what_is_absent_is_none(store: StateStore) -> None:
    assert await store.template("t-1") is None
    assert await store.templates(wanted()) == ([], 0, 0, None)
    assert await store.template_names("dev") == {}


async def test_saving_again_keeps_owner_creation_and_uses(store: StateStore) -> None:
    await save(store, template())
    await run(store, lambda transaction: transaction.count_use(template()))
    changed = template(name="new", updated_at=LATE, created_at=LATE, user_id="ann", usage_count=9)
    await change(store, changed)
    kept = await store.template("t-1")
    assert kept == replace(changed, created_at=EARLY, user_id="dev", usage_count=1)


async def test_uses_add_up_within_one_transaction_and_over_several(store: StateStore) -> None:
    await save(store, template(), template("t-2"))

    def twice(transaction: Transaction) -> None:
        transaction.count_use(template())
        transaction.count_use(template())
        transaction.count_use(template("t-2"))

    await run(store, twice)
    await run(store, twice)
    templates = (await store.templates(wanted())).items
    assert {each.template_id: each.usage_count for each in templates} == {"t-1": 4, "t-2": 2}


async def test_a_use_of_a_template_that_is_gone_is_no_error(store: StateStore) -> None:
    await run(store, lambda transaction: transaction.count_use(template()))
    assert await store.template("t-1") is None


async def test_a_transaction_sees_what_it_wrote(store: StateStore) -> None:
    await save(store, template(), template("t-2"), template("t-3", user_id="ann"))

    async def use_case(transaction: Transaction) -> None:
        transaction.add_template(template("t-4"))
        transaction.add_template(template("t-5", user_id="ann"))
        transaction.save_template(template(name="renamed"))
        transaction.delete_template(template("t-2"))
        assert (await transaction.template("t-1")) == template(name="renamed")
        assert await transaction.template("t-2") is None
        assert dict(await transaction.template_names("dev")) == {"t-1": "renamed", "t-4": "name of t-4"}
        assert set(await transaction.template_names("ann")) == {"t-3", "t-5"}

    await store.transact(use_case)
    assert await store.template_names("dev") == {"t-1": "renamed", "t-4": "name of t-4"}


async def test_a_transaction_sees_the_uses_that_it_counted(store: StateStore) -> None:
    await save(store, template())

    async def use_case(transaction: Transaction) -> int:
        transaction.count_use(template())
        read = await transaction.template("t-1")
        return read.usage_count if read else -1

    assert await store.transact(use_case) == 1


async def test_a_template_saved_counted_and_deleted_at_once_leaves_nothing(store: StateStore) -> None:
    def write(transaction: Transaction) -> None:
        transaction.add_template(template())
        transaction.count_use(template())
        transaction.delete_template(template())

    await run(store, write)
    assert await store.template("t-1") is None


async def test_a_new_template_counts_uses_of_the_same_transaction(store: StateStore) -> None:
    def write(transaction: Transaction) -> None:
        transaction.add_template(template())
        transaction.count_use(template())

    await run(store, write)
    read = await store.template("t-1")
    assert read is not None
    assert read.usage_count == 1


async def test_the_name_of_a_deleted_template_is_free_in_the_same_transaction(store: StateStore) -> None:
    await save(store, template(name="Ring"))

    def write(transaction: Transaction) -> None:
        transaction.add_template(template("t-2", name="Ring"))
        transaction.delete_template(template())

    await run(store, write)
    assert await store.template_names("dev") == {"t-2": "Ring"}


async def test_a_use_case_that_raises_writes_nothing(store: StateStore) -> None:
    async def use_case(transaction: Transaction) -> None:
        raise RuntimeError("changed its mind")

    with pytest.raises(RuntimeError, match="changed its mind"):
        await store.transact(use_case)
    assert await store.templates(wanted()) == ([], 0, 0, None)


async def test_an_empty_batch_with_a_template_is_not_empty(store: StateStore) -> None:
    batch = Batch(store)
    assert batch.is_empty
    batch.count_use(template())
    assert not batch.is_empty


@pytest.mark.parametrize("sort", ["name", "created_at", "updated_at", "usage_count"])
@pytest.mark.parametrize("descending", [False, True])
async def test_every_order_is_total_and_numbers_sort_as_numbers(store: StateStore, sort: str, descending: bool) -> None:
    made = [
        template("t-1", name="b", created_at=LATE, updated_at=LATE),
        template("t-2", name="A", created_at=EARLY, updated_at=LATE),
        template("t-3", name="c", created_at=LATE, updated_at=EARLY),
    ]
    await save(store, *made)
    for each, uses in zip(made, (10, 9, 0), strict=True):
        for _ in range(uses):
            await run(store, counting(each))
    templates = (await store.templates(wanted(sort=f"-{sort}" if descending else sort))).items
    expected = {"name": "A b c", "created_at": "A b c", "updated_at": "c b A", "usage_count": "c A b"}[sort].split()
    if descending:
        expected = {"created_at": "b c A", "updated_at": "b A c"}.get(sort, " ".join(expected[::-1])).split()
    assert [each.name for each in templates] == expected
