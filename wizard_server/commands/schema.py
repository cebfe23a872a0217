"""``wizard-server schema status|apply|check|show``: each returns the exit status, 0, or 1 for differences and errors.

`path` is the database, a file or a URL; `config` is the configuration file as the operator named it, for the commands
that the output recommends. Results go to standard output, errors to standard error. With `as_json` the result is one
JSON object; later releases may add members, and remove none.
"""

import re
from collections.abc import Sequence

from wizard_server.commands.console import print_json, print_source, say, tell, warn
from wizard_server.commands.databases import CONTENT, closing, exists, opened, reported
from wizard_server.config.urls import masked
from wizard_server.errors import SchemaError
from wizard_server.storage.data_check import unreadable_rows
from wizard_server.storage.engines import dialect_of, open_database
from wizard_server.storage.operating import Database
from wizard_server.storage.schema import comparing
from wizard_server.storage.schema import scripts as schema
from wizard_server.storage.schema.comparing import Difference
from wizard_server.storage.schema.scripts import Script
from wizard_server.storage.schema.splitting import split_statements

MOST_LISTED = 10_000
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
_DEFINES = re.compile(
    r"\s*(?:create|alter|drop)\s+(?:or\s+replace\s+)?(?:unique\s+)?(?:table|index|trigger|function|view)\s+(?:if\s+(?:not\s+)?exists\s+)?(\w+)",
    re.IGNORECASE,
)
_BELONGS_TO = re.compile(r"\son\s+(\w+)", re.IGNORECASE)


@reported
async def status(path: str, config: str, *, as_json: bool = False) -> int:
    """Print every script and when it ran; a missing one is no error.

    JSON: ``{database, scripts: [{version, name, applied_at}]}``, `applied_at` null for one that is not in.
    """
    async with opened(path, config) as database:
        rows = await schema.status(database)
    if as_json:
        scripts = [{"version": s.version, "name": s.name, "applied_at": applied_at} for s, applied_at in rows]
        print_json({"database": masked(path), "scripts": scripts})
        return 0
    width = max(len(script.name) for script, _ in rows)
    for script, applied_at in rows:
        say(f"{script.name:<{width}}  {applied_at or 'not applied'}")
    return 0


@reported
async def apply(path: str, config: str) -> int:
    """Run the missing scripts, making the file when there is none.

    Returns 1 when all scripts are applied and the database still differs from the manifest: a script was run in part
    (`sqlite3` without `-bail`), or the schema was changed since.
    """
    async with closing(await open_database(path, create=True, tell=warn)) as database:
        ran = await schema.apply(database)
        differences = await comparing.check(database)
    for script in ran:
        print(f"applied {script.name}")
    if differences:
        tell(f"wizard-server: every script is in {masked(path)}, but not all that they make:")
        for difference in differences:
            tell(f"{difference.message}\n    mend: {difference.mend_with(config=config, file=path)}")
        return 1
    if not ran:
        say(f"nothing to apply: every script is in {masked(path)}")
    return 0


@reported
async def check(path: str, config: str, *, as_json: bool = False, data: bool = False) -> int:
    """Print every difference from the manifest with the command that mends it; return 0 when there is none.

    With `data` print also every row that the server cannot read: table, key, column and reason.
    JSON: ``{database, matches, differences: [{kind, object, message, mend}]}``, with `data` also
    ``{unreadable: [{table, key, column, reason}], unreadable_total}``, the first `MOST_LISTED` of them.
    """
    async with opened(path, config) as database:
        differences = await comparing.check(database)
        found: dict[str, object] = {"database": masked(path), "matches": not differences}
        found["differences"] = [_difference(each, path, config) for each in differences]
        if not as_json:
            _print_differences(differences, path, config)
        total = 0
        if data and any(each.kind in CONTENT for each in differences):
            raise SchemaError("the rows were not looked at: mend the tables first")
        if data:
            listed, total = await _check_data(database, quiet=as_json)
            found |= {"unreadable": listed, "unreadable_total": total}
    if as_json:
        print_json(found)
    elif data and not total:
        say(f"{masked(path)} has no row that cannot be read")
    return 1 if differences or total else 0


def _print_differences(differences: Sequence[Difference], path: str, config: str) -> None:
    width = max((len(difference.message) for difference in differences), default=0)
    for difference in differences:
        say(f"{difference.message:<{width}}  mend: {difference.mend_with(config=config, file=path)}")
    if not differences:
        say(f"{masked(path)} is what the manifest says")


async def _check_data(database: Database, *, quiet: bool) -> tuple[list[dict[str, str]], int]:
    """Return the first rows that cannot be read, and the number of faults; print each unless `quiet`."""
    listed: list[dict[str, str]] = []
    total = 0
    async for fault in unreadable_rows(database):
        total += 1
        if not quiet:
            say(f"{fault.table} {fault.key}: {fault.column} {fault.reason}")
        elif len(listed) < MOST_LISTED:
            members = ("table", "key", "column", "reason")
            listed.append({member: getattr(fault, member) for member in members})
    return listed, total


def _difference(found: Difference, path: str, config: str) -> dict[str, str]:
    mend = found.mend_with(config=config, file=path)
    return {"kind": found.kind, "object": found.object, "message": found.message, "mend": mend}


@reported
async def show(path: str, config: str, name: str | None = None, *, as_json: bool = False) -> int:
    """Print the text that `apply` would run, or the statements that define `name`: a table, index, trigger, view ...

    Without `name`, a file that does not exist lacks every script. The output is SQL and nothing else.
    JSON: ``{database, scripts: [{version, name, sql}]}``, or with `name` ``{name, statements: [sql]}``.
    """
    if name is not None:
        statements = definition(name, dialect_of(path))
        if as_json:
            print_json({"name": name, "statements": statements})
        else:
            print_source("\n\n".join(statements), "sql")
        return 0
    missing = await _missing(path, config)
    if as_json:
        scripts = [{"version": script.version, "name": script.name, "sql": script.text} for script in missing]
        print_json({"database": masked(path), "scripts": scripts})
        return 0
    if not missing:
        tell(f"nothing to apply: every script is in {masked(path)}")
    print_source("\n".join(script.text for script in missing), "sql", end="")
    return 0


async def _missing(path: str, config: str) -> list[Script]:
    if not exists(path):
        return schema.scripts(dialect_of(path))
    async with opened(path, config) as database:
        return [script for script, applied_at in await schema.status(database) if applied_at is None]


def definition(name: str, dialect: str = "sqlite") -> list[str]:
    """Return the statements of the scripts that define `name`, and for a table its indexes and triggers, with comments.

    Raises `SchemaError` when no script defines it.
    """
    found = [
        (*_subject(statement), statement)
        for script in schema.scripts(dialect)
        for statement in split_statements(script.text, dialect)
    ]
    names = {subject for subject, table, _ in found if subject and name in (subject, table)}
    if not names:
        known = sorted({subject for subject, _, _ in found if subject})
        raise SchemaError(f"no script defines {name}; there are: {', '.join(known)}")
    return [statement for subject, _, statement in found if subject in names]


def _subject(statement: str) -> tuple[str, str]:
    """Return the name that `statement` defines and the table that it belongs to, both empty for other statements."""
    code = _COMMENT.sub("", statement)
    match = _DEFINES.match(code)
    if match is None:
        return "", ""
    table = _BELONGS_TO.search(code, match.end())
    return match.group(1), table.group(1) if table else ""
