"""Stores on real databases, by engine: the suite is written against the port."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.engines import able
from tests.gated import Gated, gating
from tests.store.steps import NOW
from wizard_server.domain.events import StateEvent
from wizard_server.storage.engines import Opening
from wizard_server.storage.options import StoreOptions
from wizard_server.storage.postgresql.engine import PostgresqlEngine
from wizard_server.storage.sqlite.engine import SqliteEngine
from wizard_server.storage.store import StateStore

if TYPE_CHECKING:
    from tests.postgresql import Database

ENGINES: dict[str, Opening] = {
    "sqlite": SqliteEngine.open,
    "postgresql": PostgresqlEngine.open,
}


@dataclass
class Listener:
    """An audience that keeps what it hears, unless another `hears` in its place."""

    hears: Callable[[StateEvent], None] | None = None
    events: list[StateEvent] = field(default_factory=list)
    watching: set[str] = field(default_factory=set)
    refreshed: list[Collection[str | None] | None] = field(default_factory=list)

    def publish(self, event: StateEvent) -> None:
        (self.hears or self.events.append)(event)

    @property
    def has_waiters(self) -> bool:
        return bool(self.watching)

    def watched(self) -> set[str]:
        return self.watching

    def refresh(self, owners: Collection[str | None] | None = None) -> None:
        self.refreshed.append(owners)


@dataclass
class Kit:
    """A store and its engine, the path of its database, what it published, and what somebody watches.

    `refreshed` are those whose dashboards were to look again, None for all.
    """

    store: StateStore
    engine: Gated
    path: str
    audience: Listener

    @property
    def events(self) -> list[StateEvent]:
        return self.audience.events

    @property
    def watched(self) -> set[str]:
        return self.audience.watching

    @property
    def refreshed(self) -> list[Collection[str | None] | None]:
        return self.audience.refreshed

    @property
    def told(self) -> list[tuple[str, int | None]]:
        """The investigations and versions that were published, None for a deletion."""
        return [(event.investigation_id, event.record.version if event.record else None) for event in self.events]

    async def noticed(self) -> bool:
        """Have the store look at what others have done; return whether there was anything."""
        await self.engine.tidy()
        return await self.store.notice_external_commits()


OpenStore = Callable[..., Awaitable[Kit]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on every engine that has what it needs."""
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", able(metafunc.definition))


@pytest.fixture
def address(request: pytest.FixtureRequest, engine: str) -> str:
    """Where an empty database with the newest schema is: a path, or the URL of a server."""
    if engine == "sqlite":
        path: str = request.getfixturevalue("database")
        return path
    made: Database = request.getfixturevalue("postgres")
    return made.admin_url


@pytest.fixture
async def open_store(address: str, engine: str) -> AsyncIterator[OpenStore]:
    """Open a store on an empty database, by `opening` where it is another engine; the other keywords are options."""
    opened: list[Kit] = []

    async def open_it(opening: Opening = ENGINES[engine], **options: Any) -> Kit:
        listener = Listener()
        given: dict[str, Any] = {
            "path": address,
            "pool_size": 2,
            "max_overflow": 2,
            "pool_timeout": 30,
            "echo": False,
            "cache_max_bytes": 1 << 24,
            **options,
        }
        store = await StateStore.open(StoreOptions(**given), hub=listener, clock=lambda: NOW, opening=gating(opening))
        assert isinstance(store.engine, Gated)
        opened.append(Kit(store, store.engine, address, listener))
        return opened[-1]

    yield open_it
    for kit in opened:
        if not kit.engine.is_closed:
            await kit.store.close()


@pytest.fixture
async def kit(open_store: OpenStore) -> Kit:
    """A store on an empty database."""
    return await open_store()
