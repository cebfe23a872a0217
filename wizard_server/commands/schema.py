"""``wizard-server schema status|apply|check|show``: each returns the exit status, 0, or 1 for differences and errors.

`path` is the database file; `config` is the configuration file as the operator named it, for the commands that the
output tells him to run. Results go to standard output, errors to standard error.
"""

import re
import shlex
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from wizard_server.errors import SchemaError, WizardError
from wizard_server.storage import schema
from wizard_server.storage.sqlite import Connection, connect

P = ParamSpec("P")
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
_DEFINES = re.compile(
    r"\s*(?:create|alter|drop)\s+(?:unique\s+)?(?:table|index|trigger)\s+(?:if\s+(?:not\s+)?exists\s+)?(\w+)",
    re.IGNORECASE,
)
_BELONGS_TO = re.compile(r"\son\s+(\w+)", re.IGNORECASE)


def _reported(command: Callable[P, Awaitable[int]]) -> Callable[P, Coroutine[Any, Any, int]]:
    @wraps(command)
    async def reporting(*args: P.args, **kwargs: P.kwargs) -> int:
        try:
            return await command(*args, **kwargs)
        except (WizardError, sqlite3.Error) as error:
            print(f"wizard-server: {error}", file=sys.stderr)
            return 1

    return reporting


@asynccontextmanager
async def _opened(path: str, config: str) -> AsyncIterator[Connection]:
    """Open the database for reading; `SchemaError` when the file does not exist, and it is not made."""
    if not _exists(path):
        command = f"wizard-server schema apply --config {shlex.quote(config)}"
        raise SchemaError(f"database {path} does not exist; to create it: {command}")
    async with _closing(await connect(path, read_only=True)) as connection:
        yield connection


@asynccontextmanager
async def _closing(connection: Connection) -> AsyncIterator[Connection]:
    try:
        yield connection
    finally:
        await connection.close()


def _exists(path: str) -> bool:
    return Path(path).exists()


@_reported
async def status(path: str, config: str) -> int:
    """Print every script and when it ran; a missing one is no error."""
    async with _opened(path, config) as connection:
        rows = await schema.status(connection)
    width = max(len(script.name) for script, _ in rows)
    for script, applied_at in rows:
        print(f"{script.name:<{width}}  {applied_at or 'not applied'}")
    return 0


@_reported
async def apply(path: str, config: str) -> int:
    """Run the missing scripts, making the file when there is none."""
    async with _closing(await connect(path, create=True)) as connection:
        ran = await schema.apply(connection)
    for script in ran:
        print(f"applied {script.name}")
    if not ran:
        print(f"nothing to apply: every script is in {path}")
    return 0


@_reported
async def check(path: str, config: str) -> int:
    """Print every difference from the manifest with the command that mends it; none is 0."""
    async with _opened(path, config) as connection:
        differences = await schema.check(connection)
    width = max((len(difference.message) for difference in differences), default=0)
    for difference in differences:
        print(f"{difference.message:<{width}}  mend: {difference.mend_with(config=config, file=path)}")
    if not differences:
        print(f"{path} is what the manifest says")
    return 1 if differences else 0


@_reported
async def show(path: str, config: str, name: str | None = None) -> int:
    """Print the text that `apply` would run, or the statements that define the table, index or trigger `name`.

    Without `name`, a file that does not exist lacks every script. The output is SQL and nothing else.
    """
    if name is not None:
        print("\n\n".join(definition(name)))
        return 0
    if _exists(path):
        async with _opened(path, config) as connection:
            missing = [script for script, applied_at in await schema.status(connection) if applied_at is None]
    else:
        missing = schema.scripts("sqlite")
    if not missing:
        print(f"nothing to apply: every script is in {path}", file=sys.stderr)
    print("\n".join(script.text for script in missing), end="")
    return 0


def definition(name: str) -> list[str]:
    """Return the statements of the scripts that define `name`, with their comments; of a table also what belongs to it.

    Raises `SchemaError` when no script defines it.
    """
    found = [
        (*_subject(statement), statement) for script in schema.scripts("sqlite") for statement in _split(script.text)
    ]
    names = {subject for subject, table, _ in found if subject and name in (subject, table)}
    if not names:
        known = sorted({subject for subject, _, _ in found if subject})
        raise SchemaError(f"no script defines {name}; there are: {', '.join(known)}")
    return [statement for subject, _, statement in found if subject in names]


def _split(text: str) -> Iterator[str]:
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""


def _subject(statement: str) -> tuple[str, str]:
    """Return the name that `statement` defines and the table that it belongs to, both empty for other statements."""
    code = _COMMENT.sub("", statement)
    match = _DEFINES.match(code)
    if match is None:
        return "", ""
    table = _BELONGS_TO.search(code, match.end())
    return match.group(1), table.group(1) if table else ""
