"""A database whose own order is that of a language: everything comes in the order of code points all the same."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.store.conftest import Kit
from tests.store.steps import creation
from tests.store.test_lists import EVERYTHING, at, named
from tests.store.test_pages_beside_writers import shown
from wizard_server.domain.filters import ActiveFilter

if TYPE_CHECKING:
    from tests.postgresql import Cluster

# In English: _a 10 9 a A a-1 A-1 a_1 B Z z, or so; numbers by their values.
IDS = sorted(["10", "9", "A", "A-1", "B", "Z", "_a", "a", "a-1", "a_1", "z"])
ENGLISH = "LOCALE_PROVIDER icu ICU_LOCALE 'en-u-kn-true'"


@pytest.fixture
def address(request: pytest.FixtureRequest, engine: str) -> Iterator[str]:
    """Where the database is; PostgreSQL's has another order than ours."""
    if engine == "sqlite":
        yield request.getfixturevalue("database")
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    with cluster.database(empty=True, locale=ENGLISH) as database:
        cluster.apply(database.name)
        with psycopg.connect(database.admin_url) as session:
            assert session.execute("SELECT 'a' < 'B', '9' < '10'").fetchone() == (True, True), "it is in English"
        yield database.admin_url


@pytest.fixture
async def filled(kit: Kit) -> Kit:
    """States that are all of one instant and one name; only ids tell them apart."""
    for key in reversed(IDS):
        await kit.store.transact(creation(key, settings=named("same")))
    return kit


@pytest.mark.parametrize("sort", ["-updated_at", "updated_at", "-name", "name", "created_at"])
async def test_pages_of_equals_come_by_id_and_hold_each_once(filled: Kit, sort: str) -> None:
    wanted = replace(EVERYTHING, sort=sort, limit=2)
    assert await shown(filled, wanted, await filled.store.states(wanted)) == IDS


async def test_names_come_by_code_point(kit: Kit) -> None:
    names = sorted(["10", "9", "a b", "ab", "a-b", "zeta", "\u00e9t\u00e9", "_x"])
    numbers = count()
    for name in names:
        number = next(numbers)
        await kit.store.transact(creation(f"inv-{9 - number}", at=at(number), settings=named(name)))
    wanted = replace(EVERYTHING, sort="name", limit=2)
    assert await shown(kit, wanted, await kit.store.states(wanted)) == [f"inv-{9 - n}" for n in range(len(names))]


async def test_a_dashboard_shows_equals_by_id(filled: Kit) -> None:
    page = await filled.store.active(ActiveFilter("dev", (), (), 100, 0))
    assert [row["investigation_id"] for row in page.rows] == IDS
