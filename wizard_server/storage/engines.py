"""From what the configuration says to an engine: the one place below the composition root that names any."""

from collections.abc import Awaitable, Callable

from wizard_server.errors import StorageUnavailableError
from wizard_server.storage.engine import Engine
from wizard_server.storage.operating import Database
from wizard_server.storage.options import StoreOptions
from wizard_server.storage.sqlite.engine import SqliteEngine
from wizard_server.storage.sqlite.opening import connect

POSTGRESQL = "postgresql://"
# Opens the engine of a store.
Opening = Callable[[StoreOptions], Awaitable[Engine]]


async def open_engine(options: StoreOptions) -> Engine:
    """Open the database of `options`; raises `StorageUnavailableError`, `SchemaError` for one that is set otherwise."""
    if options.path.startswith(POSTGRESQL):
        from wizard_server.storage.postgresql.engine import PostgresqlEngine

        return await PostgresqlEngine.open(options)
    return await SqliteEngine.open(options)


def dialect_of(target: str) -> str:
    """Return the folder below ``sql/`` that is for the file or the URL `target`."""
    return "postgresql" if target.startswith(POSTGRESQL) else "sqlite"


async def open_database(
    target: str, *, read_only: bool = False, create: bool = False, tell: Callable[[str], None] = lambda sentence: None
) -> Database:
    """Open the file or the URL `target` for an operator; `create` makes a file, and no database of a server.

    `tell` is told what a server is waited for when that takes long.
    Raises `StorageUnavailableError`.
    """
    if not target.startswith(POSTGRESQL):
        return await connect(target, read_only=read_only, create=create)
    try:
        from wizard_server.storage.postgresql import operating
    except ImportError as error:
        raise StorageUnavailableError("PostgreSQL needs its driver: pip install 'wizard-server[postgresql]'") from error
    return await operating.connect(target, read_only=read_only, tell=tell)
