"""Nodes on one PostgreSQL database: in this process, and as processes of their own."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import postgresql
from tests.acceptance.process import CHECKOUT, ServerProcess, write_config
from tests.conftest import Client, StartServer
from tests.postgresql import Cluster, Database

NODES = 3


def options(database: Database) -> dict[str, Any]:
    """Return the configuration of a node on `database`."""
    return {
        "database": {"url": database.url, "require_durability": False},
        "polling": {"heartbeat_seconds": 1},
        "state": {"max_log_lines": 20},
    }


@pytest.fixture
async def nodes(start_server: StartServer, postgres: Database) -> list[Client]:
    """Three nodes in this process."""
    return [await start_server(**options(postgres)) for _ in range(NODES)]


@pytest.fixture(scope="module")
def slow_cluster() -> Iterator[Cluster]:
    """A PostgreSQL whose commits take 3 ms, so that what happens during one is not a matter of luck."""
    with postgresql.running(fsync="on", commit_delay="3000", commit_siblings="0") as running:
        running.make_template()
        yield running


@contextmanager
def running_nodes(database: Database, folder: Path, command: Sequence[str] = ()) -> Iterator[list[str]]:
    """Yield the URLs of three nodes, each a process that runs `command`."""
    with ExitStack() as stack:
        started, env = [], {"PYTHONPATH": str(CHECKOUT)}
        for number in range(NODES):
            place = folder / f"node-{number}"
            place.mkdir()
            config = write_config(place, database={"url": database.url})
            started.append(stack.enter_context(ServerProcess(config, command=tuple(command), env=env)))
        yield [each.ready().url for each in started]
        for each in started:
            assert each.terminate() == 0, each.stderr
            assert not each.complaints, each.stderr
