"""Three nodes look like one, whatever happens to a node, its connections and the database (nodes.md 6, "Schedule")."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests import postgresql
from tests.nodes.checker import violations
from tests.nodes.clients import disturbed
from tests.nodes.faults import FAULTS
from tests.nodes.world import World, world_on
from tests.postgresql import Cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def mortal() -> Iterator[Cluster]:
    """A PostgreSQL that a test may stop."""
    with postgresql.running() as running:
        running.make_template()
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(mortal: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world_on(mortal, tmp_path_factory.mktemp("nodes")) as world:
        yield world


@pytest.mark.parametrize("name", FAULTS)
async def test_three_nodes_look_like_one(world: World, name: str) -> None:
    number = list(FAULTS).index(name)
    run = await disturbed(world.urls, number, lambda run: FAULTS[name](world, run))
    assert violations(run.stories) == []
    assert world.complaints == []
