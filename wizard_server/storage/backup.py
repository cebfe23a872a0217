"""Online backup: a copy of the database as it was at one moment, verified before it gets its name."""

from dataclasses import dataclass

from wizard_server.errors import WizardError
from wizard_server.storage.new_file import new_file
from wizard_server.storage.queries import load_queries
from wizard_server.storage.schema import comparing
from wizard_server.storage.schema.comparing import Difference
from wizard_server.storage.schema.orphans import MOST_FINDINGS, orphans
from wizard_server.storage.sqlite.connection import Connection
from wizard_server.storage.sqlite.opening import connect


class BackupError(WizardError):
    """The copy failed its verification and was removed."""

    code = "backup-refused"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that is kept: its size, and how the database (and so its copy) differs from the manifest."""

    size_bytes: int
    differences: list[Difference]


async def backup(connection: Connection, target: str) -> Backup:
    """Copy the database into the new file `target` while others read and write it.

    The copy is kept when it passes the integrity checks and has the schema of the database, which may still lack a
    script. Raises `BackupError`, `OutputFileError` or `sqlite3.Error`, and then `target` does not exist.
    """
    before = await comparing.check(connection)
    with new_file(target) as partial:
        await connection.backup_to(str(partial))
        copy = await connect(str(partial), read_only=True)
        try:
            await _refuse_damage(copy)
            differences = await comparing.check(copy)
        finally:
            await copy.close()
        if differences != before:
            messages = "; ".join(difference.message for difference in differences)
            raise BackupError(f"the schema changed while the copy was made; try again ({messages})")
        size = partial.stat().st_size
    return Backup(size, differences)


async def _refuse_damage(copy: Connection) -> None:
    rows = await copy.fetch_all(load_queries("sqlite")["backup.integrity"], {"limit": MOST_FINDINGS})
    findings = [row["finding"] for row in rows if row["finding"] != "ok"] or await orphans(copy)
    if findings:
        raise BackupError(f"the copy is damaged, and most likely so is the database: {'; '.join(findings)}")
