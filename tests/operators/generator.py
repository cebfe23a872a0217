"""A database as large as the specification estimates, the same for the same seed, with trails that can be replayed.

``python -m tests.operators.generator FILE [DIVISOR]`` makes one by hand.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

import orjson

from tests import factories
from wizard_server.domain.clock import to_wire
from wizard_server.domain.diffing import diff
from wizard_server.storage.queries import load_queries
from wizard_server.storage.schema import scripts
from wizard_server.storage.sqlite.connection import Connection
from wizard_server.storage.sqlite.opening import connect
from wizard_server.storage.unaudited import unaudited_transaction

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_RUN = 500
_LOG_BYTES = 100
_STATUS = {"SETTINGS": ["IN_PROGRESS", "CANCELLED"], "PROGRESS": ["IN_PROGRESS", "ERROR"], "RESULTS": ["COMPLETED"]}

Values = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """How large; the defaults are the specification's storage estimate."""

    users: int = 1_000
    states: int = 10_000
    json_kb: int = 10
    template_users: int = 20
    templates_per_user: int = 50
    busy_states: int = 50
    changes: int = 100
    seed: int = 1

    def divided(self, divisor: int) -> "Shape":
        return Shape(
            users=self.users // divisor,
            states=self.states // divisor,
            json_kb=self.json_kb,
            template_users=self.template_users // divisor,
            busy_states=self.busy_states // divisor,
            seed=self.seed,
        )


async def generate(path: str, shape: Shape) -> None:
    """Make the database at `path`, which does not exist yet."""
    async with _opened(path) as connection:
        await scripts.apply(connection)
        async with unaudited_transaction(connection):
            await _add(connection, "archive.add_investigation", _investigations(shape))
            await _add(connection, "archive.add_entry", (entry for _, trail in _trails(shape) for entry in trail))
            await _add(connection, "archive.add_state", (state for state, _ in _trails(shape)))
            await _add(connection, "archive.add_template", _templates(shape))


@asynccontextmanager
async def _opened(path: str) -> AsyncIterator[Connection]:
    connection = await connect(path, create=True)
    try:
        yield connection
    finally:
        await connection.close()


async def _add(connection: Connection, name: str, rows: Iterable[Values]) -> None:
    query = load_queries("sqlite")[name]
    waiting = iter(rows)
    while run := list(islice(waiting, _RUN)):
        assert await connection.write(query, run) == len(run)


def _at(minutes: int) -> str:
    return to_wire(BEGIN + timedelta(minutes=minutes))


def _user(shape: Shape, number: int) -> str:
    return f"user-{number % shape.users:04}"


def _investigations(shape: Shape) -> Iterator[Values]:
    for number in range(shape.states):
        yield {
            "id": f"inv-{number:06}",
            "user_id": _user(shape, number),
            "created_at": _at(number),
            "newest_version": 0,
            "purged_at": None,
        }


def _trails(shape: Shape) -> Iterator[tuple[Values, list[Values]]]:
    """Yield each state with its entries; the same every time."""
    random = Random(shape.seed)
    for number in range(shape.states):
        changes = shape.changes if number < shape.busy_states else 2
        yield _trail(shape, number, changes, random)


def _trail(shape: Shape, number: int, changes: int, random: Random) -> tuple[Values, list[Values]]:
    step = random.choice(list(_STATUS))
    status = random.choice(_STATUS[step])
    logs = [f"agent-{line % 4}: {random.randbytes(42).hex()}" for line in range(shape.json_kb * 1024 // _LOG_BYTES)]
    document: Values | None = None
    entries = []
    for version in range(1, changes + 1):
        share = len(logs) * (version - 1) // (changes - 1)
        last = version == changes
        newer = _document(shape, number, version, logs[:share], step if last else "PROGRESS", status if last else None)
        parts = diff(document, newer) if document else None
        entries.append(_entry(newer, parts, random))
        document = newer
    assert document is not None
    return _state(document), entries


def _document(shape: Shape, number: int, version: int, logs: list[str], step: str, status: str | None) -> Values:
    return {
        "investigation_id": f"inv-{number:06}",
        "user_id": _user(shape, number),
        "wizard_step": step if version > 1 else "SETTINGS",
        "settings": factories.settings(name=f"Investigation {number}"),
        "progress": factories.progress(logs=logs, overall_progress=float(version)) if version > 1 else None,
        "results": factories.results() if step == "RESULTS" else None,
        "status": status or "IN_PROGRESS",
        "version": version,
        "created_at": _at(number),
        "updated_at": _at(number + version),
    }


def _entry(document: Values, parts: Any, random: Random) -> Values:
    return {
        "entry_id": random.randbytes(16).hex(),
        "investigation_id": document["investigation_id"],
        "user_id": document["user_id"],
        "action_type": "STATE_CHANGE" if parts else "STATE_CREATED",
        "previous_state": _encoded(parts.previous if parts else None),
        "new_state": _encoded(parts.current if parts else document),
        "source": "USER",
        "timestamp": document["updated_at"],
        "version": document["version"],
        "mutation_id": None,
        "rows_before": 0,
    }


def _state(document: Values) -> Values:
    fields = ("wizard_step", "status", "settings", "progress", "results")
    return {
        **{key: value for key, value in document.items() if key not in ("settings", "progress", "results")},
        **{key: _encoded(document[key]) for key in ("settings", "progress", "results")},
        **{f"{field}_version": document["version"] for field in fields},
        "last_accessed": None,
        "updated_by": document["user_id"],
        "rows_before": 0,
        "unaudited": 0,
    }


def _templates(shape: Shape) -> Iterator[Values]:
    random = Random(shape.seed + 1)
    for user in range(shape.template_users):
        for number in range(shape.templates_per_user):
            described = factories.settings(description=random.randbytes(2400).hex())
            yield {
                "template_id": random.randbytes(16).hex(),
                "user_id": _user(shape, user),
                "name": f"Template {number}",
                "description": None,
                "template": _encoded(described),
                "created_at": _at(number),
                "updated_at": _at(number),
                "usage_count": random.randrange(100),
            }


def _encoded(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


if __name__ == "__main__":
    divide: Callable[[int], Shape] = Shape().divided
    asyncio.run(generate(sys.argv[1], divide(int(sys.argv[2]) if len(sys.argv) > 2 else 1)))
