"""Load the named statements of an engine: those of ``sql/common/queries`` and its own of ``sql/<engine>/queries``.

A block is a line ``-- name: <noun>.<verb>``, comment lines that describe it in one sentence, and one statement with
named parameters (``:parameter``). The rest of the code knows statements by name only. What every engine understands
stands in ``common``; a block of an engine replaces the common one of its name.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from wizard_server.errors import SchemaError

_NAME = re.compile(r"^-- name: ([a-z_]+\.[a-z_]+)$")
# A string, in which nothing is a parameter, or a parameter.
_TOKEN = re.compile(r"'[^']*'|(?<![:\w]):(?P<name>[a-z_][a-z0-9_]*)")
# How a driver wants parameters, and a percent sign that stands for itself; SQLite takes both as they are written.
_STYLES = {"postgresql": ("%({})s", "%%")}


@dataclass(frozen=True, slots=True)
class Query:
    """One statement: its name, its sentence, its text and the names of its parameters."""

    name: str
    description: str
    sql: str
    parameters: frozenset[str]


@cache
def sql_root() -> Path:
    """Return the folder of scripts, statements and manifest: inside the wheel, or the checkout's ``sql/``."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "sql"
    return packaged if packaged.is_dir() else package.parent / "sql"


def parse_queries(text: str) -> Iterator[Query]:
    """Yield the blocks of one file; raise `SchemaError` for a block without a sentence or a statement."""
    name = ""
    lines: list[str] = []
    for line in [*text.splitlines(), "-- name: end.end"]:
        heading = _NAME.match(line)
        if heading is None:
            lines.append(line)
            continue
        if name:
            yield _query(name, lines)
        name, lines = heading.group(1), []


def _query(name: str, lines: list[str]) -> Query:
    description = " ".join(line.removeprefix("--").strip() for line in lines if line.startswith("--")).strip()
    sql = "\n".join(line for line in lines if line.strip() and not line.startswith("--"))
    if not description or not sql:
        raise SchemaError(f"query {name}: a block needs one sentence and one statement")
    parameters = frozenset(token["name"] for token in _TOKEN.finditer(sql) if token["name"])
    return Query(name, description, sql.rstrip(";\n "), parameters)


@cache
def load_queries(engine: str, root: Path | None = None) -> Mapping[str, Query]:
    """Return every statement of `engine` by its name, as its driver wants it.

    It is a folder below `root` (None: ours).
    """
    found = {**queries_of("common", root), **queries_of(engine, root)}
    style = _STYLES.get(engine)
    return found if style is None else {name: _styled(query, *style) for name, query in found.items()}


def queries_of(folder: str, root: Path | None = None) -> dict[str, Query]:
    """Return the statements of one folder below `root` by their names; raise `SchemaError` when two share one."""
    found: dict[str, Query] = {}
    for file in sorted(((root or sql_root()) / folder / "queries").iterdir(), key=lambda entry: entry.name):
        for query in parse_queries(file.read_text(encoding="utf-8")):
            if query.name in found:
                raise SchemaError(f"query {query.name} is defined twice")
            found[query.name] = query
    return found


def _styled(query: Query, parameter: str, percent: str) -> Query:
    def styled(token: re.Match[str]) -> str:
        return parameter.format(token["name"]) if token["name"] else token[0]

    return replace(query, sql=_TOKEN.sub(styled, query.sql.replace("%", percent)))


def bound(query: Query, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of `values` that `query` takes; a list of choices as a JSON array, an empty one as NULL: any."""
    taken = {name: values[name] for name in query.parameters}
    return {
        name: (json.dumps(value) if value else None) if isinstance(value, tuple) else value
        for name, value in taken.items()
    }
