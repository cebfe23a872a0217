"""Compare a database with ``sql/manifest.json``.

Nothing here repairs: every `Difference` names the command, or the section of the runbook, with which an operator
mends it.
"""

import re
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from wizard_server.config.urls import as_owner
from wizard_server.storage.database_schema import Column, DatabaseSchema, Table
from wizard_server.storage.operating import Database
from wizard_server.storage.schema.manifest import load_manifest
from wizard_server.storage.schema.scripts import REBUILD

_APPLY = "wizard-server schema apply --config CONFIG"


_SQLITE = "sqlite3 -bail FILE"
_PSQL = "psql -X -v ON_ERROR_STOP=1 FILE"
_SHOW = f"wizard-server schema show {{name}} | {_SQLITE}"


# What the statement that makes it also puts in the place of another one.
_REPLACEABLE = frozenset({"trigger", "function", "view"})


CONNECT = 'sql/README.md, "Edit a row by hand"'


NEWER = 'sql/README.md, "Roll back", or install the wizard-server release that brought the script'


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which a database differs; `mend` is a command with CONFIG and FILE in it, or the runbook's section."""

    kind: str
    object: str
    message: str
    mend: str

    def mend_with(self, *, config: str, file: str) -> str:
        """Return `mend` for this configuration file and this database, quoted for the shell.

        A `file` that is a URL is named as that of the owner: the role of the server may not change the schema.
        """
        is_url = "://" in file
        values = {"CONFIG": shlex.quote(config), "FILE": shlex.quote(as_owner(file) if is_url else file)}
        mend = self.mend.replace(f"| {_SQLITE}", f"--config CONFIG | {_PSQL}") if is_url else self.mend
        return re.sub(r"\b(CONFIG|FILE)\b", lambda match: values[match.group()], mend)


def compare(manifest: DatabaseSchema, actual: DatabaseSchema) -> list[Difference]:
    """Return every difference, scripts first; none means that the database is what the manifest says.

    Views that no script made are the operators' own and no difference: nothing that is written depends on them.
    """
    ours = {name: body for name, body in actual.views.items() if name in manifest.views}
    found = [
        *_compare_tables(manifest.tables, actual.tables),
        *_compare_texts("function", manifest.functions, actual.functions),
        *_compare_texts("view", manifest.views, ours),
    ]
    missing = [name for version, name in manifest.scripts.items() if version not in actual.scripts]
    unknown = [name for version, name in actual.scripts.items() if manifest.scripts.get(version) != name]
    if missing:
        found = [replace(difference, mend=_APPLY) for difference in found]
    if manifest.foreign_keys_enforced and not actual.foreign_keys_enforced:
        found.append(Difference("connection", "foreign_keys", "foreign keys are off on this connection", CONNECT))
    return [
        *(Difference("script", name, f"script {name} is not applied", _APPLY) for name in missing),
        *(Difference("script", name, f"unknown script {name} is applied", NEWER) for name in unknown),
        *found,
    ]


def _compare_tables(expected: Mapping[str, Table], actual: Mapping[str, Table]) -> Iterator[Difference]:
    yield from _compare_names("table", expected, actual, mend=_SHOW)
    for name in sorted(expected.keys() & actual.keys()):
        wanted, found = expected[name], actual[name]
        if found.unlogged:
            yield Difference(
                "table", name, f"table {name} is UNLOGGED: a crash empties it", f"ALTER TABLE {name} SET LOGGED"
            )
        yield from _compare_columns(name, wanted.columns, found.columns)
        for kind, text in sorted(wanted.keys - found.keys):
            yield Difference(kind, name, f"{kind} of {name} {text} is missing", REBUILD)
        for kind, text in sorted(found.keys - wanted.keys):
            yield Difference(kind, name, f"unknown {kind} of {name} {text}", REBUILD)
        yield from _compare_texts("index", wanted.indexes, found.indexes)
        yield from _compare_texts("trigger", wanted.triggers, found.triggers)


def _compare_texts(kind: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Difference]:
    yield from _compare_names(kind, wanted, found, mend=_SHOW)
    for name in sorted(wanted.keys() & found.keys()):
        if wanted[name] != found[name]:
            mend = _SHOW.format(name=name) if kind in _REPLACEABLE else REBUILD
            yield Difference(kind, name, f"{kind} {name} is {found[name]}, expected {wanted[name]}", mend)


def _compare_names(kind: str, wanted: Collection[str], found: Collection[str], *, mend: str) -> Iterator[Difference]:
    for name in sorted(set(wanted) - set(found)):
        yield Difference(kind, name, f"{kind} {name} is missing", mend.format(name=name))
    for name in sorted(set(found) - set(wanted)):
        yield Difference(kind, name, f"unknown {kind} {name}", REBUILD)


_FACTS: list[tuple[str, Callable[[Column], str]]] = [
    ("has type ", lambda column: column.type or "none"),
    ("is ", lambda column: "nullable" if column.nullable else "NOT NULL"),
    ("has default ", lambda column: column.default or "none"),
    ("is ", lambda column: "generated" if column.generated else "not generated"),
]


def _compare_columns(table: str, wanted: Mapping[str, Column], found: Mapping[str, Column]) -> Iterator[Difference]:
    full = f"{table}.{{}}".format
    yield from _compare_names("column", [*map(full, wanted)], [*map(full, found)], mend=REBUILD)
    for name in sorted(wanted.keys() & found.keys()):
        for verb, fact in _FACTS:
            is_so, should_be = fact(found[name]), fact(wanted[name])
            if is_so != should_be:
                message = f"column {full(name)} {verb}{is_so}, expected {should_be}"
                yield Difference("column", full(name), message, REBUILD)


async def check(database: Database) -> list[Difference]:
    """Return every difference between `database` and the manifest."""
    return compare(load_manifest(database.dialect), await database.inspect())
