"""The numbered scripts: which are in the ledger, and running the missing ones because an operator said so."""

import re
import sqlite3
from dataclasses import dataclass, field

from wizard_server.errors import SchemaError
from wizard_server.storage.queries import sql_root
from wizard_server.storage.sqlite.connection import Connection
from wizard_server.storage.sqlite.inspecting import ledger

_SCRIPT = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
REBUILD = 'sql/README.md, "Mend a drifted table"'


@dataclass(frozen=True, slots=True)
class Script:
    """One numbered script; `name` is its file's name without ``.sql``, `text` runs as it is."""

    version: int
    name: str
    text: str = field(repr=False)


def scripts(engine: str) -> list[Script]:
    """Return the scripts of `engine` in their order; raise `SchemaError` unless they are numbered 1, 2, 3, ..."""
    found = []
    folder = sql_root() / engine / "migrations"
    for position, file in enumerate(sorted(folder.iterdir(), key=lambda entry: entry.name), start=1):
        match = _SCRIPT.match(file.name)
        if match is None or int(match.group(1)) != position:
            raise SchemaError(f"script {file.name} is out of line: expected {position:04}_<name>.sql")
        found.append(Script(position, file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")))
    return found


async def status(connection: Connection) -> list[tuple[Script, str | None]]:
    """Return every script with the time it ran (ISO 8601, UTC), or None when it is not in."""
    known = await ledger(connection)
    return [(script, known[script.version][1] if script.version in known else None) for script in scripts("sqlite")]


async def apply(connection: Connection) -> list[Script]:
    """Run the missing scripts in order and return those that ran here; one that another apply ran first is left out.

    Raises `SchemaError` for the first script that fails: nothing of it remains, and the ones before it stay.
    """
    return [script for script, applied in await status(connection) if not applied and await _run(connection, script)]


async def _run(connection: Connection, script: Script) -> bool:
    try:
        await connection.run_script(script.text)
    except sqlite3.Error as error:
        if script.version in await ledger(connection):
            return False
        half = "already exists" in str(error) or "duplicate column" in str(error)
        hint = f"; part of it was in before this, and no record of it: {REBUILD}" if half else ""
        raise SchemaError(f"script {script.name} failed and nothing of it remains: {error}{hint}") from error
    return True
