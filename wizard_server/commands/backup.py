"""``wizard-server backup FILE``: an online backup (contract 10)."""

import shlex

from wizard_server.commands.console import say, tell
from wizard_server.commands.databases import is_on_a_server, opened_file, refuse_own_files, reported
from wizard_server.commands.signals import interruptible
from wizard_server.config.urls import masked
from wizard_server.errors import SchemaError
from wizard_server.storage import backup as backups
from wizard_server.storage.schema import scripts
from wizard_server.storage.sqlite.connection import Connection


@reported
@interruptible
async def backup(path: str, config: str, target: str) -> int:
    """Copy the database at `path` into the new file `target`, verified; the server may run meanwhile.

    A difference from the manifest that the database has too is reported, and is no error. Returns 1 and leaves no file
    when the copy cannot be made or is damaged; for PostgreSQL returns 1 and prints the command of `pg_dump`.
    """
    if is_on_a_server(path):
        command = f"pg_dump -Fc --no-owner -f {shlex.quote(target)} {shlex.quote(masked(path))}"
        tell(f"wizard-server: a PostgreSQL database is backed up with PostgreSQL's own program: {command}")
        return 1
    refuse_own_files(path, target)
    async with opened_file(path, config) as connection:
        await _refuse_foreign(connection, path, config)
        made = await backups.backup(connection, target)
    for difference in made.differences:
        tell(f"note: {difference.message}, in {path} as in its copy")
    say(f"backed up {path} to {target}: {made.size_bytes:,} bytes, verified")
    return 0


async def _refuse_foreign(connection: Connection, path: str, config: str) -> None:
    """Raise `SchemaError` for a database in which no script has run, because it is the wrong file or empty."""
    if not any(applied_at for _, applied_at in await scripts.status(connection)):
        raise SchemaError(
            f"database {path} has none of wizard-server's tables; is it the right file? To make them: "
            f"wizard-server schema apply --config {config}"
        )
