"""Investigations with the histories that cost most, written by the server's own statements; no request could make some.

Rows that older releases wrote are among them: they have more nodes than a body may have today, and name each index.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from tests import factories
from wizard_server.domain.changes import Parts
from wizard_server.domain.clock import to_wire
from wizard_server.domain.diffing import diff
from wizard_server.domain.record import FIELDS, PARTS
from wizard_server.storage.queries import load_queries

Values = dict[str, Any]
Differ = Callable[[Values, Values], Parts | None]
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_TINY_NODES = 160_000
_LINES = 120_000


def with_chips(chips: Sequence[Any]) -> Values:
    """Return settings whose one tool has `chips` as a parameter."""
    return factories.settings(tools=[{"tool_name": "t", "enabled": True, "parameters": {"chips": chips}}])


def tiny_nodes(versions: int, nodes: int = _TINY_NODES) -> Iterator[Values]:
    """Yield a state of 490 KB whose nodes are all tiny, and all others in the next version."""
    kinds: list[list[Any]] = [[{} for _ in range(nodes)], [[] for _ in range(nodes)]]
    for version in range(1, versions + 1):
        yield _document(version, settings=with_chips(kinds[version % 2]))


def long_names(versions: int, depth: int = 50, members: int = 300) -> Iterator[Values]:
    """Yield a state with `members` numbers below a path of names as long as they may be; all change, far apart."""
    name = "n" * 1000
    for version in range(1, versions + 1):
        inner: Any = {f"{number:03}": [version + number, "x" * 100] for number in range(members)}
        for _ in range(depth):
            inner = {name: inner}
        tool = {"tool_name": "t", "enabled": True, "parameters": inner}
        yield _document(version, settings=factories.settings(tools=[tool]))


def hashes(versions: int, count: int = 7_000) -> Iterator[Values]:
    """Yield a state of 490 KB in which nothing recurs; in the next version all is another."""
    for version in range(1, versions + 1):
        found = [hashlib.sha256(b"%d %d" % (version, number)).hexdigest() for number in range(count)]
        yield _document(version, settings=with_chips(found))


def sliding_log(versions: int, lines: int = _LINES, step: int = 40_000) -> Iterator[Values]:
    """Yield a log of short lines that loses `step` of them at its front and gets as many at its end."""
    for version in range(1, versions + 1):
        first = version * step
        logs = [str(number) for number in range(first, first + lines)]
        yield _document(version, wizard_step="PROGRESS", progress=factories.progress(logs=logs))


def growing_log(versions: int, size: int) -> Iterator[Values]:
    """Yield an ordinary log that ends with about `size` bytes."""
    line = "agent-{:02}: looked at one more of the entities and took note of what it found ({:06})"
    every = [line.format(number % 4, number) for number in range(size // len(line.format(0, 0)))]
    for version in range(1, versions + 1):
        logs = every[: len(every) * version // versions]
        progress = factories.progress(logs=logs, overall_progress=version % 1000 / 10)
        yield _document(version, wizard_step="PROGRESS", progress=progress)


def by_index(older: Values, newer: Values) -> Parts:
    """Return the parts of two `tiny_nodes` as older releases stored them: every element, removed and inserted."""
    sides = [
        {
            **{key: document[key] for key in ("version", "updated_at")},
            "settings": {"tools": {"0": {"parameters": {"chips": _indexed(document)}}}},
        }
        for document in (older, newer)
    ]
    return Parts(*sides)


def _indexed(document: Values) -> Values:
    return {str(index): chip for index, chip in enumerate(document["settings"]["tools"][0]["parameters"]["chips"])}


def add_trail(database: Path, key: str, user: str, documents: Iterator[Values], differ: Differ = diff) -> int:
    """Write an investigation that has been each of `documents`, and return its version."""
    queries = load_queries("sqlite")
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(queries["connection.begin"].sql)
        investigation = {
            "id": key,
            "user_id": user,
            "created_at": to_wire(_BEGIN),
            "newest_version": 0,
            "purged_at": None,
        }
        connection.execute(queries["archive.add_investigation"].sql, investigation)
        older: Values | None = None
        for document in documents:
            parts = Parts(None, document) if older is None else differ(older, document)
            assert parts is not None
            connection.execute(queries["audit.insert"].sql, _entry(key, user, document, parts))
            older = document
        assert older is not None
        connection.execute(queries["places.next"].sql)
        connection.execute(queries["states.insert"].sql, _state(key, user, older))
        connection.execute(queries["connection.commit"].sql)
    return int(older["version"])


def add_templates(database: Path, user: str, count: int, nodes: int) -> None:
    """Write templates whose settings have so many tiny nodes each; their names are in the order of their ids."""
    [document] = tiny_nodes(1, nodes)
    rows = [
        {
            "template_id": f"template-{number:02}",
            "user_id": user,
            "name": f"Template {number:02}",
            "description": None,
            "template_json": _text(document["settings"]),
            "created_at": to_wire(_BEGIN),
            "updated_at": to_wire(_BEGIN),
        }
        for number in range(count)
    ]
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(load_queries("sqlite")["templates.insert"].sql, rows)


def _document(version: int, **fields: Any) -> Values:
    return {
        "wizard_step": "SETTINGS",
        "status": "IN_PROGRESS",
        "settings": factories.settings(),
        "progress": None,
        "results": None,
        "version": version,
        "updated_at": to_wire(_BEGIN + timedelta(minutes=version)),
        **fields,
    }


def _entry(key: str, user: str, document: Values, parts: Parts) -> Values:
    version = document["version"]
    return {
        "entry_id": f"{key}-{version:06}",
        "investigation_id": key,
        "user_id": user,
        "action_type": "STATE_CREATED" if parts.previous is None else "STATE_CHANGE",
        "previous_state": _text(parts.previous),
        "new_state": _text(parts.current),
        "source": "USER",
        "timestamp": document["updated_at"],
        "version": version,
        "mutation_id": None,
    }


def _state(key: str, user: str, document: Values) -> Values:
    return {
        **{name: document[name] for name in ("wizard_step", "status", "version", "updated_at")},
        **{f"{field}_version": document["version"] for field in FIELDS},
        **{f"{part}_json": _text(document[part]) for part in PARTS},
        "investigation_id": key,
        "user_id": user,
        "created_at": to_wire(_BEGIN),
        "updated_by": user,
    }


def _text(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
