"""The pytest plugin: loaded with the package; nothing of the server is imported before a test wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from wizard_server.testing.loops import LoopThread
    from wizard_server.testing.wizard import Wizard


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--wizard-database``."""
    parser.getgroup("wizard-server").addoption(
        "--wizard-database",
        metavar="URL",
        default=None,
        help="have the servers of tests use this database, which has the schema; by default each has a file of its own",
    )


@pytest.fixture(scope="session")
def wizard_loop() -> Iterator[LoopThread]:
    """Yield the event loop of all servers of this process, in a thread of its own."""
    from wizard_server.testing.loops import LoopThread

    with LoopThread() as loop:
        yield loop


@pytest.fixture(scope="session")
def wizard_template(tmp_path_factory: pytest.TempPathFactory, wizard_loop: LoopThread) -> Path:
    """Return the file of a database with the schema and no row, made once, which each test copies."""
    from wizard_server.testing.databases import make_database

    path = tmp_path_factory.mktemp("wizard-template") / "empty.db"
    wizard_loop.run(make_database(path))
    return path


@pytest.fixture
def wizard_config() -> Mapping[str, Mapping[str, Any]]:
    """Return the configuration of the server, by section; a test or a module overrides this fixture."""
    return {}


@pytest.fixture
def wizard(
    request: pytest.FixtureRequest,
    wizard_loop: LoopThread,
    wizard_config: Mapping[str, Mapping[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Wizard]:
    """Yield a whole server in this process, with a database of its own, as long as the test."""
    from wizard_server.testing.databases import copied
    from wizard_server.testing.wizard import Wizard

    url = request.config.getoption("--wizard-database")
    if url is None:
        url = copied(request.getfixturevalue("wizard_template"), tmp_path_factory.mktemp("wizard"))
    with Wizard(wizard_loop, url, wizard_config) as started:
        yield started
