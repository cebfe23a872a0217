"""A configured database with the newest schema, and servers that never outlive a test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.process import ServerProcess, write_config
from tests.acceptance.wheels import build

Serve = Callable[..., ServerProcess]
# What hangs on the event loop is tested on each; everything else runs on the default.
on_each_loop = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])


@pytest.fixture
def config(tmp_path: Path, empty_database: Path) -> Path:
    """The path of a ``config.toml`` beside a database that has the schema."""
    shutil.copy(empty_database, tmp_path / "investigations.db")
    return write_config(tmp_path)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that the checkout makes."""
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start ``wizard-server serve`` and return it once it listens; none may have complained when the test ends.

    Options are those of `ServerProcess`.
    """
    servers: list[ServerProcess] = []

    def start(config: Path, *arguments: str, **options: Any) -> ServerProcess:
        server = ServerProcess(config, *arguments, **options)
        servers.append(server)
        return server.ready()

    yield start
    _end(servers)


@pytest.fixture(scope="module")
def serve_all(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Serve]:
    """Start one server for all tests of a module, on a database of its own; keywords are sections of its configuration.

    For tests that leave it as it was, but for investigations of names that no other test has.
    """
    servers: list[ServerProcess] = []

    def start(**sections: dict[str, Any]) -> ServerProcess:
        folder = tmp_path_factory.mktemp("served")
        shutil.copy(empty_database, folder / "investigations.db")
        server = ServerProcess(write_config(folder, **sections))
        servers.append(server)
        return server.ready()

    yield start
    _end(servers)


def _end(servers: list[ServerProcess]) -> None:
    for server in servers:
        server.kill()
    for server in servers:
        assert not server.complaints, server.stderr
