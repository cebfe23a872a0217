"""Databases of any size: made by the operators' scripts, filled by the server's own statements.

Every investigation runs (step PROGRESS) and has the same trail; changes of all investigations follow one another in
time, so that the entries of one lie far apart on disk, as they do after months of use.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from tests import factories
from tests.schema.databases import make
from wizard_server.domain.clock import to_wire, utc_now
from wizard_server.domain.diffing import diff
from wizard_server.domain.record import FIELDS, PARTS
from wizard_server.storage.queries import load_queries

USER = "user-0"
_LINE = "agent-{:02}: looked at one more of the entities and its neighbours, took note of what it found ({:06})"
_CACHE_KIB = 1024 * 1024
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

Values = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """How large: `entries` of the trail for each state, the states shared by `users`.

    `long_trail`: the first investigation has that many entries.
    """

    states: int = 1
    state_bytes: int = 1500
    entries: int = 2
    users: int = 1
    long_trail: int = 0

    @property
    def rows(self) -> int:
        """How many entries there are in all."""
        return self.states * self.entries + max(self.long_trail - self.entries, 0)


def topic(number: int) -> str:
    """Return the identifier of an investigation."""
    return f"inv-{number:06}"


def owner(shape: Shape, number: int) -> str:
    """Return the user to whom an investigation belongs."""
    return f"user-{number % shape.users}"


def version_of(shape: Shape, number: int) -> int:
    """Return the version that a state has in the beginning."""
    return max(shape.long_trail, shape.entries) if number == 0 else shape.entries


def progress_of(size: int, overall: float = 25.0) -> Values:
    """Return a progress whose JSON has about `size` bytes."""
    bare = factories.progress(overall_progress=overall)
    lines = max(size - len(orjson.dumps(bare)), 0) // (len(_LINE.format(0, 0)) + 3)
    return factories.progress(overall_progress=overall, logs=[_LINE.format(line % 4, line) for line in range(lines)])


def fill(path: Path, shape: Shape) -> Path:
    """Make the database at `path`, which does not exist yet."""
    make(path)
    queries = load_queries("sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # Nobody needs it after a power failure; what matters is that it is there soon.
        connection.executescript(f"PRAGMA synchronous = OFF; PRAGMA cache_size = -{_CACHE_KIB};")
        connection.execute(queries["connection.begin"].sql)
        connection.executemany(queries["archive.add_investigation"].sql, _investigations(shape))
        connection.executemany(queries["audit.insert"].sql, _entries(shape))
        connection.executemany(queries["states.insert"].sql, _states(shape, connection, queries["places.next"].sql))
        connection.execute(queries["connection.commit"].sql)
    return path


def _investigations(shape: Shape) -> Iterator[Values]:
    for number in range(shape.states):
        yield {
            "id": topic(number),
            "user_id": owner(shape, number),
            "created_at": to_wire(_BEGIN),
            "newest_version": 0,
            "purged_at": None,
        }


def _entries(shape: Shape) -> Iterator[Values]:
    """Yield every entry in the order of time; an entry stands before its state, so that no trigger speaks."""
    texts = _texts(shape, max(shape.entries, shape.long_trail))
    serial = 0
    for version, (action, previous, current) in enumerate(texts, start=1):
        timestamp = to_wire(_BEGIN + timedelta(minutes=version))
        for number in range(shape.states if version <= shape.entries else 1):
            serial += 1
            yield {
                # Spread like random ones, and never the same twice: an odd factor permutes the 128-bit numbers.
                "entry_id": f"{serial * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}",
                "investigation_id": topic(number),
                "user_id": owner(shape, number),
                "action_type": action,
                "previous_state": previous,
                "new_state": current,
                "source": "USER",
                "timestamp": timestamp,
                "version": version,
                "mutation_id": None,
            }


def _texts(shape: Shape, count: int) -> Iterator[tuple[str, str | None, str]]:
    """Yield action, previous and new parts of each version: a creation, the start, then ever new progress."""
    older = _document(shape, 1)
    yield "STATE_CREATED", None, orjson.dumps(older).decode()
    for version in range(2, count + 1):
        newer = _document(shape, version)
        parts = diff(older, newer)
        assert parts is not None
        yield "STATE_CHANGE", orjson.dumps(parts.previous).decode(), orjson.dumps(parts.current).decode()
        older = newer


def _document(shape: Shape, version: int) -> Values:
    settings = factories.settings()
    return {
        "wizard_step": "SETTINGS" if version == 1 else "PROGRESS",
        "status": "IN_PROGRESS",
        "settings": settings,
        "progress": None if version == 1 else _progress(shape, settings, version),
        "results": None,
        "version": version,
        "updated_at": to_wire(_BEGIN + timedelta(minutes=version)),
    }


def _progress(shape: Shape, settings: Values, version: int) -> Values:
    return progress_of(shape.state_bytes - len(orjson.dumps(settings)) - 300, version % 100)


def _states(shape: Shape, connection: sqlite3.Connection, next_place: str) -> Iterator[Values]:
    """Yield each state in the version that its trail ends with, changed just now; its place is taken before."""
    documents: dict[int, Values] = {}
    now = utc_now()
    for number in range(shape.states):
        version = version_of(shape, number)
        texts = documents.get(version) or documents.setdefault(version, _columns(_document(shape, version)))
        connection.execute(next_place)
        yield {
            **texts,
            "investigation_id": topic(number),
            "user_id": owner(shape, number),
            "created_at": to_wire(_BEGIN),
            "updated_at": to_wire(now - timedelta(milliseconds=shape.states - number)),
            "updated_by": owner(shape, number),
        }


def _columns(document: Values) -> Values:
    encoded: Sequence[str | None] = [
        None if document[part] is None else orjson.dumps(document[part]).decode() for part in PARTS
    ]
    return {
        **{key: document[key] for key in ("wizard_step", "status", "version")},
        **{f"{field}_version": document["version"] for field in FIELDS},
        **{f"{part}_json": text for part, text in zip(PARTS, encoded, strict=True)},
    }
