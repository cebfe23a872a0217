"""From what the configuration says to an engine: the one place below the composition root that names any."""

from wizard_server.storage.engine import Engine
from wizard_server.storage.options import StoreOptions
from wizard_server.storage.sqlite.engine import SqliteEngine

_POSTGRESQL = "postgresql://"


async def open_engine(options: StoreOptions) -> Engine:
    """Open the database of `options`; raises `StorageUnavailableError`, `SchemaError` for one that is set otherwise."""
    if options.path.startswith(_POSTGRESQL):
        from wizard_server.storage.postgresql.engine import PostgresqlEngine

        return await PostgresqlEngine.open(options)
    return await SqliteEngine.open(options)
