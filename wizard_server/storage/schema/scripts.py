"""The numbered scripts: which are in the ledger, and running the missing ones because an operator said so."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from wizard_server.errors import SchemaError
from wizard_server.storage.operating import Database, ScriptError
from wizard_server.storage.queries import sql_root

_SCRIPT = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
REBUILD = 'sql/README.md, "Mend a drifted table"'


@dataclass(frozen=True, slots=True)
class Script:
    """One numbered script; `name` is its file's name without ``.sql``, `text` runs as it is."""

    version: int
    name: str
    text: str = field(repr=False)


def scripts(engine: str, root: Path | None = None) -> list[Script]:
    """Return the scripts of `engine` below `root` (None: ours); `SchemaError` unless they are numbered 1, 2, 3, ..."""
    return list(_read((root or sql_root()) / engine / "migrations"))


@cache
def _read(folder: Path) -> tuple[Script, ...]:
    found = []
    for position, file in enumerate(sorted(folder.iterdir(), key=lambda entry: entry.name), start=1):
        match = _SCRIPT.match(file.name)
        if match is None or int(match.group(1)) != position:
            raise SchemaError(f"script {file.name} is out of line: expected {position:04}_<name>.sql")
        found.append(Script(position, file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")))
    return tuple(found)


async def status(database: Database) -> list[tuple[Script, str | None]]:
    """Return every script with the time it ran (ISO 8601, UTC), or None when it is not in."""
    known = await database.ledger()
    return [
        (script, known[script.version][1] if script.version in known else None) for script in scripts(database.dialect)
    ]


async def apply(database: Database) -> list[Script]:
    """Run the missing scripts in order and return those that ran here; one that another apply ran first is left out.

    Raises `SchemaError` for the first script that fails: nothing of it remains, and the ones before it stay.
    """
    return [script for script, applied in await status(database) if not applied and await _run(database, script)]


async def _run(database: Database, script: Script) -> bool:
    try:
        await database.run_script(script.text)
    except ScriptError as error:
        if script.version in await database.ledger():
            return False
        hint = f"; part of it was in before this, and no record of it: {REBUILD}" if error.was_there else ""
        raise SchemaError(f"script {script.name} failed and nothing of it remains: {error}{hint}") from error
    return True
