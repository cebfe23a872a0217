"""What every tier shares: a database made by the operators' scripts, and the whole server on it."""

import asyncio
import gc
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, AppRunner, Request

from tests import factories, postgresql, shell
from tests.accepting import Accepting
from tests.engines import CAPABILITIES, able, is_of_each_engine
from tests.gated import gating
from tests.observer import Observer
from tests.postgresql import Cluster, Database
from wizard_server.app import create_app
from wizard_server.storage.engines import Opening, open_engine
from wizard_server.storage.schema import scripts
from wizard_server.storage.sqlite.opening import connect
from wizard_server.web.http.runner import Runner

# Between two collections of the youngest garbage; Python's own number is 700.
_ALLOCATIONS = 10_000

Client = TestClient[Request, Application]
StartServer = Callable[..., Awaitable[Client]]


class Server(Accepting):
    """A server whose connections are those of ``wizard-server serve``."""

    async def _make_runner(self, **options: Any) -> AppRunner:
        return Runner(self.app, **options)


# What a test of the whole server may have it use in the place of its own.
HANDED = ("clock", "timer", "pace")
# Their tests write rows as operators do, past every rule: what such a row holds is shown as it is.
EDITED_BY_HAND = frozenset(
    {
        "tests.web.test_flags_audit",
        "tests.web.test_operator_edits",
        "tests.web.test_purged",
        "tests.web.test_unreadable_rows",
    }
)


def pytest_xdist_auto_num_workers() -> int | None:
    """Return how many processes ``-n auto`` is: three for two processors, since tests wait a third of their time.

    None leaves it to xdist, whose own variable of the environment may say.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return len(os.sched_getaffinity(0)) * 3 // 2


def pytest_collection_finish() -> None:
    """Collect garbage less often than Python would, which takes a twentieth of the time of the tests."""
    gc.set_threshold(_ALLOCATIONS, 10, 10)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--engine``."""
    parser.addoption("--engine", choices=sorted(CAPABILITIES), default="sqlite", help="what the whole server runs on")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs something of another engine."""
    name = config.getoption("--engine")
    others = [item for item in items if name not in able(item) and not is_of_each_engine(item)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the newest schema and no row, which tests copy; nobody writes to it."""
    path = tmp_path_factory.mktemp("schema") / "empty.db"

    async def make() -> None:
        connection = await connect(str(path), create=True)
        await scripts.apply(connection)
        await connection.close()

    asyncio.run(make())
    return path


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """The engine that the tests of the whole server run on."""
    name: str = request.config.getoption("--engine")
    return name


@pytest.fixture
def database(request: pytest.FixtureRequest, engine: str, tmp_path: Path, empty_database: Path) -> str:
    """Where an empty database with the newest schema is: the path of a file, or the URL of a server for its role."""
    if engine == "sqlite":
        return str(shutil.copy(empty_database, tmp_path / "investigations.db"))
    made: Database = request.getfixturevalue("postgres")
    return made.url


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL for this process, started by the first test that asks for it."""
    with postgresql.running() as running:
        running.make_template()
        yield running


@pytest.fixture
def postgres(cluster: Cluster) -> Iterator[Database]:
    """An empty PostgreSQL database with the newest schema."""
    with cluster.database() as database:
        yield database


@pytest.fixture
def observer(request: pytest.FixtureRequest) -> Iterator[Observer]:
    """Who compares every answer with the description of the API; the test that saw another one fails."""
    watching = Observer(by_hand=request.module.__name__ in EDITED_BY_HAND)
    yield watching
    assert not watching.differences, "\n".join(watching.differences)


@pytest.fixture
async def start_server(database: str, observer: Observer) -> AsyncIterator[StartServer]:
    """Start the whole server on `database`; keywords are sections of the configuration.

    `clock`, `timer` and `pace` are those of `create_app`, and so is `opening`, whose engine is gated. Where answers
    are not `observed`, repeated requests are answered as in production (see ``repeats``).
    """
    clients: list[Client] = []

    async def start(*, opening: Opening = open_engine, observed: bool = True, **given: Any) -> Client:
        parts = {name: part for name in HANDED if (part := given.pop(name, None)) is not None}
        if database.startswith("postgresql://"):  # where the server compares the switch, and an operator turns it
            is_on = given.get("features", {}).get("audit_logging", True)
            shell.run(database, "UPDATE audit_switch SET enabled = ?", [int(is_on)])
        app = create_app(factories.config(database, **given), opening=gating(opening), **parts)
        if observed:
            observer.watch(app)
        client: Client = TestClient(Server(app))
        await client.start_server()
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
async def client(start_server: StartServer) -> Client:
    """A client of the whole server, as user ``dev``."""
    return await start_server()
