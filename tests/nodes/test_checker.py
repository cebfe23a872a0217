"""Three nodes look like one to whoever moves between them; and a checker that could not tell would be worth nothing."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes.checker import violations
from tests.nodes.clients import played
from tests.nodes.conftest import running_nodes
from tests.nodes.planted import BUGS, SEQUENCE
from tests.postgresql import Cluster

MOST_RUNS = 20


@pytest.fixture(scope="module")
def urls(slow_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Where three sound nodes listen."""
    with slow_cluster.database() as database, running_nodes(database, tmp_path_factory.mktemp("nodes")) as urls:
        yield urls


@pytest.mark.parametrize("seed", range(10))
async def test_three_nodes_look_like_one(urls: list[str], seed: int) -> None:
    assert violations(await played(urls, seed)) == []


@pytest.mark.parametrize("bug", sorted(BUGS))
async def test_the_checker_finds_a_planted_bug(slow_cluster: Cluster, tmp_path: Path, bug: str) -> None:
    command = [sys.executable, "-m", "tests.nodes.planted", bug]
    with slow_cluster.database() as database:
        slow_cluster.execute(*SEQUENCE, database=database.name, role="owner")
        with running_nodes(database, tmp_path, command) as urls:
            found: list[str] = []
            for seed in range(MOST_RUNS):
                found = violations(await played(urls, seed))
                if found:
                    break
    assert found
